// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/workers/bounded_queue.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/detail/worker_parking.hpp>
#include <hasten/workers/task_options.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace hasten::detail {

/// Where the tasks of a pool wait and its workers sleep: three bounded queues, which of them is next, and how
/// many background tasks may run at once.
///
/// A worker takes from the highest lane that has something, except that every 8th pick begins with the normal
/// and every 64th with the background lane: no lane starves. Background tasks occupy at most
/// `background_max` workers, so that long ones leave a worker to the others; a closed pool lifts that limit
/// to be done sooner. Of every n-th slot the time of acceptance is kept beside the ring.
/// Thread safety: thread-safe.
template <clock_source Clock>
class task_lanes {
 public:
  struct limits {
    std::size_t workers;
    std::size_t queue_max;       // each lane
    std::size_t background_max;  // background tasks running at once
    std::size_t clock_sampling;  // a power of two, or 0 for never
  };

  /// How a task was picked.
  struct pick {
    task_lane lane = task_lane::normal;
    bool is_sampled = false;
    steady_time accepted;        // only if sampled
    bool is_place_open = false;  // a background task of this worker ended and nobody has been told
  };

  task_lanes(const limits& chosen, const Clock& clock)
      : limits_(chosen),
        clock_(clock),
        parking_(chosen.workers),
        lanes_{lane_queue(chosen), lane_queue(chosen), lane_queue(chosen)} {}

  worker_parking& parking() noexcept { return parking_; }

  push_result push(task_lane lane, pool_task& item) noexcept {
    lane_queue& to = at(lane);
    const push_result result = to.queue.try_push(std::move(item), [&](std::size_t slot) {
      if (is_sampled(slot)) to.note(slot / limits_.clock_sampling, clock_.now());
    });
    if (result == push_result::pushed) parking_.work_arrived();
    return result;
  }

  /// Puts in as many of `count` tasks as there is room for.
  /// Returns: how many.
  std::size_t push_some(task_lane lane, pool_task* items, std::size_t count) noexcept {
    lane_queue& to = at(lane);
    const steady_time now = limits_.clock_sampling == 0 ? steady_time{} : clock_.now();
    const std::size_t pushed = to.queue.try_push_some(
        count, [items](std::size_t i) -> pool_task&& { return std::move(items[i]); },
        [&](std::size_t slot) {
          if (is_sampled(slot)) to.note(slot / limits_.clock_sampling, now);
        });
    // One is enough: whoever wakes and finds more than its own task wakes the next.
    if (pushed != 0) parking_.work_arrived();
    return pushed;
  }

  /// Takes the next task. `picks` is the worker's own count, which spreads the turns of the lanes; `picked` is
  /// the one that finished() was told of.
  /// Returns: false if there is nothing to run.
  bool pop(unsigned& picks, pick& picked, pool_task& item) noexcept {
    if (is_paused_.load() && !is_closed()) return false;
    if (!pop_next(picks, picked, item)) return false;
    settle(picked);
    return true;
  }

  /// To be called after a popped task has run, and before anything else that takes time: the place of a
  /// background task is free from now on, but others hear of it only by the next pop() or by settle(), because
  /// the next task of this worker will mostly take it again.
  void finished(pick& picked) noexcept {
    if (picked.lane != task_lane::background) return;
    background_running_.fetch_sub(1);
    picked.is_place_open = true;
  }

  /// Tells a sleeper of a place among the background tasks that this worker left and did not take again.
  void settle(pick& picked) noexcept {
    if (!std::exchange(picked.is_place_open, false) || picked.lane == task_lane::background) return;
    tell_of_place();
  }

  /// Takes the oldest task of a lane out of the queue, not to run it.
  bool pop_oldest(task_lane lane, pool_task& item) noexcept { return at(lane).queue.try_pop(item); }

  /// Whether a producer that found the lane full should come back: a quarter is free, or at least one place.
  [[nodiscard]] bool has_ample_room(task_lane lane) const noexcept {
    return at(lane).queue.size() <= limits_.queue_max - std::max<std::size_t>(1, limits_.queue_max / 4);
  }
  [[nodiscard]] bool is_empty() const noexcept {
    return is_empty(task_lane::high) && is_empty(task_lane::normal) && is_empty(task_lane::background);
  }
  [[nodiscard]] bool is_empty(task_lane lane) const noexcept { return at(lane).queue.is_empty(); }
  [[nodiscard]] std::size_t size(task_lane lane) const noexcept { return at(lane).queue.size(); }

  /// Returns: the least time that the oldest task of a lane has waited by `now`: exact if every task is timed,
  /// otherwise what the nearest timed task says, or what was seen at the last call.
  [[nodiscard]] std::chrono::nanoseconds oldest_age(task_lane lane, steady_time now) const {
    const lane_queue& of = at(lane);
    const std::scoped_lock lock(seen_mutex_);
    const std::uint64_t front = of.queue.front();
    if (of.queue.is_empty()) {
      of.seen_at = steady_time::max();
      return {};
    }
    if (front != of.seen_front || of.seen_at == steady_time::max()) {
      of.seen_front = front;
      of.seen_at = now;
    }
    const steady_time since = std::min(of.oldest(limits_.clock_sampling), of.seen_at);
    return since < now ? now - since : std::chrono::nanoseconds(0);
  }

