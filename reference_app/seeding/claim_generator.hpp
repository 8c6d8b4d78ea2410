// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "seeding/random_source.hpp"
#include "shared/claim_record.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace claims_app {

/// Invents claims that look and add up like real ones: of the seed_parameters, the same for the same options.
///
/// Nobody in them exists; what they show of payers, providers or treatments is invented with them.
/// Thread safety: single-owner.
///
///     claims_app::claim_generator claims({.claims = 20'000, .seed = 1});
///     while (auto claim = claims.next()) write(claim->practice, claim->record);
class claim_generator {
 public:
  struct options {
    std::size_t claims = 20'000;  ///< how many, 1..100'000'000
    std::uint64_t seed = 1;
    /// The day the claims are looked at from: none is younger, and decisions after it are still pending.
    std::chrono::sys_days anchor = std::chrono::year(2025) / 7 / 1;
  };

  struct claim {
    std::size_t practice = 0;  ///< below practices()
    claim_record record = {};
  };

  /// Throws: std::invalid_argument for an option out of range.
  explicit claim_generator(options opts);

  /// Returns: the next claim; nothing after the last one.
  [[nodiscard]] std::optional<claim> next();

  [[nodiscard]] std::size_t practices() const noexcept { return practice_names_.size(); }
  [[nodiscard]] const std::string& practice_name(std::size_t practice) const {
    return practice_names_.at(practice);
  }

 private:
  struct payer {
    payer_record record;
    std::size_t kind;  // position in payer_kinds
    double denial_rate;
  };
  struct provider {
    provider_record record;
    std::size_t practice;
    double markup;
    double denial_logit;
  };
  struct patient {
    std::string member_number;
    std::size_t payer;
  };
  struct practice_patients {
    std::vector<patient> members;
    std::vector<double> weights;
  };
  struct schedule {
    std::chrono::sys_days service;
    std::chrono::sys_days received;
    std::chrono::sys_days decided;
  };

  void make_payers(std::size_t count);
  void make_practices_and_providers(std::size_t practices, std::size_t providers);
  void make_patients(std::size_t count);
  void make_calendar();
  [[nodiscard]] schedule draw_schedule(std::size_t kind, const payer& by);
  void draw_lines(claim_record& record, std::size_t kind, const provider& from);
  void decide(claim_record& record, const payer& by, const provider& from, schedule& when);
  void pay(claim_record& record, const payer& by);
  void deny(claim_record& record);
  [[nodiscard]] std::string draw_diagnoses();

  const options opts_;
  random_source random_;
  std::size_t made_ = 0;
  std::vector<std::string> practice_names_;
  std::vector<payer> payers_;
  std::vector<provider> providers_;
  std::vector<practice_patients> patients_;  // by practice
  std::vector<weighted_choice> choose_patient_;
  std::vector<weighted_choice> choose_day_;  // professional, then institutional
  std::optional<weighted_choice> choose_provider_;
  const weighted_choice choose_kind_;
  const weighted_choice choose_diagnosis_;
  const weighted_choice choose_denial_;
};

}  // namespace claims_app
