// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/transaction.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace hasten {

/// How often, and after which pauses, a transaction is repeated that met other writers.
struct transaction_retry {
  unsigned attempts_max = 3;  ///< 1..100; one: never repeated
  /// The pause before the second attempt, 0..1 minute; it doubles with each further one and is shortened at random by
  /// up to a half, so that two who met do not meet again.
  std::chrono::nanoseconds pause = std::chrono::milliseconds(2);
  std::chrono::nanoseconds pause_max =
      std::chrono::milliseconds(100);         ///< no pause is longer, `pause`..1 minute
  steady_time deadline = steady_time::max();  ///< no attempt begins after this
  transaction_mode mode = transaction_mode::write;
  /// Pauses; replace it in tests. Empty: the thread sleeps.
  std::function<void(std::chrono::nanoseconds)> sleep = {};
};

namespace detail {

inline void check_retry(const transaction_retry& policy) {
  if (policy.attempts_max < 1 || policy.attempts_max > 100)
    throw std::invalid_argument("transaction_retry: attempts_max must be 1..100, got " +
                                std::to_string(policy.attempts_max));
  if (policy.pause.count() < 0 || policy.pause > std::chrono::minutes(1))
    throw std::invalid_argument("transaction_retry: pause must be 0..1 minute");
  if (policy.pause_max < policy.pause || policy.pause_max > std::chrono::minutes(1))
    throw std::invalid_argument("transaction_retry: pause_max must be pause..1 minute");
}

// Spread by the time itself: two threads that fail together read the clock apart.
[[nodiscard]] inline std::chrono::nanoseconds jittered(std::chrono::nanoseconds pause,
                                                       steady_time now) noexcept {
  const auto mixed = static_cast<std::uint64_t>(now.time_since_epoch().count()) * 0x9E3779B97F4A7C15ull >> 54;
  return pause - pause / 2 * static_cast<std::int64_t>(mixed) / 1024;
}

}  // namespace detail

/// Runs `fn(session)` in a transaction and commits it; repeats the whole when it met another writer.
///
/// `fn` may run several times, so nothing outside the database may depend on how often. Only failures that rolled the
/// transaction back are repeated (is_transient()); what happens when the answer to a COMMIT is lost is not known, and
/// never repeated. Returns: what `fn` returned, committed.
/// Throws: what `fn` threw, after rolling back; the last failure when the attempts or the time are used up;
/// std::invalid_argument for a policy out of range. Blocks on: the write lock for at most the busy timeout, and the
/// pauses.
///
///     const auto left = hasten::run_in_transaction(*db, [&](hasten::monitored_session& session) {
///       session.exec(withdraw, cents, account);
///       return session.scalar<std::int64_t>(balance, account);
///     });
template <class Fn>
auto run_in_transaction(monitored_session& session, Fn&& fn, const transaction_retry& policy = {}) {
  detail::check_retry(policy);
  std::chrono::nanoseconds pause = policy.pause;
  for (unsigned attempt = 1;; ++attempt) {
    try {
      transaction change(session, policy.mode);
      if constexpr (std::is_void_v<std::invoke_result_t<Fn&, monitored_session&>>) {
        fn(session);
        change.commit();
        return;
      } else {
        auto answer = fn(session);
        change.commit();
        return answer;
      }
    } catch (const query_error& failure) {
      const steady_time now = session.monitor().now();
      const auto chosen = detail::jittered(pause, now);
      if (!is_transient(failure.kind()) || attempt >= policy.attempts_max || now + chosen >= policy.deadline)
        throw;
      if (policy.sleep)
        policy.sleep(chosen);
      else
        std::this_thread::sleep_for(chosen);
    }
    pause = std::min(pause * 2, policy.pause_max);
  }
}

}  // namespace hasten
