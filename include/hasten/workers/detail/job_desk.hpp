// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/backoff.hpp>
#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/workers/job_handler.hpp>
#include <hasten/workers/job_runner_stats.hpp>
#include <hasten/workers/job_store.hpp>

#include <cxxabi.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

namespace hasten::detail {

/// One kind of job that a runner knows.
struct job_kind {
  std::string name;
  job_kind_options options;
  backoff delays;
  job_function run;
  histogram wait = {};
  histogram took = {};
  job_attempt_counts ends = {};  // written by the runner's thread, under the runner's lock
  std::size_t in_hand = 0;       // the same
};

/// Why a handler was asked to stop; the first reason counts.
enum class stop_reason : std::uint8_t { none, cancelled, timed_out, draining, lost };

/// A job between taking and settling. The runner's thread and the handler's share it.
struct job_in_hand {
  job_in_hand(job_kind& of, job_record taken) : kind(of), job(std::move(taken)) {}

  void ask_to_stop(stop_reason asked_for) {
    stop_reason nothing = stop_reason::none;
    why.compare_exchange_strong(nothing, asked_for);
    stop.request_stop();
  }

  job_kind& kind;
  const job_record job;
  std::stop_source stop;
  std::atomic<stop_reason> why{stop_reason::none};
  std::atomic<double> progress{0};
  std::atomic<bool> is_spoken_for{false};    // whoever sets it runs the job, or gives it back
  std::atomic<steady_time::rep> started{0};  // zero: not yet

  // Of the handler's thread, and after it has said that it is finished, of the runner's.
  std::optional<job_outcome> outcome = {};  // none: it failed
  std::string reason = {};
  bool gives_up = false;

  // Of the runner's thread alone.
  double progress_stored = 0;
  bool is_overdue = false;
  bool is_lost = false;
};

/// Returns: what may be kept and shown of the exception that is being handled: the words of those whose words are known to
/// hold no value, else its type.
[[nodiscard]] inline std::string reason_of_current_exception(bool& gives_up) {
  try {
    throw;
  } catch (const job_failure& failure) {
    gives_up = failure.gives_up();
    return failure.what();
  } catch (const error& failure) {
    return failure.what();
  } catch (const std::exception& failure) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> name(
        abi::__cxa_demangle(typeid(failure).name(), nullptr, nullptr, &status), std::free);
    return std::string("an exception of type ") + (status == 0 ? name.get() : typeid(failure).name());
  } catch (...) {
    return "an exception of an unknown type";
  }
}

/// Runs the handler on the thread that calls. Reports to the job alone.
inline void run_job(job_in_hand& mine, steady_time began) noexcept {
  mine.started.store(began.time_since_epoch().count());
  try {
    job_context context(mine.job, mine.stop.get_token(), mine.progress);
    mine.outcome = mine.kind.run(context);
  } catch (...) {
    try {
      mine.reason = reason_of_current_exception(mine.gives_up);
    } catch (const std::bad_alloc&) {  // the failure itself is told; only its words are missing
      mine.reason.clear();
    }
  }
}

/// Returns: how a job whose handler has ended is to be settled; nothing if it is settled already.
template <std::uniform_random_bit_generator Random>
[[nodiscard]] std::optional<job_settlement> verdict(job_in_hand& mine, wall_time now, Random& random) {
  job_settlement end{.lease = mine.job.lease()};
  if (mine.outcome) {
    switch (mine.outcome->what()) {
      case job_outcome::kind::settled:
        return std::nullopt;
      case job_outcome::kind::snoozed:
        end.event = job_event::snooze;
        end.at = now + std::chrono::duration_cast<wall_time::duration>(mine.outcome->delay());
        return end;
      case job_outcome::kind::done:
        end.result = std::move(mine.outcome->result());
        if (end.result.size() <= job_payload_size_max) return end;
        end = {.lease = end.lease, .event = job_event::exhaust, .reason = "its result is larger than 1 MiB"};
        return end;
    }
  }
  const stop_reason why = mine.why.load();
  if (why == stop_reason::draining) {
    end.event = job_event::snooze;
    end.at = now;
  } else if (why == stop_reason::cancelled) {
    end.event = job_event::cancel;
  } else {
    end.reason = why == stop_reason::timed_out ? "it took longer than its timeout" : std::move(mine.reason);
    if (end.reason.empty()) end.reason = "it failed without a reason";
    const bool is_last = mine.gives_up || mine.job.attempt >= mine.job.attempts_max;
    end.event = is_last ? job_event::exhaust : job_event::fail;
    end.at = now + std::chrono::duration_cast<wall_time::duration>(
                       mine.kind.delays.after(std::max(1U, mine.job.attempt), random));
  }
  return end;
}

