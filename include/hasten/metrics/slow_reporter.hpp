// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// One response that took too long: templates, numbers and names of stages, nothing that a client chose.
struct slow_response {
  std::string_view route = {};  ///< the template. Lifetime of the views: the call they are passed to
  unsigned status = 0;          ///< 0: it was never answered
  std::chrono::nanoseconds duration{0};
  std::string_view stages = {};    ///< where the time went: "db;dur=9.800, write;dur=0.100"
  std::string_view trace_id = {};  ///< 32 hexadecimal digits; empty if nobody gave one
};

/// Tells of responses beyond a threshold, each route with its own, and never so many a second that the telling
/// becomes a load of its own: a server that is slow as a whole is slow for every request.
///
/// For those within the threshold it costs one comparison. The wrong tool for judging a service: count, and alert on
/// a quantile; this says which request to look at.
///
/// Thread safety: thread-safe.
///
///     hasten::slow_reporter slow({.threshold = 500ms, .report = [](const hasten::slow_response& each) {
///       log_warning(each.route, each.status, each.duration, each.stages);
///     }});
template <clock_source Clock = steady_clock_source>
class slow_reporter {
 public:
  struct options {
    /// A response that takes at least as long is reported. Not negative; the greatest value: none is.
    std::chrono::nanoseconds threshold = std::chrono::nanoseconds::max();
    /// For single routes, by their place, in place of `threshold`; what is not named here goes by that.
    std::vector<std::pair<std::size_t, std::chrono::nanoseconds>> by_route = {};
    /// Is told; runs in the thread that ended the response, so it must be quick. Empty: nobody is.
    std::function<void(const slow_response&)> report = {};
    /// Reports in any one second; the rest is counted. 1 to 1,000,000.
    std::uint64_t reports_per_second = 10;
  };

  /// `routes`: how many there are. Throws: std::invalid_argument for an option out of range.
  explicit slow_reporter(options chosen, std::size_t routes, Clock clock = {})
      : options_(std::move(chosen)), clock_(std::move(clock)), thresholds_(routes) {
    if (options_.reports_per_second < 1 || options_.reports_per_second > 1'000'000)
      throw std::invalid_argument("slow_reporter: reports_per_second must be 1..1000000, got " +
                                  std::to_string(options_.reports_per_second));
    for (const auto& [route, threshold] : options_.by_route)
      if (route >= routes || threshold.count() < 0)
        throw std::invalid_argument("slow_reporter: by_route names route " + std::to_string(route) + " of " +
                                    std::to_string(routes) + ", or a negative threshold");
    set_threshold(options_.threshold);
  }

  /// Goes by another options::threshold from now on; routes with one of their own keep it.
  /// Throws: std::invalid_argument if it is negative.
  void set_threshold(std::chrono::nanoseconds threshold) {
    if (threshold.count() < 0)
      throw std::invalid_argument("slow_reporter: threshold must not be negative, got " +
                                  std::to_string(threshold.count()) + " ns");
    if (!options_.report) threshold = std::chrono::nanoseconds::max();
    for (std::size_t route = 0; route < thresholds_.size(); ++route) {
      const auto own = std::find_if(options_.by_route.rbegin(), options_.by_route.rend(),
                                    [&](const auto& each) { return each.first == route; });
      const bool has_own = options_.report && own != options_.by_route.rend();
      thresholds_[route] = (has_own ? own->second : threshold).count();
    }
  }

  /// Returns: whether a response of this route is to be told. Ask before building what report() needs.
  [[nodiscard]] bool wants(std::size_t route, std::chrono::nanoseconds duration) const noexcept {
    // relaxed: a level read by itself
    return duration.count() >= thresholds_[route].load(std::memory_order_relaxed) &&
           duration != std::chrono::nanoseconds::max();
  }

  /// Tells of it, unless there were too many within this second. Never throws: a report that does is counted.
  /// Blocks on: a short lock, and the report itself, which runs without it.
  void report(const slow_response& what) noexcept {
    if (!may_report()) {
      suppressed_.fetch_add(1);
      return;
    }
    try {
      options_.report(what);
    } catch (...) {
      failures_.fetch_add(1);
    }
  }

  /// Returns: how many were not told, because there were too many within a second.
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_.load(); }
  /// Returns: how often the report threw.
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(); }

 private:
  [[nodiscard]] bool may_report() noexcept {
    const std::lock_guard lock(mutex_);
    const steady_time now = clock_.now();
    if (!began_once_ || now - second_began_ >= std::chrono::seconds(1)) {
      began_once_ = true;
      second_began_ = now;
      this_second_ = 0;
    }
    return this_second_++ < options_.reports_per_second;
  }

  const options options_;
  const Clock clock_;
  std::vector<std::atomic<std::int64_t>> thresholds_;  // by route, in nanoseconds; max if nobody is told
  std::mutex mutex_;                                   // guards the next three; the report runs outside
  steady_time second_began_;
  std::uint64_t this_second_ = 0;
  bool began_once_ = false;
  std::atomic<std::uint64_t> suppressed_{0};
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace hasten
