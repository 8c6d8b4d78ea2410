// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/workers/detail/fork_hub.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <concepts>
#include <exception>
#include <memory>
#include <utility>

namespace hasten {

namespace detail {

/// Lets fork_join() in.
struct fork_access {
  template <clock_source Clock>
  static fork_hub& forks(basic_worker_pool<Clock>& pool) noexcept {
    return pool.engine_.forks();
  }
  template <clock_source Clock>
  static worker_parking& parking(basic_worker_pool<Clock>& pool) noexcept {
    return pool.engine_.parking();
  }
};

template <class Callable>
struct forked final : fork_job {
  explicit forked(Callable& second) noexcept : callable(&second) {
    run = [](fork_job& job) {
      try {
        (*static_cast<forked&>(job).callable)();
      } catch (...) {
        job.failure = std::current_exception();
      }
    };
  }
  Callable* callable;
};

template <class First, class Second>
void fork_in(fork_hub& hub, fork_place& place, worker_parking& parking, First& first, Second& second) {
  const fork_hub::visit inside(hub, place);
  forked<Second> job(second);
  if (!place.deque->push(job)) {  // as deep as it goes: no more is shared
    first();
    second();
    return;
  }
  parking.work_arrived();
  std::exception_ptr failure;
  try {
    first();
  } catch (...) {
    failure = std::current_exception();
  }
  // Everything forked inside first() is over, so the youngest is ours, or a thief has it.
  if (place.deque->pop() != nullptr) {
    if (failure) std::rethrow_exception(failure);
    second();
    return;
  }
  hub.wait(job);
  if (failure) std::rethrow_exception(failure);
  if (job.failure) std::rethrow_exception(job.failure);
}

}  // namespace detail

/// Runs two callables, the second on another thread of the pool if one is free, and returns when both are done.
///
/// For work that splits itself: each half may call fork_join() again. A fork costs some ten nanoseconds and no
/// allocation, because the caller keeps it on its stack and mostly runs it itself; a thread that has nothing to
/// do takes the oldest, which is the largest. While it waits for a half that somebody else began, a thread runs
/// other forks. Works inside a task and on any other thread; up to four threads from outside share with the pool
/// at a time, further ones do both halves themselves, as does everybody in a paused or closed pool. Wrong tool for
/// halves that block or wait for one another (the second may not begin before the first has ended), and for what
/// shall be counted in the pool's statistics.
///
///     long sum(hasten::worker_pool& pool, std::span<const long> of) {
///       if (of.size() < 1'000) return std::accumulate(of.begin(), of.end(), 0L);
///       const auto middle = of.size() / 2;
///       long left = 0, right = 0;
///       hasten::fork_join(pool, [&] { left = sum(pool, of.first(middle)); },
///                         [&] { right = sum(pool, of.subspan(middle)); });
///       return left + right;
///     }
///
/// Throws: what `first` threw; otherwise what `second` threw. If `first` throws, `second` may be left out.
/// Blocks on: both callables, and forks of others that were begun meanwhile.
template <clock_source Clock, std::invocable First, std::invocable Second>
void fork_join(basic_worker_pool<Clock>& pool, First&& first, Second&& second) {
  detail::fork_hub& hub = detail::fork_access::forks(pool);
  detail::worker_parking& parking = detail::fork_access::parking(pool);
  detail::fork_place& place = detail::this_threads_forks();
  if (place.hub == &hub) return detail::fork_in(hub, place, parking, first, second);
  const detail::fork_hub::guest here(hub);
  if (here.has_place()) return detail::fork_in(hub, place, parking, first, second);
  first();
  second();
}

}  // namespace hasten
