// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/workers/job.hpp>
#include <hasten/workers/job_options.hpp>
#include <hasten/workers/job_record.hpp>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// What became of a new job.
struct enqueued_job {
  job_id id = 0;       ///< of the new job, or of the one whose key kept it out
  bool is_new = true;  ///< false: there is one of that key already
};

/// How many more jobs of a kind somebody can take.
struct job_room {
  std::string kind = {};
  std::size_t count = 0;
};

/// Somebody's wish for jobs. Views and spans are borrowed for the call.
struct job_wish {
  std::span<const job_room> rooms = {};
  std::size_t count_max = 0;  ///< over all kinds
  wall_time now{};
  wall_time lease_until{};  ///< whom nobody hears of until then has lost them
  std::string_view worker = {};
};

/// A sign of life for one job.
struct job_beat {
  job_lease lease = {};
  std::optional<double> progress = {};  ///< 0..1, if it has changed
};

/// What a sign of life is answered with.
enum class beat_answer : std::uint8_t {
  held,              ///< the lease was renewed
  cancel_requested,  ///< it was, and somebody wants the job to end
  lost,              ///< the job is somebody else's, or settled
};

/// How a running job ends, for now or for good.
struct job_settlement {
  job_lease lease = {};
  job_event event = job_event::succeed;  ///< succeed, fail, exhaust, snooze or cancel
  wall_time at{};                        ///< the next attempt after fail and snooze
  std::vector<std::byte> result = {};    ///< of succeed
  std::string reason = {};               ///< of fail and exhaust; up to 500 bytes are kept
};

/// A page of a listing, newest first.
struct job_query {
  job_state state = job_state::available;
  job_id before = std::numeric_limits<job_id>::max();  ///< only older ones: the last id of the page before
  std::size_t size = 50;                               ///< 1..1000
};

/// How long finished jobs are kept; zero: for ever.
struct job_retention {
  std::chrono::milliseconds completed = std::chrono::hours(24);
  std::chrono::milliseconds cancelled = std::chrono::hours(24);
  std::chrono::milliseconds dead = std::chrono::hours(24 * 30);
};

/// What became of jobs whose lease had run out.
struct rescue_report {
  std::size_t rescued = 0;  ///< available again
  std::size_t ended = 0;    ///< dead after their last attempt, or cancelled
};

/// How many jobs there are by state, each counted up to a bound.
struct job_counts {
  std::array<std::size_t, 6> by_state{};

  [[nodiscard]] std::size_t operator[](job_state state) const noexcept {
    return by_state[static_cast<std::size_t>(state)];
  }
};

inline constexpr std::size_t job_reason_size_max = 500;
inline constexpr std::string_view job_worker_lost = "its worker vanished";

/// How a waiting runner learns that there may be something for it. One waits, anybody wakes.
template <class W>
concept job_watch = std::movable<W> && requires(W& watch, steady_time deadline) {
  watch.wait_until(deadline);  // returns when woken, when jobs may have come, or at the deadline
  watch.wake();                // from any thread
};

/// Where durable jobs live. Every function is one atomic step, safe from any thread and, for stores in a database, beside
/// other processes; all moves follow `job_transitions`. Stores know no time but what they are told.
///
/// - `enqueue` makes jobs, all or none; validates them first.
/// - `take` makes due what is due, then takes ready jobs: lowest priority first, then earliest, then oldest.
/// - `extend` renews leases until the time given. `settle` ends attempts; false for a job that was lost.
/// - `cancel` ends a waiting job and asks a running one to end. Returns the state afterwards; nothing if unknown.
///   A job that somebody wants cancelled ends with a failure or a snooze.
/// - `rescue` gives back jobs whose lease ran out, or kills those that used up their attempts. A lease later than
///   `now` plus `lease_max` was written by a clock that was wrong, and counts as run out.
/// - `retry` gives a dead or cancelled job new attempts; `discard` forgets a finished one; false for others.
/// - `remove_finished` forgets at most `count_max` finished jobs that are older than the retention, except those whose key
///   still keeps others out.
/// - `next_due` is when the first scheduled job falls due; `counts` counts each state up to `count_max`.
/// - `watch` gives one runner its way of waiting.
///
/// tests/conformance/job_store_suite.hpp says the same in cases; every store passes it.
template <class S>
concept job_store =
    requires(S& store, std::span<const new_job> jobs, const job_wish& wish, std::span<const job_beat> beats,
             std::span<const job_settlement> ends, const job_query& query, const job_retention& retention,
             job_id id, wall_time now, std::chrono::milliseconds lease_max, std::size_t count_max) {
      { store.enqueue(jobs, now) } -> std::same_as<std::vector<enqueued_job>>;
      { store.take(wish) } -> std::same_as<std::vector<job_record>>;
      { store.extend(beats, now) } -> std::same_as<std::vector<beat_answer>>;
      { store.settle(ends, now) } -> std::same_as<std::vector<bool>>;
      { store.cancel(id, now) } -> std::same_as<std::optional<job_state>>;
      { store.rescue(now, lease_max, count_max) } -> std::same_as<rescue_report>;
      { store.retry(id, now) } -> std::same_as<bool>;
      { store.discard(id) } -> std::same_as<bool>;
      { store.remove_finished(retention, now, count_max) } -> std::same_as<std::size_t>;
      { store.get(id) } -> std::same_as<std::optional<job_record>>;
      { store.list(query) } -> std::same_as<std::vector<job_record>>;
      { store.next_due() } -> std::same_as<std::optional<wall_time>>;
      { store.counts(count_max) } -> std::same_as<job_counts>;
      { store.watch() } -> job_watch;
    };

namespace detail {

/// Returns: where `event` takes a running job. Throws: std::invalid_argument if the table has no such step, or it is
/// one that only a store takes.
[[nodiscard]] inline job_state settled_state(job_event event) {
  const auto to = next_state(job_state::running, event);
  if (!to || event == job_event::rescue || event == job_event::abandon)
    throw std::invalid_argument(
        "job_settlement: event must be succeed, fail, exhaust, snooze or cancel, got " +
        std::string(to_string(event)));
  return *to;
}

/// Returns: what a store makes of `event`: a job that somebody wants cancelled is not tried again.
[[nodiscard]] constexpr job_event settled_event(job_event event, bool cancel_requested) noexcept {
  const bool again = event == job_event::fail || event == job_event::snooze;
  return again && cancel_requested ? job_event::cancel : event;
}

/// Returns: as much of a reason as is kept, cut between two characters of UTF-8.
[[nodiscard]] constexpr std::string_view kept_reason(std::string_view reason) noexcept {
  if (reason.size() <= job_reason_size_max) return reason;
  std::size_t size = job_reason_size_max;
  while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80U) --size;
  return reason.substr(0, size);
}

inline void check_page(const job_query& query) {
  if (query.size < 1 || query.size > 1000)
    throw std::invalid_argument("job_query: size must be 1..1000, got " + std::to_string(query.size));
}

/// What every store does with a time: whole milliseconds, downwards.
[[nodiscard]] constexpr std::int64_t to_unix_ms(wall_time at) noexcept {
  return std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch()).count();
}
[[nodiscard]] constexpr wall_time from_unix_ms(std::int64_t ms) noexcept {
  return wall_time(std::chrono::duration_cast<wall_time::duration>(std::chrono::milliseconds(ms)));
}
[[nodiscard]] constexpr wall_time whole_ms(wall_time at) noexcept { return from_unix_ms(to_unix_ms(at)); }

}  // namespace detail
}  // namespace hasten
