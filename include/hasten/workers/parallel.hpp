// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/workers/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <ranges>
#include <stop_token>
#include <utility>
#include <vector>

namespace hasten {

/// How a loop is split over a pool.
struct parallel_options {
  /// Elements in one piece; 0 takes about eight pieces for each thread. Pieces decide the order in which
  /// parallel_reduce() combines: give a grain to get the same result, to the bit, on every machine.
  std::size_t grain = 0;
  /// Pieces that have not begun when a stop is requested are left out.
  std::stop_token stop = {};
  /// The lane of the helping tasks.
  task_lane lane = task_lane::normal;
};

namespace detail {

/// One loop in progress. Helpers hold a share of it and may come after it is over; they touch the body, which
/// lives on the caller's stack, only for a piece they claimed, and the caller waits for every claimed piece.
class parallel_loop {
 public:
  using body_function = void (*)(void* body, std::size_t piece);

  parallel_loop(std::size_t pieces, body_function run, void* body, std::stop_token stop)
      : pieces_(pieces), run_(run), body_(body), stop_(std::move(stop)) {}

  /// Runs pieces until none is left.
  void take_part() noexcept {
    for (;;) {
      const std::size_t piece = next_.fetch_add(1);
      if (piece >= pieces_) return;
      run_piece(piece);
      if (ended_.fetch_add(1) + 1 == pieces_) ended_.notify_all();
    }
  }

  /// Returns: whether every piece ran.
  /// Throws: what the first piece threw that threw.
  bool wait() {
    for (std::size_t seen = ended_.load(); seen != pieces_; seen = ended_.load()) ended_.wait(seen);
    if (failure_) std::rethrow_exception(failure_);
    return !is_cut_short_.load();
  }

 private:
  void run_piece(std::size_t piece) noexcept {
    if (is_cut_short_.load() || stop_.stop_requested()) {
      is_cut_short_.store(true);
      return;
    }
    try {
      run_(body_, piece);
    } catch (...) {
      if (!has_failed_.exchange(true)) failure_ = std::current_exception();
      is_cut_short_.store(true);
    }
  }

  const std::size_t pieces_;
  const body_function run_;
  void* const body_;
  const std::stop_token stop_;
  std::atomic<bool> is_cut_short_{false};
  std::atomic<bool> has_failed_{false};
  std::exception_ptr failure_;  // written by who set has_failed_, read after the last piece has ended
  alignas(64) std::atomic<std::size_t> next_{0};
  alignas(64) std::atomic<std::size_t> ended_{0};
};

inline std::size_t grain_for(std::size_t count, std::size_t threads, std::size_t asked) noexcept {
  return asked != 0 ? asked : std::max<std::size_t>(1, count / (8 * (threads + 1)));
}

/// Runs `body(piece)` for each of `pieces` on the pool and on the calling thread.
template <clock_source Clock, class Body>
bool run_pieces(basic_worker_pool<Clock>& pool, std::size_t pieces, Body& body,
                const parallel_options& chosen) {
  if (pieces == 0) return true;
  const auto loop = std::make_shared<parallel_loop>(
      pieces, [](void* erased, std::size_t piece) { (*static_cast<Body*>(erased))(piece); }, &body,
      chosen.stop);
  const std::size_t helpers = std::min(pool.threads(), pieces - 1);
  for (std::size_t i = 0; i < helpers; ++i) {
    // A busy or closed pool is no failure: the caller does the work itself.
    if (!pool.try_post({.lane = chosen.lane}, [loop] { loop->take_part(); })) break;
  }
  loop->take_part();
  return loop->wait();
}

}  // namespace detail

/// Calls `body(i)` for each i in [first, last), on the pool's threads and on the calling thread, which may be
/// one of the pool's. Worth it from some ten microseconds of work on.
/// Returns: false if a stop was requested before everything was done.
/// Throws: the first exception of the body, after the pieces that had begun have ended; the rest is left out.
/// Blocks on: the pieces that workers have begun.
template <clock_source Clock, class Body>
  requires std::invocable<Body&, std::size_t>
bool parallel_for(basic_worker_pool<Clock>& pool, std::size_t first, std::size_t last, Body&& body,
                  const parallel_options& chosen = {}) {
  const std::size_t count = last > first ? last - first : 0;
  const std::size_t grain = detail::grain_for(count, pool.threads(), chosen.grain);
  auto run_piece = [&](std::size_t piece) {
    const std::size_t begin = first + piece * grain;
    const std::size_t end = begin + std::min(grain, last - begin);
    for (std::size_t i = begin; i < end; ++i) body(i);
  };
  return detail::run_pieces(pool, count / grain + (count % grain != 0 ? 1 : 0), run_piece, chosen);
}

/// Writes `transform(element)` of each element of `input` to the same place behind `output`, where there is
/// room for as many. The rest is as in parallel_for().
template <clock_source Clock, std::ranges::random_access_range Input, std::random_access_iterator Output,
          class Transform>
bool parallel_transform(basic_worker_pool<Clock>& pool, Input&& input, Output output, Transform&& transform,
                        const parallel_options& chosen = {}) {
  const auto begin = std::ranges::begin(input);
  return parallel_for(
      pool, 0, static_cast<std::size_t>(std::ranges::distance(input)),
      [&](std::size_t i) {
        output[static_cast<std::iter_difference_t<Output>>(i)] =
            transform(begin[static_cast<std::ranges::range_difference_t<Input>>(i)]);
      },
      chosen);
}

/// Combines `map(element)` of all elements: combine(combine(identity, first), second) and so on within a
/// piece, and the pieces in their order. The order depends on the grain alone, never on the threads' pace, so
/// that floating-point sums repeat.
/// Returns: the result; of the pieces done if a stop was requested meanwhile.
/// Throws and blocks on: as parallel_for().
// NOLINTBEGIN(readability-function-size): the parameters of std::transform_reduce, the pool and the options
template <clock_source Clock, std::ranges::random_access_range Input, std::copy_constructible Value,
          class Map, class Combine>
Value parallel_reduce(basic_worker_pool<Clock>& pool, Input&& input, Value identity, Map&& map,
                      Combine&& combine, const parallel_options& chosen = {}) {
  const auto begin = std::ranges::begin(input);
  const auto count = static_cast<std::size_t>(std::ranges::distance(input));
  const std::size_t grain = detail::grain_for(count, pool.threads(), chosen.grain);
  // A line each, so that threads do not write into one another's.
  struct alignas(64) partial {
    Value value;
  };
  std::vector<partial> partials(count / grain + (count % grain != 0 ? 1 : 0), partial{identity});
  auto run_piece = [&](std::size_t piece) {
    Value value = identity;
    const std::size_t end = std::min(count, (piece + 1) * grain);
    for (std::size_t i = piece * grain; i < end; ++i) {
      value = combine(std::move(value), map(begin[static_cast<std::ranges::range_difference_t<Input>>(i)]));
    }
    partials[piece].value = std::move(value);
  };
  detail::run_pieces(pool, partials.size(), run_piece, chosen);
  Value result = std::move(identity);
  for (partial& each : partials) result = combine(std::move(result), std::move(each.value));
  return result;
}
// NOLINTEND(readability-function-size)

}  // namespace hasten
