// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/workers/bounded_queue.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/detail/task_batch.hpp>
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
#include <thread>
#include <utility>

namespace hasten::detail {

/// Where the tasks of a pool wait and its workers sleep: three bounded queues, which of them is next, and how
/// many background tasks may run at once.
///
/// A worker takes from the highest lane that has something, except that every 8th pick begins with the normal
/// and every 64th with the background lane: no lane starves. Background tasks occupy at most
/// `background_max` workers, so that long ones leave a worker to the others; a closed pool lifts that limit
/// to be done sooner. Of every n-th slot the time of acceptance is kept beside the ring.
///
/// A batch of tasks takes one place of the ring, for its turn. The worker that takes the place out works the batch
/// off, task by task and beside its other turns; a worker that finds the rings empty joins in, and each worker's every
/// 512th pick helps the oldest batch, so that none waits for a worker that a long task keeps.
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
    steady_time accepted;         // only if sampled
    bool is_place_open = false;   // a background task of this worker ended and nobody has been told
    task_batch* batch = nullptr;  // what the task is of, if of a batch; the taker keeps it
    std::size_t index = 0;        // in the batch
  };

  /// Who picks. Each worker has one of its own.
  struct taker {
    unsigned picks = 0;                                 // spreads the turns of the lanes
    std::array<batch_reference, task_lane_count> held;  // what it works off, by lane
    batch_reference helped;                             // the last batch of others that it took one task of
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

  /// Sets room aside for tasks of a batch, which are bounded like the others, together with those in the ring.
  /// Returns: how many of `wanted`.
  std::size_t reserve(task_lane lane, std::size_t wanted) noexcept {
    lane_queue& to = at(lane);
    std::size_t taken = to.batched.load();
    std::size_t granted = 0;
    do {
      granted = std::min(wanted, limits_.queue_max - std::min(limits_.queue_max, taken + to.singles()));
    } while (!to.batched.compare_exchange_weak(taken, taken + granted));
    return granted;
  }
  void give_back(task_lane lane, std::size_t reserved) noexcept { at(lane).batched.fetch_sub(reserved); }

  /// Puts in a batch, for whose tasks there is room set aside.
  push_result push(task_lane lane, task_batch& batch) noexcept {
    lane_queue& to = at(lane);
    push_result result = push_result::full;
    {
      // The place in the ring and the one in the list are taken under one lock, so that who takes the last
      // task, perhaps before this is done, finds the batch in the list.
      const std::scoped_lock lock(to.batches_mutex);
      result = to.queue.try_push(pool_task(batch_ticket{batch_reference::to(batch)}));
      if (result == push_result::pushed) to.link(batch);
    }
    if (result == push_result::pushed) parking_.work_arrived();
    return result;
  }

  /// Gives the tasks of all batches that nobody has taken yet to `drop(batch, index)`. Returns: how many.
  template <class Drop>
  std::uint64_t drop_batches(task_lane lane, Drop&& drop) noexcept {
    lane_queue& from = at(lane);
    std::uint64_t count = 0;
    // Bounded, because what dropped tasks do at their end may be to post others.
    for (std::size_t most = from.open_batches(); most != 0;) {
      const batch_reference oldest = from.oldest_batch();
      if (!oldest) break;
      const std::size_t first = oldest->take_rest();
      if (first == task_batch::none) {  // a worker that just took the last one is about to take it off
        std::this_thread::yield();
        continue;
      }
      --most;
      retire(from, *oldest);
      for (std::size_t index = first; index != oldest->count(); ++index, ++count) drop(*oldest, index);
    }
    return count;
  }

  /// Takes the next task, into `item` or as one of a batch; `picked` is the one that finished() was told of.
  /// Returns: false if there is nothing to run.
  bool pop(taker& by, pick& picked, pool_task& item) noexcept {
    if (!may_start()) return false;
    if (!pop_next(by, picked, item)) return false;
    settle(picked);
    return true;
  }

  /// To be called when a popped task turned out to be a ticket: makes its batch the one that is worked off next.
  static void draw(taker& by, const pick& picked, pool_task& item) noexcept {
    by.held[static_cast<std::size_t>(picked.lane)] = std::move(item.template target<batch_ticket>()->batch);
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

  /// Whether a producer that found no place in the ring should come back: a quarter is free, or at least one place.
  [[nodiscard]] bool has_ample_places(task_lane lane) const noexcept {
    return at(lane).queue.size() <= ample_below();
  }
  /// The same for one that found no room to set aside. Apart, because what a producer has set aside itself must not
  /// keep it from seeing the place that it waits for.
  [[nodiscard]] bool has_ample_room(task_lane lane) const noexcept {
    return at(lane).batched.load() + at(lane).singles() <= ample_below();
  }
  [[nodiscard]] bool is_empty() const noexcept {
    return is_empty(task_lane::high) && is_empty(task_lane::normal) && is_empty(task_lane::background);
  }
  /// A batch that is not taken to its end counts as being in, wherever its ticket is.
  [[nodiscard]] bool is_empty(task_lane lane) const noexcept {
    return at(lane).queue.is_empty() && at(lane).open.load() == 0;
  }
  /// Returns: how many places of the ring are taken.
  [[nodiscard]] std::size_t size(task_lane lane) const noexcept { return at(lane).queue.size(); }
  /// Returns: how many tasks wait, about.
  [[nodiscard]] std::size_t waiting(task_lane lane) const {
    const lane_queue& of = at(lane);
    const std::scoped_lock lock(of.batches_mutex);
    std::size_t count = of.queue.size();
    for (const task_batch* each = of.first; each != nullptr; each = each->after) {
      // A whole one still has its ticket in the ring, which is counted already.
      count += each->left() - (each->left() == each->count() ? 1 : 0);
    }
    return count;
  }

  /// Returns: the least time that the oldest task of a lane has waited by `now`: exact if every task is timed,
  /// otherwise what the nearest timed task says, or what was seen at the last call.
  [[nodiscard]] std::chrono::nanoseconds oldest_age(task_lane lane, steady_time now) const {
    const lane_queue& of = at(lane);
    const std::scoped_lock lock(seen_mutex_);
    const std::uint64_t front = of.queue.front();
    const steady_time batched = of.oldest_begun();
    if (of.queue.is_empty()) {
      of.seen_at = steady_time::max();
      return batched < now ? now - batched : std::chrono::nanoseconds(0);
    }
    if (front != of.seen_front || of.seen_at == steady_time::max()) {
      of.seen_front = front;
      of.seen_at = now;
    }
    const steady_time since = std::min({of.oldest(limits_.clock_sampling), of.seen_at, batched});
    return since < now ? now - since : std::chrono::nanoseconds(0);
  }

  /// What a worker asks before it sleeps. True as well when the pool is closed: nobody sleeps then.
  [[nodiscard]] bool has_work() const noexcept {
    if (is_closed()) return true;
    if (is_paused_.load()) return false;
    return !is_empty(task_lane::high) || !is_empty(task_lane::normal) ||
           (!is_empty(task_lane::background) && background_running_.load() < limits_.background_max);
  }

  /// No task that is pushed after this returned is popped before resume(): who pops looks again once it has seen what
  /// it would take, and who sees something that was pushed afterwards sees the pause.
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

    // For a batch that is in the ring; under batches_mutex.
    void link(task_batch& batch) noexcept {
      batch.acquire();
      batch.before = last;
      (last == nullptr ? first : last->after) = &batch;
      last = &batch;
      open.fetch_add(1);
    }
    void unlink(task_batch& batch) noexcept {
      {
        const std::scoped_lock lock(batches_mutex);
        (batch.before == nullptr ? first : batch.before->after) = batch.after;
        (batch.after == nullptr ? last : batch.after->before) = batch.before;
      }
      open.fetch_sub(1);
      batch.release();
    }
    // Once no ticket is in the ring, counts every batch whose ticket was: the lock waits for its producer to link it.
    [[nodiscard]] std::size_t open_batches() const noexcept {
      const std::scoped_lock lock(batches_mutex);
      return open.load();
    }
    // Places of the ring that are not for batches, about.
    [[nodiscard]] std::size_t singles() const noexcept {
      const std::size_t places = queue.size();
      return places - std::min(places, open.load());
    }
    [[nodiscard]] batch_reference oldest_batch() const noexcept {
      const std::scoped_lock lock(batches_mutex);
      return first == nullptr ? batch_reference() : batch_reference::to(*first);
    }
    // When the oldest batch was accepted that has left the ring, or the greatest time.
    [[nodiscard]] steady_time oldest_begun() const noexcept {
      const std::scoped_lock lock(batches_mutex);
      return first == nullptr || first->left() == 0 ? steady_time::max() : first->accepted();
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
    mutable std::mutex batches_mutex;  // guards the list of batches; no user code under it
    task_batch* first = nullptr;       // batches with tasks that nobody has taken, the oldest first
    task_batch* last = nullptr;
    // Read by every worker that finds the ring empty, written once for a batch.
    alignas(64) std::atomic<std::size_t> open{0};  // batches in the list
    std::atomic<std::size_t> batched{0};           // tasks of those batches, and room set aside for more
    histogram wait;
    histogram run;
    mutable std::uint64_t seen_front = 0;              // guarded by seen_mutex_, like the next
    mutable steady_time seen_at = steady_time::max();  // when the front was first seen where it is
  };

  [[nodiscard]] lane_queue& at(task_lane lane) noexcept { return lanes_[static_cast<std::size_t>(lane)]; }
  [[nodiscard]] const lane_queue& at(task_lane lane) const noexcept {
    return lanes_[static_cast<std::size_t>(lane)];
  }

  [[nodiscard]] bool may_start() const noexcept { return !is_paused_.load() || is_closed(); }
  // How much of a lane may be taken for a producer that waited to come back.
  [[nodiscard]] std::size_t ample_below() const noexcept {
    return limits_.queue_max - std::max<std::size_t>(1, limits_.queue_max / 4);
  }

  [[nodiscard]] bool is_sampled(std::size_t slot) const noexcept {
    return limits_.clock_sampling != 0 && (slot & (limits_.clock_sampling - 1)) == 0;
  }

  bool pop_from(task_lane lane, taker& by, pick& picked, pool_task& item) noexcept {
    lane_queue& from = at(lane);
    batch_reference& held = by.held[static_cast<std::size_t>(lane)];
    if (held) [[unlikely]] {
      picked.lane = lane;
      if (take_of(from, *held, picked)) return true;
      held = {};
    }
    const auto note = [&](std::size_t slot) {
      picked.lane = lane;
      picked.batch = nullptr;
      picked.is_sampled = is_sampled(slot);
      if (picked.is_sampled) picked.accepted = from.noted(slot / limits_.clock_sampling);
    };
    if (from.queue.try_pop(item, note, [this] { return may_start(); })) return true;
    return from.open.load() != 0 && help(lane, held, picked);
  }

  // Takes one task of the oldest batch, through `by`, which keeps the batch.
  bool help(task_lane lane, batch_reference& by, pick& picked) noexcept {
    lane_queue& from = at(lane);
    picked.lane = lane;
    by = from.oldest_batch();
    return by && may_start() && take_of(from, *by, picked);
  }

  bool take_of(lane_queue& from, task_batch& batch, pick& picked) noexcept {
    const std::size_t index = batch.take_one();
    if (index == task_batch::none) return false;
    picked.batch = &batch;
    picked.index = index;
    picked.is_sampled = is_sampled(index);
    picked.accepted = batch.accepted();
    if (index + 1 == batch.count()) retire(from, batch);
    return true;
  }

  // For who took the last task of a batch.
  void retire(lane_queue& from, task_batch& batch) noexcept {
    from.batched.fetch_sub(batch.count());
    from.unlink(batch);
  }

  bool pop_next(taker& by, pick& picked, pool_task& item) noexcept {
    if (++by.picks % 8 == 0 && pop_in_turn(by, picked, item)) return true;
    return pop_from(task_lane::high, by, picked, item) || pop_from(task_lane::normal, by, picked, item) ||
           pop_background(by, picked, item);
  }

  // What begins elsewhere than with the high lane, so that nothing starves.
  bool pop_in_turn(taker& by, pick& picked, pool_task& item) noexcept {
    const unsigned turn = by.picks % 64;
    if (turn == 0 && pop_background(by, picked, item)) return true;
    // A batch may have been left by who held it, or be held by who is kept by a long task.
    const bool helps = by.picks % 512 == 32;  // seldom: it disturbs who works the batch off
    if (helps && at(task_lane::high).open.load() != 0 && help(task_lane::high, by.helped, picked))
      return true;
    if (helps && at(task_lane::normal).open.load() != 0 && help(task_lane::normal, by.helped, picked))
      return true;
    return pop_from(task_lane::normal, by, picked, item);
  }

  bool pop_background(taker& by, pick& picked, pool_task& item) noexcept {
    if (is_empty(task_lane::background)) return false;
    const std::size_t most = is_closed() ? limits_.workers : limits_.background_max;
    std::size_t running = background_running_.load();
    do {
      if (running >= most) return false;
    } while (!background_running_.compare_exchange_weak(running, running + 1));
    if (by.picks % 512 == 0 && at(task_lane::background).open.load() != 0 &&
        help(task_lane::background, by.helped, picked)) {
      return true;
    }
    if (pop_from(task_lane::background, by, picked, item)) return true;
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
