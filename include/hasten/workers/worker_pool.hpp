// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/workers/detail/label_table.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/detail/room_gate.hpp>
#include <hasten/workers/detail/task_lanes.hpp>
#include <hasten/workers/detail/thread_name.hpp>
#include <hasten/workers/detail/timed_tasks.hpp>
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
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// A fixed set of named threads that run tasks from three bounded lanes, in the order of arrival within each.
///
/// For work that must leave an I/O thread: queries, rendering, exports. Fast when busy (a task costs tens of
/// nanoseconds and no allocation up to 48 bytes of captures), silent when idle (sleeping threads, no
/// polling), and explicit at its limits: what happens when a lane is full is chosen, a closed pool refuses,
/// an exception goes to the future or to `on_error`, and nothing is dropped without being counted. Wrong tool
/// for tasks that wait for later tasks of the same pool (its threads may all be waiting) and for work that
/// must survive the process.
///
/// The destructor refuses new work, cancels what is queued (futures get hasten::error with errc::closed), and
/// waits for the tasks that are running, however long they take: call drain() first to let work finish or to
/// bound the wait. A pool must not be destroyed by one of its own tasks, nor while another thread is still
/// inside one of its functions.
/// Thread safety: thread-safe.
///
///     hasten::worker_pool pool({.threads = 4, .queue_max = 1'000, .name = "claims"});
///     std::future<int> answer = pool.submit([] { return 6 * 7; });
///     pool.post({.lane = hasten::task_lane::background}, [] { recompute(); });
///     if (!pool.try_post([] { refresh(); })) reply_busy();
///     auto report = pool.drain(hasten::steady_clock_source::now() + 10s);
template <clock_source Clock = steady_clock_source>
class basic_worker_pool {
 public:
  using options = worker_pool_options;

  /// Starts the threads.
  /// Throws: std::invalid_argument for an option out of its range; std::system_error if a thread cannot
  /// start.
  explicit basic_worker_pool(options settings, Clock clock = {})
      : options_(detail::checked(std::move(settings))),
        clock_(std::move(clock)),
        lanes_({options_.threads, options_.queue_max, options_.background_max, options_.clock_sampling},
               clock_),
        labels_(options_.labels_max),
        workers_(options_.threads),
        timed_(options_.timed_max,
               [this](task_lane lane, detail::pool_task& item, errc reason) { due(lane, item, reason); }) {
    start();
  }
  basic_worker_pool() : basic_worker_pool(options{}) {}
  basic_worker_pool(const basic_worker_pool&) = delete;
  basic_worker_pool& operator=(const basic_worker_pool&) = delete;

  ~basic_worker_pool() {
    HASTEN_EXPECTS(!is_worker_thread(), "a worker_pool must not be destroyed by one of its own tasks");
    close();
    purge();
    if (timer_.joinable()) timer_.join();
    for (worker& each : workers_) each.thread.join();
  }

  /// Runs `callable` on a worker and gives its result, or its exception, to the future. A callable that takes
  /// a std::stop_token gets the one of the task's options. A task that will never run gives hasten::error:
  /// errc::timeout past its deadline, errc::overloaded if displaced, errc::closed if cancelled.
  /// Throws: hasten::error with errc::overloaded if the lane is full, with errc::closed after drain().
  /// Blocks on: room in the lane, with full_policy::block.
  template <detail::pool_callable F>
  [[nodiscard]] auto submit(const task_options& chosen, F&& callable) {
    detail::promised_task job(detail::nullary(std::forward<F>(callable), chosen.stop));
    auto future = job.get_future();
    require(offer(chosen.lane, dressed(std::move(job), chosen)));
    return future;
  }
  template <detail::pool_callable F>
  [[nodiscard]] auto submit(F&& callable) {
    return submit(task_options{}, std::forward<F>(callable));
  }

  /// Runs `callable` on a worker; what it throws goes to options::on_error.
  /// Throws and blocks on: the same as submit().
  template <detail::pool_callable F>
  void post(const task_options& chosen, F&& callable) {
    require(offer(chosen.lane, posted(std::forward<F>(callable), chosen)));
  }
  template <detail::pool_callable F>
  void post(F&& callable) {
    post(task_options{}, std::forward<F>(callable));
  }

  /// The same, without an exception for an expected refusal and without waiting for room.
  /// Returns: false if the lane is full or the pool is closed; a callable moved in is gone then.
  template <detail::pool_callable F>
  [[nodiscard]] bool try_post(const task_options& chosen, F&& callable) {
    detail::pool_task item = posted(std::forward<F>(callable), chosen);
    push_result result = lanes_.push(chosen.lane, item);
    if (result == push_result::full && options_.on_full != full_policy::block) {
      result = make_room(chosen.lane, item);
    }
    if (result != push_result::pushed) count_rejected();
    return result == push_result::pushed;
  }
  template <detail::pool_callable F>
  [[nodiscard]] bool try_post(F&& callable) {
    return try_post(task_options{}, std::forward<F>(callable));
  }

