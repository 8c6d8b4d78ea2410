// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/label_set.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace hasten {

enum class alert_state : unsigned char {
  inactive,
  pending,  ///< the condition holds, but not for long enough
  firing,
};

/// Returns: "inactive", "pending" or "firing".
[[nodiscard]] constexpr std::string_view to_string(alert_state state) noexcept {
  constexpr std::array<std::string_view, 3> names = {"inactive", "pending", "firing"};
  return names[static_cast<std::size_t>(state)];
}

/// On which side of its thresholds a value is bad.
enum class alert_when : unsigned char { above, below };

/// What to make of a reading without a value, or of too few samples.
enum class alert_no_data : unsigned char {
  keep,     ///< nothing changes
  resolve,  ///< as a good value: no traffic, no problem
  fire,     ///< as a bad value: silence is the problem
};

/// When somebody has to be told. The value may be anything: a quantile, a ratio of errors, a burn rate, an age.
struct alert_rule {
  /// A name for people: "SlowResponses". Not empty.
  std::string name;
  /// Bad is a value above (or below) `raise`; once firing it is good again only at or below (or above) `clear`,
  /// so that a value that hovers at the threshold does not come and go. `clear` is on the good side of `raise`.
  alert_when when = alert_when::above;
  double raise = 0;
  double clear = 0;
  /// How long the value must be bad before the alert fires; zero fires at once.
  std::chrono::nanoseconds hold{0};
  /// How long it must be good before the alert is over; zero ends it at once. Up to a year.
  std::chrono::nanoseconds keep_firing{0};
  /// An alert that fires again so soon after it was over keeps firing for twice as long as the time before, up
  /// to eight times keep_firing. Zero: never.
  std::chrono::nanoseconds flap_window{0};
  /// A reading of fewer samples counts as no data: the error rate of three requests means nothing.
  std::uint64_t samples_min = 0;
  alert_no_data no_data = alert_no_data::keep;
  /// "page", "critical", "warning", "ticket": for those who route it.
  std::string severity = "warning";
  /// What it is and what to do, in one sentence; never data.
  std::string summary = {};
  /// What tells it from others of the same name: {{"route", "/claims"}}.
  label_set labels = {};
  /// What its value is, for those who read a list of rules: "threshold", "burn_rate", "absence", "rate_of_change" or
  /// "health". It changes nothing.
  std::string kind = "threshold";
};

/// What a rule is judged by at one moment.
struct alert_reading {
  std::optional<double> value = {};                                   ///< nothing, or not a number: no data
  std::uint64_t samples = std::numeric_limits<std::uint64_t>::max();  ///< how many values it is made of
};

/// One rule and its state: a pure machine that is stepped with the time and a reading, and does nothing else.
///
/// Thread safety: thread-compatible.
///
///     hasten::alert slow({.name = "SlowResponses", .raise = 0.2, .clear = 0.16, .hold = 2min, .samples_min = 100});
///     if (slow.step(clock.now(), {.value = p95_seconds, .samples = count}))
///       tell_somebody(slow.rule(), slow.state());
class alert {
 public:
  /// Throws: std::invalid_argument for a rule that contradicts itself.
  explicit alert(alert_rule rule) : rule_(std::move(rule)) {
    const auto refuse = [&](const char* what) {
      throw std::invalid_argument("alert: the rule \"" + rule_.name + "\" " + what);
    };
    if (rule_.name.empty()) refuse("needs a name");
    if (!std::isfinite(rule_.raise) || !std::isfinite(rule_.clear)) refuse("needs finite thresholds");
    if (rule_.when == alert_when::above ? rule_.clear > rule_.raise : rule_.clear < rule_.raise)
      refuse("clears on the bad side of where it raises");
    if (rule_.hold.count() < 0 || rule_.keep_firing.count() < 0 || rule_.flap_window.count() < 0)
      refuse("has a negative duration");
    if (rule_.keep_firing > std::chrono::hours(24 * 365))  // it is prolonged, and must not overflow then
      refuse("keeps firing for more than a year");
  }

  /// Judges a reading at `now`, which does not go back. Returns: whether the state changed.
  bool step(steady_time now, alert_reading reading) {
    const bool no_data = !reading.value || std::isnan(*reading.value) || reading.samples < rule_.samples_min;
    if (!no_data) value_ = reading.value;
    if (no_data && rule_.no_data == alert_no_data::keep) return false;
    const bool bad = no_data ? rule_.no_data == alert_no_data::fire : is_bad(*reading.value);
    const alert_state before = state_;
    if (state_ == alert_state::firing)
      step_firing(now, bad);
    else
      step_quiet(now, bad);
    return state_ != before;
  }

  [[nodiscard]] alert_state state() const noexcept { return state_; }

  /// Returns: when it became what it is.
  [[nodiscard]] steady_time since() const noexcept { return since_; }

  /// Returns: the latest value there were data for.
  [[nodiscard]] std::optional<double> value() const noexcept { return value_; }

  [[nodiscard]] const alert_rule& rule() const noexcept { return rule_; }

 private:
  static constexpr unsigned stretch_max = 8;

  [[nodiscard]] bool is_bad(double value) const noexcept {
    const double threshold = state_ == alert_state::firing ? rule_.clear : rule_.raise;
    return rule_.when == alert_when::above ? value > threshold : value < threshold;
  }

  void enter(alert_state state, steady_time now) noexcept {
    state_ = state;
    since_ = now;
  }

  void step_quiet(steady_time now, bool bad) {
    if (!bad) {
      if (state_ == alert_state::pending) enter(alert_state::inactive, now);
      return;
    }
    if (state_ == alert_state::inactive) enter(alert_state::pending, now);
    if (now - since_ < rule_.hold) return;
    const bool flaps = over_ && now - *over_ <= rule_.flap_window && rule_.flap_window.count() > 0;
    stretch_ = flaps ? std::min(stretch_ * 2, stretch_max) : 1;
    good_since_.reset();
    enter(alert_state::firing, now);
  }

  void step_firing(steady_time now, bool bad) {
    if (bad) {
      good_since_.reset();
      return;
    }
    if (!good_since_) good_since_ = now;
    if (now - *good_since_ < rule_.keep_firing * stretch_) return;
    over_ = now;
    enter(alert_state::inactive, now);
  }

  alert_rule rule_;
  alert_state state_ = alert_state::inactive;
  steady_time since_;
  std::optional<steady_time> good_since_;  // while firing: since when the value is good
  std::optional<steady_time> over_;        // when it last stopped firing
  unsigned stretch_ = 1;                   // by how much keep_firing is prolonged
  std::optional<double> value_;
};

}  // namespace hasten
