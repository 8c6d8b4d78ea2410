// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/unique_function.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace hasten {

/// Lets one caller do the work for a key while the others who want the same wait for its result.
///
/// The work runs outside every lock, so slow work for one key never delays another. An exception goes to
/// everybody who waited and is then gone: the next caller tries again. Nothing is remembered afterwards; to
/// keep results, use memory_cache, which is built on this. Pointless where the work is cheaper than a wait.
///
/// Key and Value are copied; a waiter gets its own copy. Equal runs under the lock and must not call back.
/// Thread safety: thread-safe.
///
///     hasten::single_flight<std::string, report> flights;
///     report today = flights.run("today", 5s, [&] { return build_report(); });
template <class Key, class Value, class Equal = std::equal_to<>>
class single_flight {
 public:
  /// One piece of work under way: handed out by join() and settled exactly once by its leader.
  class flight {
   public:
    flight(Key key, std::thread::id leader) : key_(std::move(key)), leader_(leader) {}

    // What became of it, for those who watch(): at most one of the two is there, and none if it was abandoned.
    [[nodiscard]] const std::optional<Value>& value() const noexcept { return value_; }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }

   private:
    friend class single_flight;

    const Key key_;
    std::thread::id leader_;  // guarded by single_flight::mutex_, as the next one
    bool forgotten_ = false;
    std::mutex mutex_;  // guards done_ and watchers_; value_ and failure_ never change once done_ is set
    std::condition_variable settled_;
    bool done_ = false;
    std::vector<unique_function<void(const flight&)>> watchers_;
    std::optional<Value> value_;
    std::exception_ptr failure_;
  };
  using flight_ptr = std::shared_ptr<flight>;

  /// What join() found: `leads` tells whether the caller has to do the work and settle the flight.
  struct boarding {
    flight_ptr trip;
    bool leads;
  };

  /// Returns what `work` returned, whether called here or by the caller that came first.
  /// Throws: what `work` threw; hasten::error(timeout) if the first caller needs longer than `wait`;
  /// hasten::error(recursive_load) if `work`, on this thread, asks for the key that it is working on.
  /// Blocks on: the work of the same key, for at most `wait`. The first caller runs its own work unbounded.
  template <class K, class Work>
  [[nodiscard]] Value run(const K& key, std::chrono::nanoseconds wait, Work&& work) {
    const steady_time until = deadline(wait);
    for (;;) {
      const boarding place = join(key);
      if (place.leads) return lead(place.trip, std::forward<Work>(work));
      if (std::optional<Value> value = outcome(*place.trip, until)) return *std::move(value);
    }
  }

  /// Makes whoever asks for `key` from now on start anew; the work under way still serves those who wait.
  /// Returns: whether work was under way.
  template <class K>
  bool forget(const K& key) {
    return forget_if([&](const Key& other) { return Equal{}(other, key); }) != 0;
  }

  /// Forgets each key under way for which `matches(key)`; it runs under the lock and must not call back.
  template <class Matches>
  std::size_t forget_if(Matches&& matches) {
    // Work that begins after this look began after the caller's own change, and so sees it.
    if (count_.load() == 0) return 0;
    std::vector<flight_ptr> dropped;  // released after the lock: a flight may own the last copy of a value
    const std::scoped_lock lock(mutex_);
    // Found first and changed afterwards: what throws on the way (`matches`, want of memory) forgets nothing.
    for (const auto& trip : flights_)
      if (matches(trip->key_)) dropped.push_back(trip);
    for (const auto& trip : dropped) trip->forgotten_ = true;
    std::erase_if(flights_, [](const auto& trip) { return trip->forgotten_; });
    count_.store(flights_.size());
    return dropped.size();
  }

  /// Returns: how many keys are being worked on.
  [[nodiscard]] std::size_t in_flight() const noexcept { return count_.load(); }

  /// For those who build on this class: boards the flight of `key`, or starts one that the caller leads.
  /// Throws: hasten::error(recursive_load) if this thread leads it already.
  template <class K>
  [[nodiscard]] boarding join(const K& key) {
    return join_as(key, std::this_thread::get_id());
  }

  /// As join(), for work that another thread will do: it takes over with take_off().
  template <class K>
  [[nodiscard]] boarding join_later(const K& key) {
    return join_as(key, std::thread::id());
  }

  /// The calling thread does the work of a flight from join_later().
  void take_off(const flight_ptr& trip) noexcept {
    const std::scoped_lock lock(mutex_);
    trip->leader_ = std::this_thread::get_id();
  }

  /// Ends a flight well: calls `keep()` under the lock unless the key was forgotten meanwhile, then hands
  /// copies of `value` to those who wait. Returns: whether `keep` was called.
  template <class Keep>
  bool settle(const flight_ptr& trip, const Value& value, Keep&& keep) {
    const bool kept = leave(trip, std::forward<Keep>(keep));
    // Out of the table, so nobody can board any more.
    if (trip.use_count() == 1 && unwatched(*trip)) return kept;
    trip->value_.emplace(value);  // nobody looks before done_ is set
    finish(*trip);
    return kept;
  }

  /// Ends a flight badly: those who wait get `failure`. Does nothing if it was settled already.
  void fail(const flight_ptr& trip, std::exception_ptr failure) noexcept {
    leave(trip, [] {});
    fail_orphan(*trip, std::move(failure));
  }

  /// As fail(), for a flight whose single_flight may be gone by now.
  static void fail_orphan(flight& trip, std::exception_ptr failure) noexcept {
    {
      const std::scoped_lock lock(trip.mutex_);
      if (trip.done_) return;
      trip.failure_ = std::move(failure);
    }
    finish(trip);
  }

  /// Ends a flight without a result: those who wait have to try for themselves.
  void abandon(const flight_ptr& trip) noexcept { fail(trip, nullptr); }

  /// Calls `watcher(const flight&)` once the flight has ended, on the thread that ends it and outside every lock, or at
  /// once if it has ended already. It must not throw.
  template <class Watcher>
  static void watch(flight& trip, Watcher&& watcher) {
    {
      const std::scoped_lock lock(trip.mutex_);
      if (!trip.done_) {
        trip.watchers_.emplace_back(std::forward<Watcher>(watcher));
        return;
      }
    }
    watcher(std::as_const(trip));
  }

  /// Waits for a flight that another caller leads; outcomes as of run(), and hasten::error(closed) if it was abandoned.
  [[nodiscard]] static Value await(flight& trip, std::chrono::nanoseconds wait) {
    if (std::optional<Value> value = outcome(trip, deadline(wait))) return *std::move(value);
    throw error(errc::closed, "waiting for a value that another caller gave up");
  }

  /// As await(). Returns: nothing if the flight was abandoned.
  [[nodiscard]] static std::optional<Value> outcome(flight& trip, steady_time until) {
    {
      std::unique_lock lock(trip.mutex_);
      if (!trip.settled_.wait_until(lock, until, [&] { return trip.done_; }))
        throw error(errc::timeout, "waiting for a value that another caller loads");
    }
    if (trip.failure_) std::rethrow_exception(trip.failure_);
    return trip.value_;
  }

  /// Returns: the moment that is `wait` from now, or the end of time.
  [[nodiscard]] static steady_time deadline(std::chrono::nanoseconds wait) noexcept {
    // A sum could overflow: who waits for ever has a deadline at the end of time.
    const steady_time now = steady_clock_source::now();
    return wait < steady_time::max() - now ? now + wait : steady_time::max();
  }

 private:
  template <class K>
  [[nodiscard]] boarding join_as(const K& key, std::thread::id leader) {
    // Made before the lock, needed or not: copying and destroying a Key may run the user's code.
    auto fresh = std::make_shared<flight>(Key(key), leader);
    const std::scoped_lock lock(mutex_);
    for (const auto& trip : flights_) {
      if (!Equal{}(trip->key_, key)) continue;
      if (leader != std::thread::id() && trip->leader_ == leader)
        throw error(errc::recursive_load, "loading a value inside its own loader");
      return {trip, false};
    }
    flights_.push_back(fresh);
    count_.store(flights_.size());
    return {std::move(fresh), true};
  }

  template <class Work>
  Value lead(const flight_ptr& trip, Work&& work) {
    try {
      Value value = std::forward<Work>(work)();
      settle(trip, value, [] {});
      return value;
    } catch (...) {
      fail(trip, std::current_exception());
      throw;
    }
  }

  [[nodiscard]] static bool unwatched(flight& trip) noexcept {
    const std::scoped_lock lock(trip.mutex_);
    return trip.watchers_.empty();
  }

  static void finish(flight& trip) noexcept {
    std::vector<unique_function<void(const flight&)>> watchers;
    {
      const std::scoped_lock lock(trip.mutex_);
      trip.done_ = true;
      watchers.swap(trip.watchers_);
    }
    trip.settled_.notify_all();
    for (auto& each : watchers) each(std::as_const(trip));
  }

  template <class Keep>
  bool leave(const flight_ptr& trip, Keep&& keep) {
    const std::scoped_lock lock(mutex_);
    if (trip->forgotten_) return false;
    const auto place = std::find(flights_.begin(), flights_.end(), trip);
    if (place == flights_.end()) return false;
    keep();
    flights_.erase(place);
    count_.store(flights_.size());
    return true;
  }

  mutable std::mutex mutex_;            // guards flights_ and their forgotten_; no work runs under it
  std::vector<flight_ptr> flights_;     // as many as callers at work: few, so searched one by one
  std::atomic<std::size_t> count_ = 0;  // flights_.size(), readable without the lock
};

}  // namespace hasten
