// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/csv_reader.hpp"
#include "importing/refusal.hpp"
#include "shared/claim_record.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace claims_app {

/// A row of Synthea's claims.csv, and what its transactions have added to it so far.
struct synthea_claim {
  claim_record record = {};
  std::array<std::string, 8> diagnoses = {};  ///< what the transactions refer to by number
  std::int64_t adjusted_cents = 0;            ///< what the provider gave up, as a negative amount
  bool charged_to_patient = false;  ///< the last charge went to the patient at once, past every payer
};

/// Turns rows of Synthea's claims.csv into claims without amounts: those stand in claims_transactions.csv.
/// Thread safety: immutable.
class synthea_claim_mapper {
 public:
  /// Throws: bad_input naming the columns that `reader` lacks.
  explicit synthea_claim_mapper(const csv_reader& reader);

  [[nodiscard]] std::variant<synthea_claim, refusal> map(std::span<const std::string_view> row) const;

  /// Returns: whether the header is one of claims.csv.
  [[nodiscard]] static bool recognises(const csv_reader& reader);

 private:
  std::size_t id_, patient_, provider_, insurance_, service_date_, status_1_, status_2_, status_patient_,
      type_;
  std::array<std::size_t, 8> diagnosis_{};
};

enum class synthea_kind { charge, payment, transfer_in, transfer_out, adjustment };

/// A row of claims_transactions.csv. Lifetime: the views point into the row.
struct synthea_transaction {
  synthea_kind kind = synthea_kind::charge;
  std::int64_t amount_cents = 0;       ///< of a charge or a transfer in
  std::int64_t payment_cents = 0;      ///< of a payment
  std::int64_t adjustments_cents = 0;  ///< given up by the provider
  bool by_payer = false;               ///< of a payment: an insurer made it, not the patient
  bool is_copay = false;               ///< of a payment: made before any insurer was asked
  bool to_patient = false;             ///< of a charge or a transfer in: the patient owes it now
  double units = 1;
  std::string_view code = {};
  std::string_view place_of_service = {};
  std::string to_date = {};                   ///< YYYY-MM-DD, or empty
  std::array<std::size_t, 4> diagnoses = {};  ///< numbers 1 to 8 of the claim's diagnoses; 0: none
};

/// Turns rows of claims_transactions.csv into transactions. Thread safety: immutable.
class synthea_transaction_mapper {
 public:
  /// Throws: bad_input naming the columns that `reader` lacks.
  explicit synthea_transaction_mapper(const csv_reader& reader);

  /// Returns: the claim the row belongs to, also if map() refuses the row.
  [[nodiscard]] std::string_view claim_id(std::span<const std::string_view> row) const {
    return row[claim_id_];
  }
  [[nodiscard]] std::variant<synthea_transaction, refusal> map(std::span<const std::string_view> row) const;

  /// Returns: whether the header is one of claims_transactions.csv.
  [[nodiscard]] static bool recognises(const csv_reader& reader);

 private:
  [[nodiscard]] std::optional<refusal> map_amounts(std::span<const std::string_view> row,
                                                   synthea_transaction& to) const;

  std::size_t claim_id_, type_, amount_, method_, to_date_, place_, code_, units_, transfer_type_, payments_,
      adjustments_;
  std::array<std::size_t, 4> diagnosis_{};
};

/// The most lines one claim may have; with what a claim is held for, it bounds the memory of an import.
inline constexpr std::size_t synthea_lines_max = 1000;

/// Adds a transaction to its claim, in the order of the file:
///   billed = the charges; allowed = billed less the adjustments;
///   paid = the payments of insurers (ECHECK), which also count for the line charged last;
///   patient's share = what was charged or transferred to the patient, and copays.
/// Returns: why the claim cannot take it, if so; the claim is then worth nothing any more.
[[nodiscard]] std::optional<refusal> add_transaction(synthea_claim& claim, const synthea_transaction& added);

/// Completes a claim that has all its transactions.
[[nodiscard]] std::variant<claim_record, refusal> finish_claim(synthea_claim claim);

}  // namespace claims_app
