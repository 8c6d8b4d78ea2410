// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/workers/bounded_queue.hpp>
#include <hasten/workers/detail/worker_parking.hpp>
#include <hasten/workers/thread_budget.hpp>

#include <atomic>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#ifdef __linux__
#include <pthread.h>
#endif

namespace hasten {

/// What drain() achieved.
struct drain_report {
  std::uint64_t finished = 0;   ///< tasks that ended, well or badly, between the call and its return
  std::uint64_t cancelled = 0;  ///< tasks that were still queued at the deadline and will never run
  std::uint64_t left = 0;       ///< tasks still running at the deadline; they end in their own time
};

/// One look at a pool. Counters are totals since construction; each is exact once the pool is quiet.
struct worker_pool_stats {
  std::size_t threads = 0;
  std::size_t queued = 0;       ///< waiting now
  std::size_t running = 0;      ///< being run now
  std::uint64_t completed = 0;  ///< ran to the end without an exception
  std::uint64_t failed = 0;     ///< ended with an exception, whether a future or on_error took it
  std::uint64_t rejected = 0;   ///< refused because the queue was full or the pool closed
  std::uint64_t cancelled = 0;  ///< destroyed without having run
};

/// A fixed set of named threads that run tasks from one bounded queue, in the order of arrival.
///
/// For work that must leave an I/O thread: queries, rendering, exports. Fast when busy (a task costs tens of
/// nanoseconds and no allocation up to 48 bytes of captures), silent when idle (sleeping threads, no
/// polling), and explicit at its limits: a full queue refuses, a closed pool refuses, an exception goes to
/// the future or to `on_error`, and nothing is dropped without being counted. Wrong tool for tasks that wait
/// for later tasks of the same pool (its threads may all be waiting) and for work that must survive the
/// process.
///
/// The destructor refuses new work, cancels what is queued (futures get hasten::error with errc::closed), and
/// waits for the tasks that are running, however long they take: call drain() first to let work finish or to
/// bound the wait. A pool must not be destroyed by one of its own tasks.
/// Thread safety: thread-safe.
///
///     hasten::worker_pool pool({.threads = 4, .queue_max = 1'000, .name = "claims"});
///     std::future<int> answer = pool.submit([] { return 6 * 7; });
///     if (!pool.try_post([] { refresh(); })) reply_busy();
///     auto report = pool.drain(hasten::steady_clock_source::now() + 10s);
class worker_pool {
 public:
  struct options {
    /// Number of threads, 1..1024; 0 takes thread_budget(): affinity and cgroup quota.
    unsigned threads = 0;
    /// Most tasks waiting, 1..2^30; the slots (64 bytes each) are allocated up front.
    std::size_t queue_max = 10'000;
    /// Threads are called name-0, name-1, ...; 1..10 characters, so that the operating system shows it whole.
    std::string name = "worker";
    /// Gets what a posted task threw, on the worker's thread; must not throw. Empty: such a task is counted
    /// in stats().failed and its exception goes no further.
    std::function<void(std::exception_ptr)> on_error = {};
  };

  /// Starts the threads.
  /// Throws: std::invalid_argument for an option out of its range; std::system_error if a thread cannot
  /// start.
  explicit worker_pool(options settings);
  worker_pool() : worker_pool(options{}) {}
  worker_pool(const worker_pool&) = delete;
  worker_pool& operator=(const worker_pool&) = delete;
  ~worker_pool();

  /// Runs `callable` on a worker and gives its result, or its exception, to the future.
  /// Throws: hasten::error with errc::overloaded if the queue is full, with errc::closed after drain().
  /// A task that is cancelled gives hasten::error with errc::closed to its future.
  template <class F>
    requires std::invocable<std::decay_t<F>&>
  [[nodiscard]] std::future<std::invoke_result_t<std::decay_t<F>&>> submit(F&& callable) {
    promised_task<std::decay_t<F>> job(std::forward<F>(callable));
    auto future = job.get_future();
    task item(std::move(job));
    require(enqueue(item));
    return future;
  }

  /// Runs `callable` on a worker; what it throws goes to options::on_error.
  /// Throws: hasten::error with errc::overloaded if the queue is full, with errc::closed after drain().
  template <class F>
    requires std::invocable<std::decay_t<F>&>
  void post(F&& callable) {
    task item(plain_task<std::decay_t<F>>{std::forward<F>(callable)});
    require(enqueue(item));
  }

  /// The same, without an exception for an expected refusal.
  /// Returns: false if the queue is full or the pool is closed; the callable moved in is gone then.
  template <class F>
    requires std::invocable<std::decay_t<F>&>
  [[nodiscard]] bool try_post(F&& callable) {
    task item(plain_task<std::decay_t<F>>{std::forward<F>(callable)});
    return enqueue(item) == push_result::pushed;
  }

