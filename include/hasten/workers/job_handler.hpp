// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/backoff.hpp>
#include <hasten/core/codec.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/workers/job_record.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// What a handler throws to say in its own words why its job failed. The text is kept with the job and shown to people:
/// a fixed sentence, never a value. Of other exceptions that are not hasten::error, only the type is kept.
class job_failure : public std::runtime_error {
 public:
  enum class next { retry, give_up };

  /// With next::give_up no further attempt is made, however many are left.
  explicit job_failure(const std::string& reason, next then = next::retry)
      : std::runtime_error(reason), gives_up_(then == next::give_up) {}

  [[nodiscard]] bool gives_up() const noexcept { return gives_up_; }

 private:
  bool gives_up_;
};

/// How a handler ended without an exception. Most handlers return nothing, or a result, and need not name it.
/// Thread safety: thread-compatible.
class job_outcome {
 public:
  enum class kind : std::uint8_t { done, snoozed, settled };

  [[nodiscard]] static job_outcome done() { return job_outcome(kind::done); }

  /// The job keeps `result`, encoded.
  template <encodable Result>
  [[nodiscard]] static job_outcome done(const Result& result) {
    job_outcome out(kind::done);
    out.result_ = encode(result);
    return out;
  }

  /// Not now: call again after `delay`. Takes the attempt back.
  [[nodiscard]] static job_outcome snooze(std::chrono::nanoseconds delay) {
    job_outcome out(kind::snoozed);
    out.delay_ = delay;
    return out;
  }

  /// The handler settled the job itself, in the transaction that stored its effects.
  [[nodiscard]] static job_outcome settled() { return job_outcome(kind::settled); }

  [[nodiscard]] kind what() const noexcept { return kind_; }
  [[nodiscard]] std::chrono::nanoseconds delay() const noexcept { return delay_; }
  [[nodiscard]] std::vector<std::byte>& result() noexcept { return result_; }

 private:
  explicit job_outcome(kind what) : kind_(what) {}

  kind kind_;
  std::chrono::nanoseconds delay_{0};
  std::vector<std::byte> result_;
};

/// What a handler knows of the job that it runs, and how it speaks to its runner.
/// Thread safety: single-owner; the token may be passed on.
class job_context {
 public:
  job_context(const job_record& job, std::stop_token stop, std::atomic<double>& progress)
      : job_(job), stop_(std::move(stop)), progress_(progress) {}

  [[nodiscard]] const job_record& job() const noexcept { return job_; }
  [[nodiscard]] job_lease lease() const noexcept { return job_.lease(); }
  /// Whether no attempt follows this one.
  [[nodiscard]] bool is_last_attempt() const noexcept { return job_.attempt >= job_.attempts_max; }

  /// Requested when the job is cancelled, takes too long or is lost, and when the runner is to stop. A handler that then
  /// throws is judged by why it was asked; one that finishes has finished.
  [[nodiscard]] const std::stop_token& stop() const noexcept { return stop_; }

  /// How far the job has come, 0..1. Cheap: it is stored about once a second.
  void progress(double share) {
    HASTEN_EXPECTS(share >= 0 && share <= 1, "job_context: progress() takes 0..1");
    progress_.store(share);
  }

 private:
  const job_record& job_;
  std::stop_token stop_;
  std::atomic<double>& progress_;
};

/// How jobs of one kind are run.
struct job_kind_options {
  /// Most jobs of the kind in hand at once in this runner, 1..100000; 0: as many as the runner takes.
  std::size_t concurrency = 0;
  /// How long an attempt may take, up to 7 days; 0: for ever. Then its stop token is triggered and its lease is renewed no
  /// longer: a handler that ignores both loses the job, and what it does afterwards is not settled.
  std::chrono::nanoseconds timeout = std::chrono::minutes(10);
  /// Between attempts.
  backoff::options delays = {.first = std::chrono::seconds(1), .most = std::chrono::hours(1)};
};

namespace detail {

using job_function = std::function<job_outcome(job_context&)>;

inline job_kind_options checked(job_kind_options chosen) {
  const auto refuse = [](const char* field_and_range, auto got) {
    throw std::invalid_argument("job_kind_options: " + std::string(field_and_range) + ", got " +
                                std::to_string(got));
  };
  if (chosen.concurrency > 100'000) refuse("concurrency must be 0..100000", chosen.concurrency);
  if (chosen.timeout.count() < 0 || chosen.timeout > std::chrono::hours(24 * 7))
    refuse("timeout must be 0..604800000000000 ns", chosen.timeout.count());
  static_cast<void>(backoff(chosen.delays));
  return chosen;
}

/// Returns: `handler(context, payload)` as one signature, whatever it returns.
template <encodable Payload, class Handler>
[[nodiscard]] job_function job_function_of(Handler handler) {
  return [handler = std::move(handler)](job_context& context) mutable -> job_outcome {
    const auto payload = decode<Payload>(context.job().payload);
    using returned = std::invoke_result_t<Handler&, job_context&, const Payload&>;
    if constexpr (std::is_void_v<returned>) {
      handler(context, payload);
      return job_outcome::done();
    } else if constexpr (std::is_same_v<returned, job_outcome>) {
      return handler(context, payload);
    } else {
      return job_outcome::done(handler(context, payload));
    }
  };
}

}  // namespace detail
}  // namespace hasten
