// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/workers/detail/fork_hub.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/detail/room_gate.hpp>
#include <hasten/workers/detail/task_batch.hpp>
#include <hasten/workers/detail/task_lanes.hpp>
#include <hasten/workers/detail/task_tally.hpp>
#include <hasten/workers/detail/thread_name.hpp>
#include <hasten/workers/detail/timed_tasks.hpp>
#include <hasten/workers/queue_delay_control.hpp>
#include <hasten/workers/task_options.hpp>
#include <hasten/workers/worker_pool_options.hpp>
#include <hasten/workers/worker_pool_stats.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace hasten::detail {

/// What a worker_pool does with tasks once they have one type: its threads, its limits and its figures. The
/// contracts are those of the pool's functions.
/// Thread safety: thread-safe.
template <clock_source Clock>
class pool_engine {
 public:
  pool_engine(const worker_pool_options& settings, const Clock& clock)
      : options_(settings),
        clock_(clock),
        lanes_({options_.threads, options_.queue_max, options_.background_max, options_.clock_sampling},
               clock_),
        forks_(options_.threads),
        sheds_(options_.shed_after != std::chrono::nanoseconds(0)),
        delays_{delay_guard(options_), delay_guard(options_)},
        born_(clock_.now()),
        workers_(options_.threads),
        timed_(options_.timed_max,
               [this](task_lane lane, pool_task& item, errc reason) { due(lane, item, reason); }) {
    start();
  }
  pool_engine(const pool_engine&) = delete;
  pool_engine& operator=(const pool_engine&) = delete;
  ~pool_engine() {
    HASTEN_EXPECTS(!is_worker_thread(), "a worker_pool must not be destroyed by one of its own tasks");
    close();
    purge();
    if (timer_.joinable()) timer_.join();
    for (worker& each : workers_) each.thread.join();
  }

  push_result offer(task_lane lane, pool_task item) {
    push_result result = lanes_.push(lane, item);
    if (result == push_result::full) [[unlikely]] {
      result = options_.on_full == full_policy::block ? push_when_room(lane, item) : make_room(lane, item);
    }
    if (result != push_result::pushed) rejected_.fetch_add(1);
    return result;
  }

  // Never waits for room.
  push_result offer_now(task_lane lane, pool_task item) {
    push_result result = lanes_.push(lane, item);
    if (result == push_result::full && options_.on_full != full_policy::block) {
      result = make_room(lane, item);
    }
    if (result != push_result::pushed) rejected_.fetch_add(1);
    return result;
  }

  // Whether many tasks can wait behind one place: not where single ones are displaced, run by the caller or shed.
  [[nodiscard]] bool takes_batches() const noexcept {
    return !sheds_ && (options_.on_full == full_policy::reject || options_.on_full == full_policy::block);
  }

  // Waits for room, with full_policy::block. Returns: how many of `wanted` may be put into a batch.
  std::size_t reserve(task_lane lane, std::size_t wanted) {
    std::size_t granted = lanes_.is_closed() ? 0 : lanes_.reserve(lane, wanted);
    if (granted == 0 && options_.on_full == full_policy::block && !lanes_.is_closed()) {
      const auto has_room = [&] { return lanes_.has_ample_room(lane); };
      wait_for(room_, has_room, [&] { return (granted = lanes_.reserve(lane, wanted)) != 0; });
    }
    if (granted == 0) rejected_.fetch_add(1);
    return granted;
  }
  void give_back(task_lane lane, std::size_t reserved) noexcept {
    if (reserved == 0) return;
    lanes_.give_back(lane, reserved);
    room_.tell();
  }

  // Only for tasks for which there is room set aside, which is used up if it is pushed.
  push_result offer(task_lane lane, task_batch& batch) {
    push_result result = lanes_.push(lane, batch);
    if (result == push_result::full && options_.on_full == full_policy::block) {
      wait_for_place(lane, [&] { return (result = lanes_.push(lane, batch)) != push_result::full; });
    }
    if (result != push_result::pushed) rejected_.fetch_add(1);
    return result;
  }

  // The timer's thread exists only in pools that need it.
  push_result offer_at(steady_time due_time, task_lane lane, pool_task item) {
    std::call_once(timer_started_, [this] {
      timer_ = std::thread([this] { timed_.hand_over_due(); });
      name_thread(timer_, options_.name + "-time");
    });
    const push_result result = timed_.add(due_time, lane, std::move(item));
    if (result != push_result::pushed) rejected_.fetch_add(1);
    return result;
  }

