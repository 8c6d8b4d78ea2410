// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <stop_token>

namespace hasten {

/// Which of a pool's queues a task waits in. Higher lanes go first, lower lanes keep a guaranteed share.
enum class task_lane : std::uint8_t {
  high,        ///< somebody waits for it now: health, small reads
  normal,      ///< everything that says nothing else
  background,  ///< nobody waits for it: exports, recomputation; never takes the last thread of a pool
};

inline constexpr std::size_t task_lane_count = 3;

/// Names a kind of task in the statistics of one pool; made by worker_pool::label(). A default-made label
/// names nothing.
/// Thread safety: immutable.
class task_label {
 public:
  task_label() = default;
  friend bool operator==(task_label, task_label) = default;

 private:
  template <clock_source Clock>
  friend class basic_worker_pool;
  explicit task_label(std::uint32_t number) : number_(number) {}

  std::uint32_t number_ = 0;  // 0: none; otherwise one more than the index in its pool
};

/// How one task differs from any other. A task with a deadline, a label or a stop token costs one allocation
/// and two readings of the clock; a lane alone costs nothing.
struct task_options {
  /// The queue that it waits in.
  task_lane lane = task_lane::normal;
  /// If it has not started by then it never does: its future gets errc::timeout. The default is never.
  steady_time deadline = steady_time::max();
  /// What it is called in the statistics; the default is nothing.
  task_label label = {};
  /// If a stop is requested before it starts it never does: its future gets errc::closed. Handed to a
  /// callable that takes a std::stop_token, so that it can stop half-way.
  std::stop_token stop = {};

  /// Whether only the lane matters.
  [[nodiscard]] bool is_plain() const noexcept {
    return deadline == steady_time::max() && label == task_label{} && !stop.stop_possible();
  }
};

/// What a pool does with a task for which its lane has no room.
enum class full_policy : std::uint8_t {
  reject,       ///< refuses it: hasten::error with errc::overloaded
  block,        ///< makes the caller wait for room, at most options::block_max, then refuses
  caller_runs,  ///< runs it in the calling thread, which slows down whoever submits too much
  drop_oldest,  ///< makes room by dropping the task that waited longest; its future gets errc::overloaded
};

}  // namespace hasten