  /// Refuses new work, runs what is queued until `deadline`, then cancels the rest. Idempotent. Not to be
  /// called by one of the pool's own tasks.
  /// Returns: what finished, what was cancelled, and what was still running at the deadline.
  /// Blocks on: the tasks queued and running, until the deadline.
  drain_report drain(steady_time deadline);

  /// Whether drain() has been called: nothing more is accepted.
  [[nodiscard]] bool is_closed() const noexcept { return queue_.is_closed(); }

  /// Whether the calling thread is one of this pool's.
  [[nodiscard]] bool is_worker_thread() const noexcept;

  [[nodiscard]] worker_pool_stats stats() const;

 private:
  // Returns whether it did well; throws only what a posted callable throws.
  using task = unique_function<bool()>;

  template <class F>
  struct plain_task {
    F callable;
    bool operator()() {
      std::invoke(callable);
      return true;
    }
  };

  template <class F>
  class promised_task;

  struct alignas(64) worker {
    detail::worker_parking::bed bed;
    // Written by their worker only, hence no read-modify-write; relaxed: they order nothing.
    std::atomic<std::uint64_t> completed{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<bool> is_running{false};
    std::thread thread;
  };

  static options checked(options settings);
  static void require(push_result result);

  push_result enqueue(task& item) noexcept;
  void work(worker& self) noexcept;
  bool find(worker& self, task& item);
  void execute(worker& self, task& item) noexcept;
  std::uint64_t cancel_queued() noexcept;
  std::uint64_t ended() const noexcept;
  [[nodiscard]] bool has_work() const noexcept { return !queue_.is_empty() || queue_.is_closed(); }

  const options options_;
  bounded_queue<task> queue_;
  detail::worker_parking parking_;
  std::atomic<std::uint64_t> rejected_{0};
  std::atomic<std::uint64_t> cancelled_{0};
  std::mutex exit_mutex_;  // guards alive_; no user code under it
  std::condition_variable exited_;
  std::size_t alive_ = 0;        // workers that have not left their loop
  std::vector<worker> workers_;  // never resized after construction: threads keep references
};

/// Fulfils its promise whatever happens: by running, or with errc::closed when destroyed without having run.
template <class F>
class worker_pool::promised_task {
 public:
  using result = std::invoke_result_t<F&>;

  template <class Callable>
  explicit promised_task(Callable&& callable) : callable_(std::forward<Callable>(callable)) {}
  promised_task(promised_task&& other) noexcept(std::is_nothrow_move_constructible_v<F>)
      : callable_(std::move(other.callable_)),
        promise_(std::move(other.promise_)),
        is_pending_(std::exchange(other.is_pending_, false)) {}
  promised_task& operator=(promised_task&&) = delete;
  ~promised_task() {
    if (!is_pending_) return;
    promise_.set_exception(std::make_exception_ptr(error(errc::closed, "worker_pool: task cancelled")));
  }

  std::future<result> get_future() {
    auto future = promise_.get_future();
    is_pending_ = true;
    return future;
  }

  bool operator()() {
    is_pending_ = false;
    try {
      if constexpr (std::is_void_v<result>) {
        std::invoke(callable_);
        promise_.set_value();
      } else {
        promise_.set_value(std::invoke(callable_));
      }
      return true;
    } catch (...) {
      promise_.set_exception(std::current_exception());
      return false;
    }
  }