  /// Posts `make(0)` to `make(count - 1)`, each a callable that takes nothing, at a fraction of the cost of as
  /// many calls of post(): the tasks go in side by side.
  /// Returns: how many were taken; fewer than `count` only if the lane is full, or the pool closed.
  template <class Make>
    requires std::invocable<std::invoke_result_t<Make&, std::size_t>&>
  std::size_t post_bulk(std::size_t count, Make&& make, task_lane lane = task_lane::normal) {
    std::array<detail::pool_task, 64> batch;
    for (std::size_t done = 0; done < count;) {
      const std::size_t size = std::min(batch.size(), count - done);
      for (std::size_t i = 0; i < size; ++i) batch[i] = posted(make(done + i), task_options{});
      for (std::size_t i = lanes_.push_some(lane, batch.data(), size); i < size; ++i) {
        if (offer(lane, std::move(batch[i])) != push_result::pushed) return done + i;
      }
      done += size;
    }
    return count;
  }

  /// As submit() and post(), from `due` on: not before, and then as soon as its lane lets it. What is not due
  /// when the pool closes is cancelled; what finds its lane full when it is due is rejected, whatever the
  /// policy. `due` is a time of the monotonic clock.
  /// Throws: hasten::error with errc::overloaded beyond options::timed_max, with errc::closed after drain().
  template <detail::pool_callable F>
  [[nodiscard]] auto submit_at(steady_time due, F&& callable, const task_options& chosen = {}) {
    detail::promised_task job(detail::nullary(std::forward<F>(callable), chosen.stop));
    auto future = job.get_future();
    require(offer_at(due, chosen.lane, dressed(std::move(job), chosen)));
    return future;
  }
  template <detail::pool_callable F>
  void post_at(steady_time due, F&& callable, const task_options& chosen = {}) {
    require(offer_at(due, chosen.lane, posted(std::forward<F>(callable), chosen)));
  }

  /// Runs one waiting task on the calling thread, which may be one of the pool's own: what a thread does that
  /// has to wait for the pool anyway (wait_helping()).
  /// Returns: false if nothing waits.
  bool run_one() noexcept {
    unsigned picks = 0;
    typename detail::task_lanes<Clock>::pick picked;
    detail::pool_task item;
    if (!lanes_.pop(picks, picked, item)) return false;
    others_ran(run_timed(picked, item));
    picked.lane = task_lane::high;  // this thread takes no further task, so the place is for others
    lanes_.settle(picked);
    return true;
  }

  /// Makes a label for task_options, by which stats() tells its tasks apart.
  /// Throws: std::length_error beyond options::labels_max.
  [[nodiscard]] task_label label(std::string name) { return task_label(labels_.add(std::move(name))); }

  /// Lets running tasks end and starts no more until resume(), drain() or destruction. Tasks are still taken.
  void pause() noexcept { lanes_.pause(); }
  void resume() noexcept { lanes_.resume(); }

  /// Cancels every task that waits now.
  /// Returns: how many.
  std::uint64_t purge() noexcept {
    std::uint64_t count = 0;
    for (const task_lane lane : every_lane) {
      // Bounded, because what the captures of a dropped task do at their end may be to post another.
      for (std::size_t left = lanes_.size(lane); left != 0 && !lanes_.is_empty(lane);) {
        detail::pool_task item;
        if (lanes_.pop_oldest(lane, item)) {
          refuse(item, errc::closed);
          ++count;
          --left;
        } else {
          std::this_thread::yield();  // its producer is just moving it in
        }
      }
    }
    room_.tell();
    return count;
  }

  /// Refuses new work, runs what is queued until `deadline`, then cancels the rest. Idempotent. Not to be
  /// called by one of the pool's own tasks.
  /// Returns: what finished, what was cancelled, and what was still running at the deadline.
  /// Blocks on: the tasks queued and running, until the deadline.
  drain_report drain(steady_time deadline) {
    HASTEN_EXPECTS(!is_worker_thread(), "a worker_pool must not be drained by one of its own tasks");
    const std::uint64_t before = count(detail::task_end::completed) + count(detail::task_end::failed);
    drain_report report;
    report.cancelled = close();
    {
      std::unique_lock lock(exit_mutex_);
      exited_.wait_until(lock, deadline, [this] { return alive_ == 0; });
    }
    report.cancelled += purge();
    report.left = running();
    report.finished = count(detail::task_end::completed) + count(detail::task_end::failed) - before;
    return report;
  }

  /// Whether drain() has been called: nothing more is accepted.
  [[nodiscard]] bool is_closed() const noexcept { return lanes_.is_closed(); }

