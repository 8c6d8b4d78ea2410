// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/workers/detail/label_table.hpp>
#include <hasten/workers/detail/pool_engine.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/detail/task_batch.hpp>
#include <hasten/workers/task_options.hpp>
#include <hasten/workers/worker_pool_options.hpp>
#include <hasten/workers/worker_pool_stats.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <future>
#include <string>
#include <type_traits>
#include <utility>

namespace hasten {

namespace detail {
struct fork_access;
}

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
      : basic_worker_pool(checked_tag{}, detail::checked(std::move(settings)), clock) {}
  basic_worker_pool() : basic_worker_pool(options{}) {}
  basic_worker_pool(const basic_worker_pool&) = delete;
  basic_worker_pool& operator=(const basic_worker_pool&) = delete;
  ~basic_worker_pool() = default;

  /// Runs `callable` on a worker and gives its result, or its exception, to the future. A callable that takes
  /// a std::stop_token gets the one of the task's options. A task that will never run gives hasten::error:
  /// errc::timeout past its deadline, errc::overloaded if displaced, errc::closed if cancelled.
  /// Throws: hasten::error with errc::overloaded if the lane is full, with errc::closed after drain().
  /// Blocks on: room in the lane, with full_policy::block.
  template <detail::pool_callable F>
  [[nodiscard]] auto submit(const task_options& chosen, F&& callable) {
    detail::promised_task job(detail::nullary(std::forward<F>(callable), chosen.stop));
    auto future = job.get_future();
    require(engine_.offer(chosen.lane, dressed(std::move(job), chosen)));
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
    require(engine_.offer(chosen.lane, posted(std::forward<F>(callable), chosen)));
  }
  template <detail::pool_callable F>
  void post(F&& callable) {
    post(task_options{}, std::forward<F>(callable));
  }

  /// The same, without an exception for an expected refusal and without waiting for room.
  /// Returns: false if the lane is full or the pool is closed; a callable moved in is gone then.
  template <detail::pool_callable F>
  [[nodiscard]] bool try_post(const task_options& chosen, F&& callable) {
    return engine_.offer_now(chosen.lane, posted(std::forward<F>(callable), chosen)) == push_result::pushed;
  }
  template <detail::pool_callable F>
  [[nodiscard]] bool try_post(F&& callable) {
    return try_post(task_options{}, std::forward<F>(callable));
  }