  bool run_one() noexcept {
    if (lanes_.is_empty()) return false;
    taker_type by;
    pick_type picked;
    pool_task item;
    for (bool is_drawn = true; is_drawn;) {
      others_.begin_taking();
      const bool is_taken = lanes_.pop(by, picked, item);
      is_drawn = is_taken && is_ticket(item);
      others_.took(is_taken && !is_drawn);
      if (!is_taken) return false;
      const task_end end = run_timed(by, picked, item);
      if (!is_drawn) others_.ended(end);
    }
    picked.lane = task_lane::high;  // this thread takes no further task, so the place is for others
    lanes_.settle(picked);
    return true;
  }

  void pause() noexcept { lanes_.pause(); }
  void resume() noexcept { lanes_.resume(); }

  std::uint64_t purge() noexcept {
    std::uint64_t count = 0;
    for (const task_lane lane : every_lane) {
      // Bounded, because what the captures of a dropped task do at their end may be to post another.
      for (std::size_t left = lanes_.size(lane); left != 0 && lanes_.size(lane) != 0;) {
        pool_task item;
        if (lanes_.pop_oldest(lane, item)) {
          --left;
          if (is_ticket(item)) continue;  // its tasks are in the list of batches
          refuse(item, errc::closed);
          ++count;
        } else {
          std::this_thread::yield();  // its producer is just moving it in
        }
      }
      count += lanes_.drop_batches(lane, [this](task_batch& batch, std::size_t index) {
        batch.run(index, errc::closed);
        others_.add(task_end::cancelled);
      });
    }
    tell_all();
    return count;
  }

  drain_report drain(steady_time deadline) {
    HASTEN_EXPECTS(!is_worker_thread(), "a worker_pool must not be drained by one of its own tasks");
    const std::uint64_t before = count(task_end::completed) + count(task_end::failed);
    drain_report report;
    report.cancelled = close();
    {
      std::unique_lock lock(exit_mutex_);
      exited_.wait_until(lock, deadline, [this] { return alive_ == 0; });
    }
    report.cancelled += purge();
    // Nothing is left to take; what was taken in the last moment is known once nobody is taking any more.
    const shared_tally::reading of_others = others_.settled();
    report.left = of_others.running;
    std::uint64_t after = of_others.ran;
    for (const worker& each : workers_) {
      const task_tally::reading found = each.tally.settled();
      report.left += found.is_running ? 1 : 0;
      after += found.ran;
    }
    report.finished = after - before;
    return report;
  }