  /// What a worker asks before it sleeps. True as well when the pool is closed: nobody sleeps then.
  [[nodiscard]] bool has_work() const noexcept {
    if (is_closed()) return true;
    if (is_paused_.load()) return false;
    return !is_empty(task_lane::high) || !is_empty(task_lane::normal) ||
           (!is_empty(task_lane::background) && background_running_.load() < limits_.background_max);
  }

  void pause() noexcept { is_paused_.store(true); }
  void resume() noexcept {
    is_paused_.store(false);
    parking_.wake_all();  // under the parking's lock: who looked before the store is asleep by now, and wakes
  }
  [[nodiscard]] bool is_paused() const noexcept { return is_paused_.load(); }

  void close() noexcept {
    for (lane_queue& each : lanes_) each.queue.close();
    resume();
  }
  /// The lanes close one after another, the last one last.
  [[nodiscard]] bool is_closed() const noexcept { return at(task_lane::background).queue.is_closed(); }

  histogram& wait(task_lane lane) noexcept { return at(lane).wait; }
  histogram& run(task_lane lane) noexcept { return at(lane).run; }
  [[nodiscard]] const histogram& wait(task_lane lane) const noexcept { return at(lane).wait; }
  [[nodiscard]] const histogram& run(task_lane lane) const noexcept { return at(lane).run; }

 private:
  struct lane_queue {
    explicit lane_queue(const limits& chosen)
        : queue(chosen.queue_max),
          accepted(chosen.clock_sampling == 0 ? nullptr
                                              : std::make_unique<std::atomic<std::int64_t>[]>(
                                                    queue.slot_count() / chosen.clock_sampling + 1)) {}

    // Relaxed: who takes the task has seen its turn (bounded_queue), and oldest() looks at the turn again.
    void note(std::size_t entry, steady_time when) noexcept {
      accepted[entry].store(when.time_since_epoch().count(), std::memory_order_relaxed);
    }
    [[nodiscard]] steady_time noted(std::size_t entry) const noexcept {
      return steady_time(steady_time::duration(accepted[entry].load(std::memory_order_relaxed)));
    }

    // Acceptance of the oldest timed task, or the greatest time if none is near the front.
    [[nodiscard]] steady_time oldest(std::size_t sampling) const noexcept {
      if (sampling == 0) return steady_time::max();
      const std::uint64_t front = queue.front();
      for (std::uint64_t at = front; at != front + sampling; ++at) {
        const auto slot = static_cast<std::size_t>(at & (queue.slot_count() - 1));
        if (!queue.holds(at)) continue;
        if ((slot & (sampling - 1)) != 0) continue;
        const steady_time found = noted(slot / sampling);
        if (queue.holds(at)) return found;
      }
      return steady_time::max();
    }

    bounded_queue<pool_task> queue;
    // Entry i belongs to slot i * clock_sampling: nanoseconds of the clock, written by who holds the slot.
    const std::unique_ptr<std::atomic<std::int64_t>[]> accepted;
    histogram wait;
    histogram run;
    mutable std::uint64_t seen_front = 0;              // guarded by seen_mutex_, like the next
    mutable steady_time seen_at = steady_time::max();  // when the front was first seen where it is
  };

  [[nodiscard]] lane_queue& at(task_lane lane) noexcept { return lanes_[static_cast<std::size_t>(lane)]; }
  [[nodiscard]] const lane_queue& at(task_lane lane) const noexcept {
    return lanes_[static_cast<std::size_t>(lane)];
  }

  [[nodiscard]] bool is_sampled(std::size_t slot) const noexcept {
    return limits_.clock_sampling != 0 && (slot & (limits_.clock_sampling - 1)) == 0;
  }

  bool pop_from(task_lane lane, pick& picked, pool_task& item) noexcept {
    lane_queue& from = at(lane);
    return from.queue.try_pop(item, [&](std::size_t slot) {
      picked.lane = lane;
      picked.is_sampled = is_sampled(slot);
      if (picked.is_sampled) picked.accepted = from.noted(slot / limits_.clock_sampling);
    });
  }

  bool pop_next(unsigned& picks, pick& picked, pool_task& item) noexcept {
    const unsigned turn = ++picks;
    if (turn % 64 == 0 && pop_background(picked, item)) return true;
    if (turn % 8 == 0 && pop_from(task_lane::normal, picked, item)) return true;
    return pop_from(task_lane::high, picked, item) || pop_from(task_lane::normal, picked, item) ||
           pop_background(picked, item);
  }

  bool pop_background(pick& picked, pool_task& item) noexcept {
    if (is_empty(task_lane::background)) return false;
    const std::size_t most = is_closed() ? limits_.workers : limits_.background_max;
    std::size_t running = background_running_.load();
    do {
      if (running >= most) return false;
    } while (!background_running_.compare_exchange_weak(running, running + 1));
    if (pop_from(task_lane::background, picked, item)) return true;
    background_running_.fetch_sub(1);
    tell_of_place();
    return false;
  }

  // Somebody may have gone to sleep because the limit was reached: the decrement before is to the parking's
  // argument what the taking of a place in the queue is otherwise.
  void tell_of_place() noexcept {
    if (!is_empty(task_lane::background)) parking_.work_arrived();
  }

  const limits limits_;
  const Clock clock_;
  worker_parking parking_;
  mutable std::mutex seen_mutex_;  // guards what oldest_age() remembers
  std::atomic<bool> is_paused_{false};
  std::array<lane_queue, task_lane_count> lanes_;
  alignas(64) std::atomic<std::size_t> background_running_{0};
};

}  // namespace hasten::detail