/// Counts one end among those of its kind.
inline void count_end(job_in_hand& mine, const job_settlement* end) {
  job_attempt_counts& counts = mine.kind.ends;
  if (mine.why.load() == stop_reason::timed_out) ++counts.timed_out;
  if (end == nullptr) {
    ++counts.completed;
    return;
  }
  switch (end->event) {
    case job_event::succeed:
      ++counts.completed;
      return;
    case job_event::fail:
      ++counts.retried;
      return;
    case job_event::exhaust:
      ++counts.dead;
      return;
    case job_event::cancel:
      ++counts.cancelled;
      return;
    default:
      ++(mine.outcome && mine.outcome->what() == job_outcome::kind::snoozed ? counts.snoozed
                                                                            : counts.given_back);
  }
}

/// What a runner shares with the handlers it started, which may outlive it: the kinds, and the jobs that have ended.
/// Thread safety: thread-safe, as told at the members.
template <class Watch, clock_source Clock, wall_source Wall>
struct job_desk {
  job_desk(Watch own, Clock steady, Wall calendar)
      : watch(std::move(own)), clock(std::move(steady)), wall(std::move(calendar)) {}

  void report(std::shared_ptr<job_in_hand> ended) noexcept {
    bool is_first = false;
    {
      const std::lock_guard lock(mutex);
      is_first = finished.empty();
      finished.push_back(std::move(ended));  // there is room for all that can be in hand
    }
    if (is_first) watch.wake();
  }

  Watch watch;
  const Clock clock;
  const Wall wall;
  std::vector<std::unique_ptr<job_kind>> kinds;        // fixed once the runner runs
  std::mutex mutex;                                    // guards what follows, and counters of the kinds
  std::vector<std::shared_ptr<job_in_hand>> finished;  // reported, not yet looked at
};

/// The task that runs one job in a pool. If the pool drops it, the job is given back.
template <class Desk>
class job_errand {
 public:
  job_errand(std::shared_ptr<Desk> desk, std::shared_ptr<job_in_hand> job) noexcept
      : desk_(std::move(desk)), job_(std::move(job)) {}
  job_errand(job_errand&&) noexcept = default;
  job_errand& operator=(job_errand&&) = delete;
  ~job_errand() {
    if (job_ == nullptr || job_->is_spoken_for.exchange(true)) return;
    job_->why.store(stop_reason::draining);
    desk_->report(std::move(job_));
  }

  void operator()() noexcept {
    if (job_->is_spoken_for.exchange(true)) return;
    job_kind& kind = job_->kind;
    kind.wait.record(
        std::chrono::duration_cast<std::chrono::nanoseconds>(desk_->wall.now() - job_->job.scheduled_at));
    const steady_time began = desk_->clock.now();
    run_job(*job_, began);
    kind.took.record(desk_->clock.now() - began);
    desk_->report(std::move(job_));
  }

 private:
  std::shared_ptr<Desk> desk_;
  std::shared_ptr<job_in_hand> job_;  // null once reported
};

/// Tells when the calendar clock was set: then leases that are in force look as if they had run out.
/// Thread safety: single-owner.
class jump_watch {
 public:
  explicit jump_watch(std::chrono::nanoseconds tolerance) : tolerance_(tolerance) {}

  /// Returns: whether the two clocks have moved apart since the last call.
  bool jumped(steady_time steady, wall_time wall) noexcept {
    const auto apart = std::chrono::duration_cast<std::chrono::nanoseconds>(wall.time_since_epoch()) -
                       std::chrono::duration_cast<std::chrono::nanoseconds>(steady.time_since_epoch());
    const bool is_first = !known_;
    const auto moved = apart - last_;
    last_ = apart;
    known_ = true;
    return !is_first && (moved > tolerance_ || moved < -tolerance_);
  }

 private:
  std::chrono::nanoseconds tolerance_;
  std::chrono::nanoseconds last_{0};
  bool known_ = false;
};

}  // namespace hasten::detail
