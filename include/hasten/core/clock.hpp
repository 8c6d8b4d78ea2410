// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>

namespace hasten {

/// An instant on the monotonic clock: what every deadline and every measured duration is made of.
using steady_time = std::chrono::steady_clock::time_point;

/// An instant of the calendar, UTC: what is stored and shown to people. Never used to measure.
using wall_time = std::chrono::system_clock::time_point;

/// A cheap copyable value that tells the monotonic time. Classes that need the time take one as their last
/// template parameter, so that tests turn the hands themselves.
template <class T>
concept clock_source = std::copy_constructible<T> && requires(const T& clock) {
  { clock.now() } noexcept -> std::same_as<steady_time>;
};

/// The machine's monotonic clock.
/// Thread safety: immutable.
struct steady_clock_source {
  [[nodiscard]] static steady_time now() noexcept { return std::chrono::steady_clock::now(); }
};
static_assert(clock_source<steady_clock_source>);

/// The machine's calendar clock, for time stamps that are stored or shown. It may jump; do not measure with
/// it.
/// Thread safety: immutable.
struct wall_clock_source {
  [[nodiscard]] static wall_time now() noexcept { return std::chrono::system_clock::now(); }
};

/// As clock_source, of calendar time.
template <class T>
concept wall_source = std::copy_constructible<T> && requires(const T& clock) {
  { clock.now() } noexcept -> std::same_as<wall_time>;
};
static_assert(wall_source<wall_clock_source>);

/// A clock that moves only when told to: for tests of this library and of its users.
///
/// Copies share one hand, so a test keeps one copy and gives another to the object under test.
/// Thread safety: thread-safe.
///
///     hasten::manual_clock clock;
///     hasten::memory_cache<int, int, ..., hasten::manual_clock> cache({.ttl = 1min}, clock);
///     clock.advance(61s);   // everything in the cache has expired; nobody slept
class manual_clock {
 public:
  manual_clock() : now_(std::make_shared<std::atomic<steady_time::rep>>(steady_time::rep{1'000'000'000})) {}
  manual_clock(const manual_clock&) = default;  // no move: a moved-from clock must still tell the time
  manual_clock& operator=(const manual_clock&) = default;
  ~manual_clock() = default;

  [[nodiscard]] steady_time now() const noexcept { return steady_time(steady_time::duration(now_->load())); }

  /// Moves the hand by `step`, for every copy; a negative step moves it back, as a faulty clock would.
  void advance(std::chrono::nanoseconds step) noexcept {
    now_->fetch_add(std::chrono::duration_cast<steady_time::duration>(step).count());
  }

 private:
  std::shared_ptr<std::atomic<steady_time::rep>> now_;  // never null
};
static_assert(clock_source<manual_clock>);

/// The same for calendar time. It begins at noon of 2024-06-01; jumping is what real ones do, too.
/// Thread safety: thread-safe.
class manual_wall_clock {
 public:
  manual_wall_clock() : now_(std::make_shared<std::atomic<std::int64_t>>(1'717'243'200'000'000'000)) {}
  manual_wall_clock(const manual_wall_clock&) = default;  // no move, as above
  manual_wall_clock& operator=(const manual_wall_clock&) = default;
  ~manual_wall_clock() = default;

  [[nodiscard]] wall_time now() const noexcept {
    return wall_time(std::chrono::duration_cast<wall_time::duration>(std::chrono::nanoseconds(now_->load())));
  }

  /// Moves the hand by `step`, for every copy; a negative step moves it back.
  void advance(std::chrono::nanoseconds step) noexcept { now_->fetch_add(step.count()); }

 private:
  std::shared_ptr<std::atomic<std::int64_t>> now_;  // nanoseconds since 1970; never null
};
static_assert(wall_source<manual_wall_clock>);

}  // namespace hasten
