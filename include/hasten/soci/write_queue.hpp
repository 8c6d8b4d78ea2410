// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// What a write queue has done since it was made.
struct write_queue_stats {
  std::size_t queued = 0;       ///< units waiting for a batch now
  std::uint64_t batches = 0;    ///< transactions committed
  std::uint64_t units = 0;      ///< units committed
  std::uint64_t failed = 0;     ///< units that threw, or whose batch could not be committed
  std::uint64_t timed_out = 0;  ///< units whose deadline passed while they were queued
  std::uint64_t rejected = 0;   ///< units turned away because the queue was full
  std::size_t batch_max = 0;    ///< the largest batch so far
};

/// Commits the small writes of many threads together: the disk is waited for once for each batch and not for each
/// write. With `synchronous=FULL` and many writers that is several times the throughput, and nobody starves.
///
/// A unit is a callable that writes through the session it is given. It runs within a savepoint, so that one which
/// throws undoes itself alone, and its caller gets an answer only after the commit that contains it. Units run in the
/// order they came, each in the thread of whichever caller leads the batch: a unit must not rely on its own thread, and
/// must neither begin nor end a transaction nor wait for another unit. There is no thread of its own behind it.
///
/// The wrong tool for long transactions, which make everybody behind them wait, and for one single writer.
/// The pool must outlive it, and it all calls of run().
/// Thread safety: thread-safe.
///
///     hasten::write_queue writes(pool);
///     const auto id = writes.run(deadline, [&](hasten::monitored_session& db) {
///       db.exec(add_order, customer, cents);
///       return db.last_insert_id();
///     });   // committed
class write_queue {
 public:
  struct options {
    std::size_t batch_max = 512;        ///< units in one transaction, 1..100000
    std::size_t queue_max = 10'000;     ///< units waiting, 1..1000000
    std::chrono::nanoseconds delay{0};  ///< how long a batch waits for more units, 0..1 s; zero: not at all
  };

  /// Throws: std::invalid_argument for an option out of range.
  write_queue(session_pool& pool, options chosen) : pool_(pool), options_(checked(chosen)) {}
  explicit write_queue(session_pool& pool) : write_queue(pool, options{}) {}
  write_queue(const write_queue&) = delete;
  write_queue& operator=(const write_queue&) = delete;

  /// Runs `fn(monitored_session&)` in a transaction that others may share. Returns: what `fn` returned, committed.
  /// Throws: what `fn` threw, and then nothing of it is stored; query_error when the transaction could not begin or
  /// commit; error(errc::timeout) when `deadline` passed before the unit's turn came, and then it did not run;
  /// error(errc::overloaded) when the queue is full; what session_pool::write() throws.
  /// Blocks on: the units before it, until `deadline`; a unit whose batch has begun is waited for to the end.
  template <class Fn>
  auto run(steady_time deadline, Fn&& fn) {
    using result = std::invoke_result_t<Fn&, monitored_session&>;
    if constexpr (std::is_void_v<result>) {
      auto body = [&](monitored_session& db) { fn(db); };
      unit mine(body);
      wait_or_lead(mine, deadline);
    } else {
      std::optional<result> answer;
      auto body = [&](monitored_session& db) { answer.emplace(fn(db)); };
      unit mine(body);
      wait_or_lead(mine, deadline);
      return *std::move(answer);
    }
  }

  [[nodiscard]] write_queue_stats stats() const {
    const std::lock_guard lock(mutex_);
    write_queue_stats copy = counters_;
    copy.queued = queue_.size();
    return copy;
  }

 private:
  enum class stage { queued, leading, taken, done };

  // Lives on its caller's stack until it is done or taken back.
  struct unit {
    template <class Body>
    explicit unit(Body& body)
        : call([](void* what, monitored_session& db) { (*static_cast<Body*>(what))(db); }), target(&body) {}

    void (*call)(void*, monitored_session&);
    void* target;
    stage at = stage::queued;         // guarded by mutex_
    std::exception_ptr failure = {};  // written by the leader before `done`
    std::condition_variable changed = {};
  };