 private:
  F callable_;
  std::promise<result> promise_;
  bool is_pending_ = false;  // somebody holds the future and nobody has answered
};

inline worker_pool::options worker_pool::checked(options settings) {
  if (settings.threads > 1024) {
    throw std::invalid_argument("worker_pool: threads must be 0..1024, got " +
                                std::to_string(settings.threads));
  }
  if (settings.queue_max == 0 || settings.queue_max > bounded_queue<task>::size_max_limit) {
    throw std::invalid_argument("worker_pool: queue_max must be 1..1073741824, got " +
                                std::to_string(settings.queue_max));
  }
  if (settings.name.empty() || settings.name.size() > 10) {
    throw std::invalid_argument("worker_pool: name must have 1..10 characters, got \"" + settings.name +
                                "\"");
  }
  if (settings.threads == 0) settings.threads = thread_budget();
  return settings;
}

inline worker_pool::worker_pool(options settings)
    : options_(checked(std::move(settings))),
      queue_(options_.queue_max),
      parking_(options_.threads),
      workers_(options_.threads) {
  try {
    for (std::size_t i = 0; i != workers_.size(); ++i) {
      worker& self = workers_[i];
      {
        const std::scoped_lock lock(exit_mutex_);
        ++alive_;
      }
      self.thread = std::thread([this, &self] { work(self); });
#ifdef __linux__
      pthread_setname_np(self.thread.native_handle(), (options_.name + "-" + std::to_string(i)).c_str());
#endif
    }
  } catch (...) {
    queue_.close();
    parking_.wake_all();
    for (worker& started : workers_) {
      if (started.thread.joinable()) started.thread.join();
    }
    throw;
  }
}

inline worker_pool::~worker_pool() {
  HASTEN_EXPECTS(!is_worker_thread(), "a worker_pool must not be destroyed by one of its own tasks");
  queue_.close();
  cancel_queued();
  parking_.wake_all();
  for (worker& each : workers_) each.thread.join();
}

inline drain_report worker_pool::drain(steady_time deadline) {
  HASTEN_EXPECTS(!is_worker_thread(), "a worker_pool must not be drained by one of its own tasks");
  const std::uint64_t ended_before = ended();
  queue_.close();
  parking_.wake_all();
  drain_report report;
  {
    std::unique_lock lock(exit_mutex_);
    if (exited_.wait_until(lock, deadline, [this] { return alive_ == 0; })) {
      report.finished = ended() - ended_before;
      return report;
    }
  }
  report.cancelled = cancel_queued();
  for (const worker& each : workers_) report.left += each.is_running.load() ? 1U : 0U;
  report.finished = ended() - ended_before;
  return report;
}

inline bool worker_pool::is_worker_thread() const noexcept {
  const auto self = std::this_thread::get_id();
  for (const worker& each : workers_) {
    if (each.thread.get_id() == self) return true;
  }
  return false;
}

inline worker_pool_stats worker_pool::stats() const {
  worker_pool_stats now;
  now.threads = workers_.size();
  now.queued = queue_.size();
  now.rejected = rejected_.load();
  now.cancelled = cancelled_.load();
  for (const worker& each : workers_) {
    now.running += each.is_running.load() ? 1U : 0U;
    now.completed += each.completed.load(std::memory_order_relaxed);
    now.failed += each.failed.load(std::memory_order_relaxed);
  }
  return now;
}

inline void worker_pool::require(push_result result) {
  if (result == push_result::full) throw error(errc::overloaded, "worker_pool: the queue is full");
  if (result == push_result::closed) throw error(errc::closed, "worker_pool: submitting a task");
}

inline push_result worker_pool::enqueue(task& item) noexcept {
  const push_result result = queue_.try_push(std::move(item));
  if (result == push_result::pushed) {
    parking_.work_arrived();
  } else {
    rejected_.fetch_add(1);
  }
  return result;
}

inline void worker_pool::work(worker& self) noexcept {
  for (task item; find(self, item);) {
    execute(self, item);
    item.reset();  // the captures die before the worker looks for more, and before it can sleep
  }
  const std::scoped_lock lock(exit_mutex_);
  --alive_;
  exited_.notify_all();  // under the lock: drain() may return and the pool be gone right after
}

/// Returns: false when the pool is closed and nothing is left to run.
inline bool worker_pool::find(worker& self, task& item) {
  if (queue_.try_pop(item)) return true;
  constexpr unsigned looks = 64;  // short: the processor is better used by whoever has something to submit
  const auto more = [this] { return has_work(); };
  parking_.start_search();
  for (unsigned look = 0;; ++look) {
    if (queue_.try_pop(item)) {
      parking_.stop_search(more);
      return true;
    }
    if (queue_.is_closed() && queue_.is_empty()) {
      parking_.stop_search(more);
      return false;
    }
    if (look < looks) continue;
    look = 0;
    // There is work that cannot be taken: its producer was interrupted while moving it in, so let it run.
    if (!parking_.park(self.bed, more)) std::this_thread::yield();
  }
}

inline void worker_pool::execute(worker& self, task& item) noexcept {
  // Only the owner writes; relaxed: see worker.
  const auto count = [](std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  };
  self.is_running.store(true, std::memory_order_relaxed);
  try {
    count(item() ? self.completed : self.failed);
  } catch (...) {
    count(self.failed);
    if (options_.on_error) options_.on_error(std::current_exception());
  }
  self.is_running.store(false, std::memory_order_relaxed);
}

inline std::uint64_t worker_pool::cancel_queued() noexcept {
  std::uint64_t count = 0;
  while (!queue_.is_empty()) {
    task item;
    if (!queue_.try_pop(item)) {
      std::this_thread::yield();  // its producer is just moving it in
      continue;
    }
    ++count;
  }
  cancelled_.fetch_add(count);
  return count;
}

inline std::uint64_t worker_pool::ended() const noexcept {
  std::uint64_t count = 0;
  for (const worker& each : workers_) {
    count += each.completed.load(std::memory_order_relaxed) + each.failed.load(std::memory_order_relaxed);
  }
  return count;
}

}  // namespace hasten
