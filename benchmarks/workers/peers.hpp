// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#ifdef HASTEN_BENCH_ASIO
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#endif
#ifdef HASTEN_BENCH_TBB
#include <tbb/task_arena.h>
#include <tbb/task_group.h>
#endif

// One face for all pools: post(f) runs f some time, finish() returns when everything posted has run.
namespace peers {

inline constexpr unsigned threads = 2;

class ours {
 public:
  // The others are unbounded. This one keeps its default bound; who submits waits when it is reached.
  ours()
      : pool_({.threads = threads,
               .on_full = hasten::full_policy::block,
               .block_max = std::chrono::minutes(1)}) {}
  template <class F>
  void post(F&& callable) {
    pool_.post(std::forward<F>(callable));
  }
  void finish() { pool_.drain(hasten::steady_clock_source::now() + std::chrono::minutes(1)); }
  hasten::worker_pool& pool() { return pool_; }

 private:
  hasten::worker_pool pool_;
};

// What people write: one mutex, one condition variable, one deque.
class mutex_queue {
 public:
  mutex_queue() {
    for (unsigned i = 0; i < threads; ++i) running_.emplace_back([this] { work(); });
  }
  ~mutex_queue() { finish(); }
  template <class F>
  void post(F&& callable) {
    {
      const std::scoped_lock lock(mutex_);
      tasks_.emplace_back(std::forward<F>(callable));
    }
    arrived_.notify_one();
  }
  void finish() {
    {
      const std::scoped_lock lock(mutex_);
      is_closed_ = true;
    }
    arrived_.notify_all();
    for (auto& thread : running_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  void work() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [this] { return is_closed_ || !tasks_.empty(); });
        if (tasks_.empty()) return;
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::function<void()>> tasks_;
  bool is_closed_ = false;
  std::vector<std::thread> running_;
};

#ifdef HASTEN_BENCH_ASIO
class asio_pool {
 public:
  template <class F>
  void post(F&& callable) {
    boost::asio::post(pool_, std::forward<F>(callable));
  }
  void finish() { pool_.join(); }

 private:
  boost::asio::thread_pool pool_{threads};
};
#endif

#ifdef HASTEN_BENCH_TBB
class tbb_arena {
 public:
  tbb_arena() { arena_.initialize(); }
  ~tbb_arena() { finish(); }
  template <class F>
  void post(F&& callable) {
    arena_.enqueue(group_.defer(std::forward<F>(callable)));
  }
  void finish() {
    arena_.execute([this] { group_.wait(); });
  }

 private:
  tbb::task_arena arena_{static_cast<int>(threads), 0};
  tbb::task_group group_;
};
#endif

}  // namespace peers