  /// Posts `make(0)` to `make(count - 1)`, each a callable that takes nothing, at a fraction of the cost of as
  /// many calls of post(): they wait in batches, one allocation and one place of the lane for up to 256 of them. They
  /// begin in about their order, none waits for another, and in every other respect they are tasks like any
  /// other.
  /// Returns: how many were taken; fewer than `count` only if the lane is full, or the pool closed.
  /// Throws: what `make` throws, and std::bad_alloc; whole batches before that are taken.
  /// Blocks on: room in the lane, with full_policy::block.
  template <class Make>
    requires std::invocable<std::invoke_result_t<Make&, std::size_t>&>
  std::size_t post_bulk(std::size_t count, Make&& make, task_lane lane = task_lane::normal) {
    if (!engine_.takes_batches()) {
      for (std::size_t done = 0; done < count; ++done) {
        if (engine_.offer(lane, posted(make(done), task_options{})) != push_result::pushed) return done;
      }
      return count;
    }
    using batch_type = detail::typed_batch<std::decay_t<std::invoke_result_t<Make&, std::size_t>>>;
    std::size_t most =
        std::min<std::size_t>(32, batch_type::count_max);  // a small one first, so that work begins
    for (std::size_t done = 0; done < count; most = std::min(2 * most, batch_type::count_max)) {
      const std::size_t size = engine_.reserve(lane, std::min(most, count - done));
      if (size == 0 || !offer_batch<batch_type>(lane, make, done, size)) return done;
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
    require(engine_.offer_at(due, chosen.lane, dressed(std::move(job), chosen)));
    return future;
  }
  template <detail::pool_callable F>
  void post_at(steady_time due, F&& callable, const task_options& chosen = {}) {
    require(engine_.offer_at(due, chosen.lane, posted(std::forward<F>(callable), chosen)));
  }

  /// The same, `delay` from now on.
  template <detail::pool_callable F>
  [[nodiscard]] auto submit_after(std::chrono::nanoseconds delay, F&& callable,
                                  const task_options& chosen = {}) {
    return submit_at(after(delay), std::forward<F>(callable), chosen);
  }
  template <detail::pool_callable F>
  void post_after(std::chrono::nanoseconds delay, F&& callable, const task_options& chosen = {}) {
    post_at(after(delay), std::forward<F>(callable), chosen);
  }

  /// Runs one waiting task on the calling thread, which may be one of the pool's own: what a thread does that
  /// has to wait for the pool anyway (wait_helping()).
  /// Returns: false if nothing waits.
  bool run_one() noexcept { return engine_.run_one(); }

  /// Makes a label for task_options, by which stats() tells its tasks apart.
  /// Throws: std::length_error beyond options::labels_max.
  [[nodiscard]] task_label label(std::string name) { return task_label(labels_.add(std::move(name))); }

  /// Lets running tasks end and starts no more until resume(), drain() or destruction. Tasks are still taken. What a
  /// worker is just taking counts as running; nothing that is posted after this returned is started.
  void pause() noexcept { engine_.pause(); }
  void resume() noexcept { engine_.resume(); }

  /// Cancels every task that waits now.
  /// Returns: how many.
  std::uint64_t purge() noexcept { return engine_.purge(); }

  /// Refuses new work, runs what is queued until `deadline`, then cancels the rest. Idempotent. Not to be
  /// called by one of the pool's own tasks.
  /// Returns: what finished, what was cancelled, and what was still running at the deadline.
  /// Blocks on: the tasks queued and running, until the deadline.
  drain_report drain(steady_time deadline) { return engine_.drain(deadline); }

  /// Whether drain() has been called: nothing more is accepted.
  [[nodiscard]] bool is_closed() const noexcept { return engine_.is_closed(); }

  [[nodiscard]] std::size_t threads() const noexcept { return engine_.threads(); }

  /// Whether the calling thread is one of this pool's. Complexity: linear in the number of threads.
  [[nodiscard]] bool is_worker_thread() const noexcept { return engine_.is_worker_thread(); }

  /// Complexity: some ten microseconds for each lane and label: for dashboards, not for hot paths.
  [[nodiscard]] worker_pool_stats stats() const {
    worker_pool_stats now;
    engine_.fill(now);
    now.labels = labels_.stats();
    return now;
  }

 private:
  friend struct detail::fork_access;

  struct checked_tag {};
  basic_worker_pool(checked_tag /*so that the options are resolved once*/, const options& settings,
                    const Clock& clock)
      : labels_(settings.labels_max), engine_(settings, clock) {}

  static steady_time after(std::chrono::nanoseconds delay) {
    const steady_time now = steady_clock_source::now();
    return delay < steady_time::max() - now ? now + delay : steady_time::max();  // which never comes
  }

  static void require(push_result result) {
    if (result == push_result::full) throw error(errc::overloaded, "worker_pool: the queue is full");
    if (result == push_result::closed) throw error(errc::closed, "worker_pool: submitting a task");
  }

  template <class Task>
  detail::pool_task dressed(Task&& job, const task_options& chosen) {
    if (chosen.is_plain()) return std::forward<Task>(job);
    return detail::optioned_task<Task, Clock>(std::forward<Task>(job), chosen,
                                              labels_.find(chosen.label.number_), engine_.clock());
  }

  template <class F>
  detail::pool_task posted(F&& callable, const task_options& chosen) {
    using job = detail::posted_task<detail::nullary_t<F>>;
    return dressed(job{detail::nullary(std::forward<F>(callable), chosen.stop)}, chosen);
  }

  template <class Batch, class Make>
  bool offer_batch(task_lane lane, Make& make, std::size_t first, std::size_t size) {
    struct reservation {
      detail::pool_engine<Clock>& engine;
      task_lane lane;
      std::size_t size;
      ~reservation() { engine.give_back(lane, size); }
    } room{engine_, lane, size};
    auto* const batch = new Batch(engine_.clock().now());
    const detail::batch_reference mine(batch);
    for (std::size_t i = 0; i != size; ++i) batch->add(make, first + i);
    if (engine_.offer(lane, *batch) != push_result::pushed) return false;
    room.size = 0;  // used up by the batch
    return true;
  }

  detail::label_table labels_;
  detail::pool_engine<Clock> engine_;  // last: its threads use the labels
};

/// The pool that everybody uses; the template is for tests that turn the clock themselves.
using worker_pool = basic_worker_pool<>;

}  // namespace hasten
