// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <span>

namespace claims_app {

enum class sex : std::uint8_t { male, female };
enum class growth_measure : std::uint8_t { weight, stature, bmi };

/// The distribution of a measure at one age: its skewness, median and coefficient of variation.
struct lms {
  double l;
  double m;
  double s;
};
using lms_span = std::span<const lms>;

/// One measure of one sex by age: at `first` months, then at every half month (n + 0.5), and at 240 months. A table that
/// begins at 0 has its second entry at 0.5.
struct lms_table {
  lms_span nodes;
  double first;
};

/// Returns: the figures of the CDC growth charts of 2000.
[[nodiscard]] lms_table cdc_table(growth_measure measure, sex whose);

}  // namespace claims_app
