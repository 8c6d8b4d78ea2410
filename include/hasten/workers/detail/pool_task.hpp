// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/workers/task_options.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

namespace hasten::detail {

/// How a task left the pool; `drawn` is what a batch_ticket says, which is none.
enum class task_end : std::uint8_t { completed, failed, expired, cancelled, shed, drawn };
inline constexpr std::size_t task_end_count = 5;  // that are counted

/// Told to a task that it is its turn; any other errc tells it that it will never run, and why.
inline constexpr errc run_now{};

/// What waits in a lane. Called exactly once, or destroyed. Throws only what a posted callable throws.
using pool_task = unique_function<task_end(errc)>;

/// A callable that wants to know about stop requests, with what tells it.
template <class F>
struct stoppable {
  F callable;
  std::stop_token stop;
  decltype(auto) operator()() { return std::invoke(callable, stop); }
};

template <class F>
concept pool_callable = std::invocable<std::decay_t<F>&> || std::invocable<std::decay_t<F>&, std::stop_token>;

/// The callable that is stored for what the user gave: itself, or with its stop token.
template <class F>
using nullary_t =
    std::conditional_t<std::invocable<std::decay_t<F>&>, std::decay_t<F>, stoppable<std::decay_t<F>>>;

template <class F>
nullary_t<F> nullary(F&& callable, [[maybe_unused]] const std::stop_token& stop) {
  if constexpr (std::invocable<std::decay_t<F>&>) {
    return std::forward<F>(callable);
  } else {
    return {std::forward<F>(callable), stop};
  }
}

/// A task without a future.
template <class F>
struct posted_task {
  F callable;
  task_end operator()(errc reason) {
    if (reason != run_now) {
      // For callables of this library that pass on why they will not run.
      if constexpr (requires { callable.refused(reason); }) callable.refused(reason);
      return task_end::cancelled;
    }
    std::invoke(callable);
    return task_end::completed;
  }
};

/// A task with a future, which is answered whatever happens.
template <class F>
class promised_task {
 public:
  using result = std::invoke_result_t<F&>;

  explicit promised_task(F&& callable) : callable_(std::move(callable)) {}
  promised_task(promised_task&& other) noexcept(std::is_nothrow_move_constructible_v<F>)
      : callable_(std::move(other.callable_)),
        promise_(std::move(other.promise_)),
        is_pending_(std::exchange(other.is_pending_, false)) {}
  promised_task& operator=(promised_task&&) = delete;
  ~promised_task() {
    if (is_pending_) refuse(errc::closed);
  }

  std::future<result> get_future() {
    is_pending_ = true;
    return promise_.get_future();
  }

  task_end operator()(errc reason) {
    if (reason != run_now) return refuse(reason);
    is_pending_ = false;
    try {
      if constexpr (std::is_void_v<result>) {
        std::invoke(callable_);
        promise_.set_value();
      } else {
        promise_.set_value(std::invoke(callable_));
      }
      return task_end::completed;
    } catch (...) {
      promise_.set_exception(std::current_exception());
      return task_end::failed;
    }
  }

 private:
  task_end refuse(errc reason) {
    is_pending_ = false;
    promise_.set_exception(std::make_exception_ptr(error(reason, "worker_pool: the task was not run")));
    return task_end::cancelled;
  }

  F callable_;
  std::promise<result> promise_;
  bool is_pending_ = false;  // somebody holds the future and nobody has answered
};

/// What a pool keeps about one label; lives as long as the pool.
struct label_record {
  explicit label_record(std::string label_name) : name(std::move(label_name)) {}
  const std::string name;
  std::array<std::atomic<std::uint64_t>, task_end_count> ends{};  // by task_end
  histogram wait;
  histogram run;
};

/// A task with a deadline, a stop token or a label around one of the two above.
template <class Inner, clock_source Clock>
class optioned_task {
 public:
  optioned_task(Inner&& inner, const task_options& chosen, label_record* record, const Clock& clock)
      : inner_(std::move(inner)),
        deadline_(chosen.deadline),
        stop_(chosen.stop),
        record_(record),
        clock_(clock),
        accepted_(clock.now()) {}

  task_end operator()(errc reason) {
    if (reason != run_now) return inner_(reason);
    const steady_time started = clock_.now();
    if (started > deadline_) {
      inner_(errc::timeout);
      return ended(task_end::expired);
    }
    if (stop_.stop_requested()) return inner_(errc::closed);
    if (record_ == nullptr) return inner_(run_now);
    record_->wait.record(started - accepted_);
    try {
      const task_end end = inner_(run_now);
      record_->run.record(clock_.now() - started);
      return ended(end);
    } catch (...) {
      record_->run.record(clock_.now() - started);
      ended(task_end::failed);
      throw;
    }
  }

 private:
  task_end ended(task_end end) noexcept {
    // Relaxed: a count orders nothing.
    if (record_ != nullptr) {
      record_->ends[static_cast<std::size_t>(end)].fetch_add(1, std::memory_order_relaxed);
    }
    return end;
  }

  Inner inner_;
  steady_time deadline_;
  std::stop_token stop_;
  label_record* record_;  // null: no label
  Clock clock_;
  steady_time accepted_;
};

}  // namespace hasten::detail
