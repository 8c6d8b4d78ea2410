// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hasten {

/// Until when an entry is served, and until when it is kept to stand in for a loader that fails.
/// `steady_time::max()` stands for ever. Never `kept_until < served_until`.
/// Thread safety: thread-compatible.
struct entry_times {
  steady_time served_until = steady_time::max();
  steady_time kept_until = steady_time::max();

  friend bool operator==(const entry_times&, const entry_times&) = default;
};

/// What a lookup that found an entry has to do.
enum class refresh_action : std::uint8_t {
  serve,              ///< hand out the value
  serve_and_refresh,  ///< hand out the value, and have one caller load a newer one in the background
  load,               ///< its time is over: load; if that fails, ask refresh_policy::after_failure()
  absent              ///< as if there were no entry: not even a failing loader is spared by it
};

/// The life of a cache entry, as decisions: how long a loaded value is served, when it is renewed ahead of its end, and
/// how long an old one stands in for a loader that fails.
///
/// It knows no clock, no lock and no chance of its own: the time and a random number are handed in, so that every
/// decision can be tested. memory_cache asks it; use it by itself to give another store the same manners.
///
///     fresh ──refresh_lead before the end, or early by chance──▶ due: served, renewed in the background
///     due ────served_until──▶ over: a caller loads; fails? served again for stale_retry, at most until kept_until
///     over ───kept_until────▶ gone
///
/// Thread safety: immutable.
class refresh_policy {
 public:
  struct options {
    /// How long a loaded value is served; zero: for ever. Not negative.
    std::chrono::nanoseconds ttl = std::chrono::nanoseconds::zero();
    /// The same for an absent answer; zero: as `ttl` says. Not negative.
    std::chrono::nanoseconds ttl_absent = std::chrono::nanoseconds::zero();
    /// After this long an entry is due to be renewed while it is still served; zero: never. Less than `ttl`.
    std::chrono::nanoseconds soft_ttl = std::chrono::nanoseconds::zero();
    /// Renews entries early by chance, the likelier the closer the end and the slower the loader, so that callers of
    /// many processes do not all load at the end (XFetch). 1 is usual; zero: not at all; at most 100.
    double early_beta = 0;
    /// For how long after its end an entry stands in for a loader that fails; zero: not at all. Not negative.
    std::chrono::nanoseconds stale_max = std::chrono::nanoseconds::zero();
    /// After a failure, for how long the loader is left alone; more than zero.
    std::chrono::nanoseconds stale_retry = std::chrono::seconds(1);
  };

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit refresh_policy(const options& chosen) : options_(chosen) {
    refuse_negative("ttl", chosen.ttl);
    refuse_negative("ttl_absent", chosen.ttl_absent);
    refuse_negative("stale_max", chosen.stale_max);
    if (chosen.stale_retry <= chosen.stale_retry.zero())
      refuse("stale_retry must be more than zero, got " + in_ns(chosen.stale_retry));
    if (chosen.soft_ttl < chosen.soft_ttl.zero() ||
        (chosen.soft_ttl != chosen.soft_ttl.zero() && chosen.soft_ttl >= chosen.ttl))
      refuse("soft_ttl must be zero or less than ttl, got " + in_ns(chosen.soft_ttl));
    if (!(chosen.early_beta >= 0 && chosen.early_beta <= 100))
      refuse("early_beta must be 0..100, got " + std::to_string(chosen.early_beta));
  }

  /// Returns: the times of a value that was loaded just now and named no ttl of its own.
  [[nodiscard]] entry_times loaded(steady_time now, bool absent = false) const noexcept {
    const bool own = absent && options_.ttl_absent != options_.ttl_absent.zero();
    return served_for(now, own ? options_.ttl_absent : options_.ttl);
  }

  /// Returns: the times of a value to be served for `ttl`, which is not negative; zero: for ever.
  [[nodiscard]] entry_times served_for(steady_time now, std::chrono::nanoseconds ttl) const noexcept {
    if (ttl == ttl.zero()) return {};
    const steady_time served = later(now, ttl);
    return {served, later(served, options_.stale_max)};
  }

  /// Returns: how long before its end an entry is due to be renewed. It is served for `ttl` in all, of which soft_ttl
  /// takes its usual share; `load_took` is what its load took, `random` is evenly spread over (0, 1]. Drawn once for each
  /// entry: its callers share one renewal anyway. At most nine tenths of `ttl`, and zero without soft_ttl and early_beta.
  [[nodiscard]] std::chrono::nanoseconds lead(std::chrono::nanoseconds ttl,
                                              std::chrono::nanoseconds load_took,
                                              double random) const noexcept {
    const auto whole = static_cast<double>(ttl.count());
    double gap = 0;
    if (options_.soft_ttl != options_.soft_ttl.zero())
      gap = whole *
            (1 - static_cast<double>(options_.soft_ttl.count()) / static_cast<double>(options_.ttl.count()));
    // Vattani, Chierichetti, Lowenstein: an exponential gap makes the first of many processes renew about one load
    // before the end, whatever their number.
    if (options_.early_beta != 0 && random > 0)
      gap = std::max(gap, -static_cast<double>(load_took.count()) * options_.early_beta * std::log(random));
    return std::chrono::nanoseconds(std::llround(std::clamp(gap, 0.0, whole * 0.9)));
  }

  /// Whether entries are ever renewed before their end.
  [[nodiscard]] bool renews_ahead() const noexcept {
    return options_.early_beta != 0 || options_.soft_ttl != options_.soft_ttl.zero();
  }

  /// Returns: what a lookup at `now` does with an entry of these times. `lead` comes from lead(); no renewal begins
  /// before `renew_not_before`, which is what a failed one sets.
  [[nodiscard]] static refresh_action decide(const entry_times& entry, steady_time now,
                                             std::chrono::nanoseconds lead,
                                             steady_time renew_not_before = steady_time::min()) noexcept {
    if (entry.served_until == steady_time::max()) return refresh_action::serve;
    if (now >= entry.kept_until) return refresh_action::absent;
    if (now >= entry.served_until) return refresh_action::load;
    const bool due = entry.served_until - now <= lead && lead > lead.zero();
    return due && now >= renew_not_before ? refresh_action::serve_and_refresh : refresh_action::serve;
  }

  /// Returns: the times under which the old value is served now that its loader failed, so that the loader is left alone
  /// for a while; equal to `entry` if it may not stand in, or need not.
  [[nodiscard]] entry_times after_failure(const entry_times& entry, steady_time now) const noexcept {
    if (now >= entry.kept_until || now < entry.served_until) return entry;
    return {std::min(later(now, options_.stale_retry), entry.kept_until), entry.kept_until};
  }

  /// Returns: when a renewal may be tried again after one that failed at `now`.
  [[nodiscard]] steady_time renew_not_before(steady_time now) const noexcept {
    return later(now, options_.stale_retry);
  }

 private:
  [[nodiscard]] static steady_time later(steady_time from, std::chrono::nanoseconds by) noexcept {
    return by >= steady_time::max() - from ? steady_time::max() : from + by;
  }
  [[noreturn]] static void refuse(const std::string& sentence) {
    throw std::invalid_argument("refresh_policy: " + sentence);
  }
  static std::string in_ns(std::chrono::nanoseconds value) { return std::to_string(value.count()) + " ns"; }
  static void refuse_negative(const char* field, std::chrono::nanoseconds value) {
    if (value < value.zero()) refuse(std::string(field) + " must not be negative, got " + in_ns(value));
  }

  const options options_;
};

}  // namespace hasten
