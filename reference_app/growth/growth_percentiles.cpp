// SPDX-License-Identifier: BSL-1.0
#include "growth/growth_percentiles.hpp"

#include <hasten/workers/parallel.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>

namespace claims_app {

namespace {

constexpr double age_end = 240.0;         // months
constexpr double age_of_standing = 24.0;  // months; stature and body-mass index begin here
constexpr double l_is_zero = 0.01;        // below this the power is taken for the logarithm that it tends to
constexpr double z_max = 8.21;            // as far as the extended method goes
constexpr double severe = 120.0;          // percent of the 95th percentile

// The tables looked up once for all children.
class charts {
 public:
  charts() noexcept {
    for (const sex whose : {sex::male, sex::female}) {
      for (const growth_measure measure :
           {growth_measure::weight, growth_measure::stature, growth_measure::bmi}) {
        tables_[index(measure, whose)] = cdc_table(measure, whose);
      }
    }
  }
  [[nodiscard]] const lms_table& of(growth_measure measure, sex whose) const noexcept {
    return tables_[index(measure, whose)];
  }

 private:
  static std::size_t index(growth_measure measure, sex whose) noexcept {
    return static_cast<std::size_t>(measure) * 2 + static_cast<std::size_t>(whose);
  }
  std::array<lms_table, 6> tables_{};
};

double upper_tail(double z) noexcept { return 0.5 * std::erfc(z / std::numbers::sqrt2); }
double percentile_of(double z) noexcept { return 100.0 * upper_tail(-z); }

// The inverse of upper_tail for 0 < q <= 0.1: a rational first guess (Abramowitz and Stegun 26.2.23) and two steps of
// Halley's method, each of which triples the number of right digits.
double z_of_upper_tail(double q) noexcept {
  const double t = std::sqrt(-2.0 * std::log(q));
  double z =
      t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int step = 0; step < 2; ++step) {
    const double density = std::exp(-0.5 * z * z) * 0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2;
    const double newton = (upper_tail(z) - q) / density;
    z += newton / (1.0 - 0.5 * z * newton);
  }
  return z;
}

// All three figures are interpolated along a straight line.
lms at_age(const lms_table& table, double age) noexcept {
  const double offset = table.first == 0.0 ? 0.5 : table.first;  // of the first entry on a half month
  std::size_t low = 0;
  double low_age = 0.0;
  double step = 0.5;  // to the next entry
  if (age >= offset) {
    const double whole = std::floor(age - offset);
    low = static_cast<std::size_t>(whole) + (table.first == 0.0 ? 1 : 0);
    low_age = offset + whole;
    step = low_age + 1.0 > age_end ? age_end - low_age : 1.0;
  }
  const lms& from = table.nodes[low];
  const lms& to = table.nodes[std::min(low + 1, table.nodes.size() - 1)];
  const double part = (age - low_age) / step;
  return {from.l + part * (to.l - from.l), from.m + part * (to.m - from.m), from.s + part * (to.s - from.s)};
}

// The power down to where it is lost in rounding: the published program takes the logarithm only for scores.
double value_at(const lms& of, double z) noexcept {
  if (std::abs(of.l) < 1e-12) return of.m * std::exp(of.s * z);
  return of.m * std::pow(1.0 + of.l * of.s * z, 1.0 / of.l);
}

double z_of(const lms& of, double value) noexcept {
  const double relative = std::log(value / of.m);
  if (std::abs(of.l) < l_is_zero) return relative / of.s;
  return std::expm1(of.l * relative) / (of.l * of.s);
}

double modified_z_of(const lms& of, double value) noexcept {
  const double distance = value - of.m;
  return distance > 0 ? distance / (0.5 * (value_at(of, 2.0) - of.m))
                      : distance / (0.5 * (of.m - value_at(of, -2.0)));
}

growth_score score(const lms& of, double value) noexcept {
  const double z = z_of(of, value);
  return {z, percentile_of(z), modified_z_of(of, value)};
}

bool is_measured(double value) noexcept { return value > 0 && std::isfinite(value); }

// Wei and others 2020, adopted by the CDC in 2022: above the 95th percentile a half-normal distribution, whose width
// depends on age and sex.
void extend(growth_result& result, sex whose, double age_months) noexcept {
  const double years = age_months / 12.0;
  const double width = whose == sex::male ? 0.3728 + years * (0.5196 - years * 0.0091)
                                          : 0.8334 + years * (0.3712 - years * 0.0011);
  const double rounded = std::round(width * 1e8) / 1e8;  // as the published program does
  // By the tail and not by the percentile, which is 100 to the last digit long before z_max.
  const double tail = 0.1 * upper_tail((result.bmi - result.bmi_at_95th) / rounded);
  result.bmi_score.percentile = 100.0 - 100.0 * tail;
  result.bmi_score.z = tail > 1e-17 ? std::min(z_of_upper_tail(tail), z_max) : z_max;
}

weight_class class_of(const growth_result& result) noexcept {
  if (result.percent_of_95th >= severe) return weight_class::severely_obese;
  if (result.bmi_score.percentile >= 95.0) return weight_class::obese;
  if (result.bmi_score.percentile >= 85.0) return weight_class::overweight;
  return result.bmi_score.percentile < 5.0 ? weight_class::underweight : weight_class::healthy;
}

growth_result assess(const charts& reference, const child_measures& child) noexcept {
  growth_result result;
  const double age = child.age_months;
  if (!(age >= 0.0 && age <= age_end)) return result;
  const bool has_weight = is_measured(child.weight_kg);
  if (has_weight) {
    result.weight = score(at_age(reference.of(growth_measure::weight, child.whose), age), child.weight_kg);
  }
  if (age < age_of_standing) return result;
  const bool has_stature = is_measured(child.stature_cm);
  if (has_stature) {
    result.stature = score(at_age(reference.of(growth_measure::stature, child.whose), age), child.stature_cm);
  }
  if (is_measured(child.bmi)) {
    result.bmi = child.bmi;
  } else if (has_weight && has_stature) {
    const double metres = child.stature_cm / 100.0;
    result.bmi = child.weight_kg / (metres * metres);
  } else {
    return result;
  }
  const lms of_bmi = at_age(reference.of(growth_measure::bmi, child.whose), age);
  result.bmi_score = score(of_bmi, result.bmi);
  result.bmi_z_plain = result.bmi_score.z;
  constexpr double z_of_95th = 1.6448536269514722;
  result.bmi_at_95th = value_at(of_bmi, z_of_95th);
  result.percent_of_95th = 100.0 * result.bmi / result.bmi_at_95th;
  if (result.bmi_score.percentile >= 95.0) extend(result, child.whose, age);
  result.category = class_of(result);
  return result;
}

void require_one_length(std::size_t children, std::size_t results) {
  if (children == results) return;
  throw std::invalid_argument("assess_growth: results must be as many as children, " +
                              std::to_string(children) + ", got " + std::to_string(results));
}

}  // namespace

std::string_view name_of(weight_class of) noexcept {
  switch (of) {
    case weight_class::unknown:
      break;
    case weight_class::underweight:
      return "underweight";
    case weight_class::healthy:
      return "healthy";
    case weight_class::overweight:
      return "overweight";
    case weight_class::obese:
      return "obese";
    case weight_class::severely_obese:
      return "severely obese";
  }
  return "unknown";
}

growth_result assess_growth(const child_measures& child) noexcept { return assess(charts(), child); }

void assess_growth(std::span<const child_measures> children, std::span<growth_result> results) {
  require_one_length(children.size(), results.size());
  const charts reference;
  for (std::size_t i = 0; i < children.size(); ++i) results[i] = assess(reference, children[i]);
}

bool assess_growth(hasten::worker_pool& pool, std::span<const child_measures> children,
                   std::span<growth_result> results, std::stop_token stop) {
  require_one_length(children.size(), results.size());
  const charts reference;
  return hasten::parallel_for(pool, 0, children.size(),
                              [&](std::size_t i) { results[i] = assess(reference, children[i]); },
                              {.grain = 1'000, .stop = std::move(stop)});
}

}  // namespace claims_app