  [[nodiscard]] std::size_t threads() const noexcept { return workers_.size(); }

  /// Whether the calling thread is one of this pool's. Complexity: linear in the number of threads.
  [[nodiscard]] bool is_worker_thread() const noexcept {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const worker& each) { return each.thread.get_id() == std::this_thread::get_id(); });
  }

  /// Complexity: some ten microseconds for each lane and label: for dashboards, not for hot paths.
  [[nodiscard]] worker_pool_stats stats() const {
    worker_pool_stats now;
    now.threads = workers_.size();
    now.timed = timed_.size();
    now.running = running();
    now.completed = count(detail::task_end::completed);
    now.failed = count(detail::task_end::failed);
    now.rejected = rejected_.load();
    now.expired = count(detail::task_end::expired);
    now.cancelled = count(detail::task_end::cancelled);
    now.is_paused = lanes_.is_paused();
    for (const task_lane lane : every_lane) {
      lane_stats& each = now.lanes[static_cast<std::size_t>(lane)];
      each.queued = lanes_.size(lane);
      each.wait = lanes_.wait(lane).snapshot();
      each.run = lanes_.run(lane).snapshot();
      now.queued += each.queued;
    }
    now.labels = labels_.stats();
    return now;
  }

 private:
  static constexpr std::array every_lane{task_lane::high, task_lane::normal, task_lane::background};

  using end_counts = std::array<std::atomic<std::uint64_t>, detail::task_end_count>;  // by task_end

  struct alignas(64) worker {
    end_counts ends{};  // written by this worker only, hence without read-modify-write
    std::atomic<bool> is_running{false};
    unsigned picks = 0;  // this worker's own
    detail::worker_parking::bed bed;
    std::thread thread;
  };

  static void require(push_result result) {
    if (result == push_result::full) throw error(errc::overloaded, "worker_pool: the queue is full");
    if (result == push_result::closed) throw error(errc::closed, "worker_pool: submitting a task");
  }

  template <class Task>
  detail::pool_task dressed(Task&& job, const task_options& chosen) {
    if (chosen.is_plain()) return std::forward<Task>(job);
    return detail::optioned_task<Task, Clock>(std::forward<Task>(job), chosen,
                                              labels_.find(chosen.label.number_), clock_);
  }

  template <class F>
  detail::pool_task posted(F&& callable, const task_options& chosen) {
    using job = detail::posted_task<detail::nullary_t<F>>;
    return dressed(job{detail::nullary(std::forward<F>(callable), chosen.stop)}, chosen);
  }

  push_result offer(task_lane lane, detail::pool_task item) {
    push_result result = lanes_.push(lane, item);
    if (result == push_result::full) [[unlikely]] {
      result = options_.on_full == full_policy::block ? push_when_room(lane, item) : make_room(lane, item);
    }
    if (result != push_result::pushed) count_rejected();
    return result;
  }

  void count_rejected() noexcept { rejected_.fetch_add(1); }

  // Only reached when the lane is full.
  push_result make_room(task_lane lane, detail::pool_task& item) {
    if (options_.on_full == full_policy::caller_runs) {
      others_ran(run(item));
      return push_result::pushed;
    }
    if (options_.on_full != full_policy::drop_oldest) return push_result::full;
    constexpr int tries_max = 100;  // other producers may take the room that was made
    for (int tries = 0; tries < tries_max; ++tries) {
      detail::pool_task oldest;
      if (lanes_.pop_oldest(lane, oldest)) refuse(oldest, errc::overloaded);
      const push_result result = lanes_.push(lane, item);
      if (result != push_result::full) return result;
    }
    return push_result::full;
  }

  push_result push_when_room(task_lane lane, detail::pool_task& item) {
    HASTEN_EXPECTS(!is_worker_thread(), "a task must not wait for room in its own pool");
    const steady_time deadline = steady_clock_source::now() + options_.block_max;
    const auto has_room = [&] { return lanes_.has_ample_room(lane) || lanes_.is_closed(); };
    detail::room_gate::waiter here(room_);
    for (;;) {
      const bool is_in_time = here.wait_until(deadline, has_room);
      const push_result result = lanes_.push(lane, item);  // somebody else may have been quicker
      if (result != push_result::full || !is_in_time) return result;
    }
  }

  void refuse(detail::pool_task& item, errc reason) noexcept {
    item(reason);
    others_ran(detail::task_end::cancelled);
  }

  // The timer's thread exists only in pools that need it.
  push_result offer_at(steady_time due_time, task_lane lane, detail::pool_task item) {
    std::call_once(timer_started_, [this] {
      timer_ = std::thread([this] { timed_.hand_over_due(); });
      detail::name_thread(timer_, options_.name + "-time");
    });
    const push_result result = timed_.add(due_time, lane, std::move(item));
    if (result != push_result::pushed) count_rejected();
    return result;
  }

  // A timed task is due, or will never be.
  void due(task_lane lane, detail::pool_task& item, errc reason) noexcept {
    if (reason != detail::run_now) return refuse(item, reason);
    const push_result result = lanes_.push(lane, item);
    if (result == push_result::pushed) return;
    if (result == push_result::closed) return refuse(item, errc::closed);  // closed in this very moment
    item(errc::overloaded);
    count_rejected();
  }

  // Counts what ended on a thread that is not a worker.
  void others_ran(detail::task_end end) noexcept { others_[static_cast<std::size_t>(end)].fetch_add(1); }

  void start() {
    try {
      for (std::size_t i = 0; i != workers_.size(); ++i) {
        worker& self = workers_[i];
        {
          const std::scoped_lock lock(exit_mutex_);
          ++alive_;
        }
        self.thread = std::thread([this, &self] { work(self); });
        detail::name_thread(self.thread, options_.name + "-" + std::to_string(i));
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
    room_.tell();
    return cancelled;
  }

  void work(worker& self) noexcept {
    detail::pool_task item;
    typename detail::task_lanes<Clock>::pick picked;
    while (find(self, picked, item)) {
      self.is_running.store(true, std::memory_order_relaxed);  // relaxed: orders nothing
      add(self.ends, run_timed(picked, item));
      self.is_running.store(false, std::memory_order_relaxed);
    }
    const std::scoped_lock lock(exit_mutex_);
    --alive_;
    exited_.notify_all();
  }

  /// Returns: false when the pool is closed and nothing is left to run.
  bool find(worker& self, typename detail::task_lanes<Clock>::pick& picked, detail::pool_task& item) {
    if (lanes_.pop(self.picks, picked, item)) return true;
    constexpr unsigned looks = 64;  // short: the processor is better used by whoever has something to submit
    const auto more = [this] { return lanes_.has_work(); };
    detail::worker_parking& parking = lanes_.parking();
    parking.start_search();
    for (unsigned look = 0;; ++look) {
      if (lanes_.pop(self.picks, picked, item)) {
        parking.stop_search(more);
        return true;
      }
      if (lanes_.is_closed() && lanes_.is_empty()) {
        parking.stop_search(more);
        return false;
      }
      if (look < looks) continue;
      look = 0;
      // There is work that cannot be taken: its producer was interrupted while moving it in, so let it run.
      if (!parking.park(self.bed, more)) std::this_thread::yield();
    }
  }

  detail::task_end run_timed(typename detail::task_lanes<Clock>::pick& picked,
                             detail::pool_task& item) noexcept {
    room_.tell_if([&] { return lanes_.has_ample_room(picked.lane); });
    const steady_time started = picked.is_sampled ? clock_.now() : steady_time{};
    const detail::task_end end = run(item);
    item.reset();  // the captures die before the worker can sleep
    if (picked.is_sampled) {
      lanes_.wait(picked.lane).record(started - picked.accepted);
      lanes_.run(picked.lane).record(clock_.now() - started);
    }
    lanes_.finished(picked);
    return end;
  }

  detail::task_end run(detail::pool_task& item) noexcept {
    try {
      return item(detail::run_now);
    } catch (...) {
      if (options_.on_error) options_.on_error(std::current_exception());
      return detail::task_end::failed;
    }
  }

  static void add(end_counts& ends, detail::task_end end) noexcept {
    auto& counter = ends[static_cast<std::size_t>(end)];
    // Relaxed: only the owner writes, and a count orders nothing.
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  [[nodiscard]] std::uint64_t count(detail::task_end end) const noexcept {
    const auto at = static_cast<std::size_t>(end);
    std::uint64_t sum = others_[at].load();
    for (const worker& each : workers_) sum += each.ends[at].load(std::memory_order_relaxed);
    return sum;
  }

  [[nodiscard]] std::size_t running() const noexcept {
    return static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(),
                                                  [](const worker& each) { return each.is_running.load(); }));
  }

  const options options_;
  const Clock clock_;
  detail::task_lanes<Clock> lanes_;
  std::atomic<std::uint64_t> rejected_{0};
  end_counts others_{};  // tasks that ended on threads of callers
  detail::room_gate room_;
  detail::label_table labels_;
  std::mutex exit_mutex_;  // guards alive_; no user code under it
  std::condition_variable exited_;
  std::size_t alive_ = 0;        // workers that have not left their loop
  std::vector<worker> workers_;  // never resized after construction: threads keep references
  detail::timed_tasks timed_;
  std::once_flag timer_started_;
  std::thread timer_;  // runs timed_.hand_over_due()
};

/// The pool that everybody uses; the template is for tests that turn the clock themselves.
using worker_pool = basic_worker_pool<>;

}  // namespace hasten