  static options checked(options chosen) {
    const auto refuse = [](const std::string& rule, auto got) {
      throw std::invalid_argument("write_queue: " + rule + ", got " + std::to_string(got));
    };
    if (chosen.batch_max < 1 || chosen.batch_max > 100'000)
      refuse("batch_max must be 1..100000", chosen.batch_max);
    if (chosen.queue_max < 1 || chosen.queue_max > 1'000'000)
      refuse("queue_max must be 1..1000000", chosen.queue_max);
    if (chosen.delay.count() < 0 || chosen.delay > std::chrono::seconds(1))
      refuse("delay must be 0..1000000000 ns", chosen.delay.count());
    return chosen;
  }

  void wait_or_lead(unit& mine, steady_time deadline) {
    std::unique_lock lock(mutex_);
    if (queue_.size() >= options_.queue_max) {
      ++counters_.rejected;
      throw error(errc::overloaded, "write_queue: too many units wait");
    }
    queue_.push_back(&mine);
    if (!led_) {
      led_ = true;
      mine.at = stage::leading;
    } else if (queue_.size() >= options_.batch_max) {
      queue_.front()->changed.notify_one();  // a leader that waits for more has enough
    }
    while (mine.at == stage::queued || mine.at == stage::taken) {
      if (mine.at == stage::taken) {
        mine.changed.wait(lock);  // bounded by the batch that runs it
      } else if (mine.changed.wait_until(lock, deadline) == std::cv_status::timeout &&
                 mine.at == stage::queued) {
        std::erase(queue_, &mine);
        ++counters_.timed_out;
        throw error(errc::timeout, "write_queue: waiting for the turn to write");
      }
    }
    if (mine.at == stage::leading) lead(mine, lock, deadline);
    if (mine.failure) std::rethrow_exception(mine.failure);
  }

  // Runs one batch, whose first unit is the leader's own, and passes the lead on.
  void lead(unit& mine, std::unique_lock<std::mutex>& lock, steady_time deadline) {
    if (options_.delay.count() > 0) {
      const steady_time enough = std::min(deadline, steady_clock_source::now() + options_.delay);
      mine.changed.wait_until(lock, enough, [&] { return queue_.size() >= options_.batch_max; });
    }
    std::vector<unit*> batch;
    bool committed = false;
    lock.unlock();
    try {
      session_lease db = pool_.write(deadline);
      lock.lock();
      batch.reserve(std::min(queue_.size(), options_.batch_max));
      for (; !queue_.empty() && batch.size() < options_.batch_max; queue_.pop_front()) {
        batch.push_back(queue_.front());
        batch.back()->at = stage::taken;
      }
      lock.unlock();
      execute(*db, batch);
      committed = true;
    } catch (...) {  // no session, or no commit: everybody in the batch is told
      if (!lock.owns_lock()) lock.lock();
      if (batch.empty()) {
        std::erase(queue_, &mine);
        batch.push_back(&mine);
      }
      for (unit* each : batch)
        if (!each->failure) each->failure = std::current_exception();
    }
    if (!lock.owns_lock()) lock.lock();
    settle(mine, batch, committed);
  }

  void settle(unit& mine, const std::vector<unit*>& batch, bool committed) {
    if (committed) ++counters_.batches;
    counters_.batch_max = std::max(counters_.batch_max, batch.size());
    for (unit* each : batch) {
      ++(each->failure ? counters_.failed : counters_.units);
      each->at = stage::done;
      if (each != &mine)
        each->changed.notify_one();  // under the lock: the unit dies once its caller sees `done`
    }
    led_ = !queue_.empty();
    if (!led_) return;
    queue_.front()->at = stage::leading;
    queue_.front()->changed.notify_one();
  }

  static void execute(monitored_session& db, const std::vector<unit*>& batch) {
    transaction together(db);
    for (unit* each : batch) {
      if (batch.size() == 1) {
        each->call(each->target, db);  // what it throws undoes the transaction, which holds nothing else
      } else {
        run_apart(db, *each);
      }
      if (!db.in_transaction())
        throw query_error(query_error_kind::other, "write_queue: the transaction ended before its commit");
    }
    together.commit();
  }

  static void run_apart(monitored_session& db, unit& each) {
    static constexpr statement mark{"write_queue.savepoint", "SAVEPOINT hasten_unit"};
    static constexpr statement forget{"write_queue.release", "RELEASE hasten_unit"};
    static constexpr statement undo{"write_queue.undo", "ROLLBACK TO hasten_unit"};
    db.exec(mark);
    try {
      each.call(each.target, db);
    } catch (...) {
      each.failure = std::current_exception();
    }
    if (!db.in_transaction()) return;  // some failures end all of it; execute() tells the others
    if (each.failure) db.exec(undo);
    db.exec(forget);
  }

  session_pool& pool_;
  const options options_;
  mutable std::mutex mutex_;  // guards all below and the stage of every unit; no unit runs under it
  std::deque<unit*> queue_;   // in the order they came
  bool led_ = false;          // some caller leads, or was just told to
  write_queue_stats counters_;
};

}  // namespace hasten
