// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/csv_reader.hpp"
#include "importing/refusal.hpp"
#include "shared/claim_record.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <variant>

namespace claims_app {

/// Turns rows of CMS DE-SynPUF inpatient claims into claims. Columns are found by name, once.
///
/// A claim of several segments becomes several claims, "CLM_ID:SEGMENT": each has a payment of its own. A
/// second segment lacks statement dates; its date of service is the day of admission. The file carries no
/// charge, so billed stays unknown; allowed is all that anybody pays. Thread safety: immutable.
class desynpuf_mapper {
 public:
  /// Throws: bad_input naming the columns that `reader` lacks.
  explicit desynpuf_mapper(const csv_reader& reader);

  /// Takes one row, as many fields as the header has.
  [[nodiscard]] std::variant<claim_record, refusal> map(std::span<const std::string_view> row) const;

  /// Returns: whether the header is one of DE-SynPUF inpatient claims.
  [[nodiscard]] static bool recognises(const csv_reader& reader);

 private:
  static constexpr std::size_t diagnoses = 10;
  static constexpr std::size_t procedures = 45;  // HCPCS columns

  std::size_t beneficiary_, claim_id_, segment_, from_, thru_, provider_, payment_, primary_payer_,
      admission_, deductible_, coinsurance_, blood_deductible_, drg_;
  std::array<std::size_t, diagnoses> diagnosis_{};
  std::array<std::size_t, procedures> hcpcs_{};
};

}  // namespace claims_app
