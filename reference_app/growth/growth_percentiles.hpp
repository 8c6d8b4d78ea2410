// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "growth/cdc_tables.hpp"

#include <hasten/workers/worker_pool.hpp>

#include <cstdint>
#include <limits>
#include <span>
#include <stop_token>
#include <string_view>

namespace claims_app {

/// No value: not measured, not defined at the age, or out of range. Compare with std::isnan.
inline constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

/// One look at a child. What was not measured stays no_value.
struct child_measures {
  sex whose = sex::male;
  double age_months = no_value;  // days / 30.4375; where only completed months are known, half a month more
  double weight_kg = no_value;
  double stature_cm = no_value;  // standing
  double bmi = no_value;         // kg / m^2, where it was recorded; otherwise it comes from the two above
};

/// Where a measure lies among children of the same age and sex.
struct growth_score {
  double z = no_value;           // standard deviations from the median
  double percentile = no_value;  // 0..100
  double modified_z = no_value;  // on the scale of half the distance to +2 or -2 standard deviations
};

/// By the body-mass index: below the 5th percentile, below the 85th, below the 95th, from the 95th on, and from 120 % of
/// the 95th on.
enum class weight_class : std::uint8_t { unknown, underweight, healthy, overweight, obese, severely_obese };
[[nodiscard]] std::string_view name_of(weight_class of) noexcept;

struct growth_result {
  growth_score weight;
  growth_score stature;
  double bmi = no_value;          // kg / m^2
  growth_score bmi_score;         // from the 95th percentile on by the extended method of 2022
  double bmi_z_plain = no_value;  // by the method of 2000 alone
  double bmi_at_95th = no_value;
  double percent_of_95th = no_value;
  weight_class category = weight_class::unknown;
};

/// Places one child on the CDC growth charts of 2000. Weight is defined from birth to 240 months, stature and body-mass
/// index from 24 months to 240. What cannot be said is no_value; nothing is guessed or clamped.
[[nodiscard]] growth_result assess_growth(const child_measures& child) noexcept;

/// The same for many: the i-th result belongs to the i-th child. Throws: std::invalid_argument if the two are not of one
/// length.
void assess_growth(std::span<const child_measures> children, std::span<growth_result> results);

/// The same on all threads of the pool and on this one.
/// Returns: false if a stop was requested before all was done.
bool assess_growth(hasten::worker_pool& pool, std::span<const child_measures> children,
                   std::span<growth_result> results, std::stop_token stop = {});

}  // namespace claims_app