  [[nodiscard]] bool is_closed() const noexcept { return lanes_.is_closed(); }
  [[nodiscard]] std::size_t threads() const noexcept { return workers_.size(); }
  [[nodiscard]] bool is_worker_thread() const noexcept {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const worker& each) { return each.thread.get_id() == std::this_thread::get_id(); });
  }

  void fill(worker_pool_stats& now) const {
    const steady_time at = clock_.now();
    now.threads = workers_.size();
    now.timed = timed_.size();
    now.running = running();
    now.completed = count(task_end::completed);
    now.failed = count(task_end::failed);
    now.rejected = rejected_.load();
    now.expired = count(task_end::expired);
    now.cancelled = count(task_end::cancelled);
    now.shed = count(task_end::shed);
    now.is_paused = lanes_.is_paused();
    now.queue_max = options_.queue_max;
    now.up = at - born_;
    for (const worker& each : workers_) now.busy += now.up - std::min(now.up, each.asleep(at));
    for (const task_lane lane : every_lane) {
      lane_stats& each = now.lanes[static_cast<std::size_t>(lane)];
      each.queued = lanes_.waiting(lane);
      each.oldest_age = lanes_.oldest_age(lane, at);
      each.wait = lanes_.wait(lane).snapshot();
      each.run = lanes_.run(lane).snapshot();
      now.queued += each.queued;
    }
  }

  [[nodiscard]] const Clock& clock() const noexcept { return clock_; }
  fork_hub& forks() noexcept { return forks_; }
  worker_parking& parking() noexcept { return lanes_.parking(); }

 private:
  static constexpr std::array every_lane{task_lane::high, task_lane::normal, task_lane::background};
  using pick_type = typename task_lanes<Clock>::pick;
  using taker_type = typename task_lanes<Clock>::taker;

  struct alignas(64) worker {
    task_tally tally;
    std::size_t number = 0;
    taker_type takes;
    worker_parking::bed bed;
    std::thread thread;
    // Nanoseconds; written by the worker only. Not awake: all that ended, and since when now (0: awake).
    std::atomic<std::int64_t> asleep_before{0};
    std::atomic<std::int64_t> asleep_since{0};

    [[nodiscard]] std::chrono::nanoseconds asleep(steady_time now) const noexcept {
      const std::int64_t since = asleep_since.load();
      const std::chrono::nanoseconds before(asleep_before.load());
      return since == 0 ? before
                        : before + std::max(now.time_since_epoch() - std::chrono::nanoseconds(since),
                                            std::chrono::nanoseconds(0));
    }
  };

  // The lanes that shed; nobody waits for the background.
  struct delay_guard {
    explicit delay_guard(const worker_pool_options& settings)
        : control(settings.shed_after == std::chrono::nanoseconds(0)
                      ? queue_delay_control::options{}
                      : queue_delay_control::options{settings.shed_after, settings.shed_interval}) {}
    delay_guard(delay_guard&& other) noexcept : control(other.control) {}  // only while the pool is made
    std::mutex mutex;  // guards control; no user code under it
    queue_delay_control control;
  };

  // Only reached when the lane is full.
  push_result make_room(task_lane lane, pool_task& item) {
    if (options_.on_full == full_policy::caller_runs) {
      others_.begin_taking();
      others_.took(true);
      others_.ended(run(pick_type{}, item));
      return push_result::pushed;
    }
    if (options_.on_full != full_policy::drop_oldest) return push_result::full;
    constexpr int tries_max = 100;  // other producers may take the room that was made
    for (int tries = 0; tries < tries_max; ++tries) {
      pool_task oldest;
      if (lanes_.pop_oldest(lane, oldest)) refuse(oldest, errc::overloaded);
      const push_result result = lanes_.push(lane, item);
      if (result != push_result::full) return result;
    }
    return push_result::full;
  }

  push_result push_when_room(task_lane lane, pool_task& item) {
    push_result result = push_result::full;
    wait_for_place(lane, [&] { return (result = lanes_.push(lane, item)) != push_result::full; });
    return result;
  }

  template <class Attempt>
  void wait_for_place(task_lane lane, Attempt&& attempt) {
    wait_for(places_, [&] { return lanes_.has_ample_places(lane); }, attempt);
  }

  // Calls `attempt` each time there is room until it returns true or time is up; somebody else may be quicker.
  template <class HasRoom, class Attempt>
  void wait_for(room_gate& gate, HasRoom&& has_room, Attempt&& attempt) {
    HASTEN_EXPECTS(!is_worker_thread(), "a task must not wait for room in its own pool");
    const steady_time deadline = steady_clock_source::now() + options_.block_max;
    room_gate::waiter here(gate);
    for (;;) {
      const bool is_in_time = here.wait_until(deadline, [&] { return has_room() || lanes_.is_closed(); });
      if (attempt() || !is_in_time || lanes_.is_closed()) return;
    }
  }

  void refuse(pool_task& item, errc reason) noexcept {
    item(reason);
    others_.add(task_end::cancelled);
  }

  // A timed task is due, or will never be.
  void due(task_lane lane, pool_task& item, errc reason) noexcept {
    if (reason != run_now) return refuse(item, reason);
    const push_result result = lanes_.push(lane, item);
    if (result == push_result::pushed) return;
    if (result == push_result::closed) return refuse(item, errc::closed);  // closed in this very moment
    item(errc::overloaded);
    rejected_.fetch_add(1);
  }

  void start() {
    try {
      for (std::size_t i = 0; i != workers_.size(); ++i) {
        worker& self = workers_[i];
        self.number = i;
        {
          const std::scoped_lock lock(exit_mutex_);
          ++alive_;
        }
        self.thread = std::thread([this, &self] { work(self); });
        name_thread(self.thread, options_.name + "-" + std::to_string(i));
      }
    } catch (...) {
      close();
      for (worker& started : workers_) {
        if (started.thread.joinable()) started.thread.join();
      }
      throw;
    }
  }

  /// Returns: how many timed tasks were cancelled.
  std::uint64_t close() noexcept {
    const std::uint64_t cancelled = timed_.close();
    lanes_.close();
    tell_all();
    return cancelled;
  }
  void tell_all() noexcept {
    places_.tell();
    room_.tell();
  }

  void work(worker& self) noexcept {
    forks_.settle(self.number);
    pool_task item;
    pick_type picked;
    while (find(self, picked, item)) {
      const task_end end = run_timed(self.takes, picked, item);
      if (end != task_end::drawn) self.tally.ended(end);
    }
    const std::scoped_lock lock(exit_mutex_);
    --alive_;
    exited_.notify_all();
  }

  bool take(worker& self, pick_type& picked, pool_task& item) noexcept {
    self.tally.begin_taking();
    const bool is_taken = lanes_.pop(self.takes, picked, item);
    self.tally.took(is_taken && !is_ticket(item));
    return is_taken;
  }
  // A drain must not take one for a task that still runs.
  static bool is_ticket(pool_task& item) noexcept { return item.target<batch_ticket>() != nullptr; }

  /// Returns: false when the pool is closed and nothing is left to run.
  bool find(worker& self, pick_type& picked, pool_task& item) {
    if (take(self, picked, item)) return true;
    constexpr unsigned looks = 64;  // short: the processor is better used by whoever has something to submit
    const auto more = [this] { return lanes_.has_work() || has_forks(); };
    worker_parking& parking = lanes_.parking();
    parking.start_search();
    for (unsigned look = 0;; ++look) {
      if (take(self, picked, item)) {
        parking.stop_search(more);
        return true;
      }
      if (has_forks()) {
        parking.stop_search(more);
        forks_.run_one();
        parking.start_search();
        look = 0;
      }
      if (lanes_.is_closed() && lanes_.is_empty()) {
        parking.stop_search(more);
        return false;
      }
      if (look < looks) continue;
      look = 0;
      // There is work that cannot be taken: its producer was interrupted while moving it in, so let it run.
      if (!sleep(self, more)) std::this_thread::yield();
    }
  }

  [[nodiscard]] bool has_forks() const noexcept { return !lanes_.is_paused() && forks_.has_work(); }

  template <class HasWork>
  bool sleep(worker& self, HasWork&& more) {
    const std::int64_t since = clock_.now().time_since_epoch().count();
    self.asleep_since.store(since);
    const bool has_slept = lanes_.parking().park(self.bed, more);
    self.asleep_since.store(0);
    // Relaxed: only this worker writes.
    self.asleep_before.store(self.asleep_before.load(std::memory_order_relaxed) +
                             clock_.now().time_since_epoch().count() - since);
    return has_slept;
  }

  task_end run_timed(taker_type& by, pick_type& picked, pool_task& item) noexcept {
    places_.tell_if([&] { return lanes_.has_ample_places(picked.lane); });
    room_.tell_if([&] { return lanes_.has_ample_room(picked.lane); });
    const steady_time started = picked.is_sampled ? clock_.now() : steady_time{};
    task_end end = task_end::shed;
    if (sheds_ && is_too_late(picked, started)) {
      item(errc::overloaded);
    } else {
      end = run(picked, item);
      if (end == task_end::drawn) [[unlikely]] {
        lanes_.draw(by, picked, item);
        picked.is_sampled = false;
      }
    }
    item.reset();  // the captures die before the worker can sleep
    if (picked.is_sampled) {
      lanes_.wait(picked.lane).record(started - picked.accepted);
      if (end != task_end::shed) lanes_.run(picked.lane).record(clock_.now() - started);
    }
    lanes_.finished(picked);
    return end;
  }

  [[nodiscard]] bool is_too_late(const pick_type& picked, steady_time started) noexcept {
    if (picked.lane == task_lane::background || is_closed()) return false;
    delay_guard& guard = delays_[static_cast<std::size_t>(picked.lane)];
    const std::scoped_lock lock(guard.mutex);
    return !guard.control.admits(started - picked.accepted, started);
  }

  task_end run(const pick_type& picked, pool_task& item) noexcept {
    try {
      return picked.batch == nullptr ? item(run_now) : picked.batch->run(picked.index, run_now);
    } catch (...) {
      if (options_.on_error) options_.on_error(std::current_exception());
      return task_end::failed;
    }
  }

  [[nodiscard]] std::uint64_t count(task_end end) const noexcept {
    std::uint64_t sum = others_.count(end);
    for (const worker& each : workers_) sum += each.tally.count(end);
    return sum;
  }

  [[nodiscard]] std::size_t running() const noexcept {
    return others_.running() +
           static_cast<std::size_t>(std::count_if(
               workers_.begin(), workers_.end(), [](const worker& each) { return each.tally.is_running(); }));
  }

  const worker_pool_options options_;
  const Clock clock_;
  task_lanes<Clock> lanes_;
  fork_hub forks_;
  const bool sheds_;
  std::array<delay_guard, 2> delays_;  // of the high and the normal lane
  const steady_time born_;
  std::atomic<std::uint64_t> rejected_{0};
  shared_tally others_;
  room_gate places_;       // where producers wait for a place in a ring
  room_gate room_;         // and where for room to set aside for a batch
  std::mutex exit_mutex_;  // guards alive_; no user code under it
  std::condition_variable exited_;
  std::size_t alive_ = 0;        // workers that have not left their loop
  std::vector<worker> workers_;  // never resized after construction: threads keep references
  timed_tasks timed_;
  std::once_flag timer_started_;
  std::thread timer_;  // runs timed_.hand_over_due()
};

}  // namespace hasten::detail
