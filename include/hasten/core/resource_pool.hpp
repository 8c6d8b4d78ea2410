// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// What a pool has done since it was made. The gauges come first, the counters only grow.
struct pool_stats {
  std::size_t size_max = 0;  ///< the bound: leased and idle together never exceed it
  std::size_t in_use = 0;    ///< leased now, those being made included
  std::size_t idle = 0;      ///< waiting to be leased
  std::size_t waiting = 0;   ///< callers blocked in acquire()

  std::uint64_t acquired = 0;             ///< leases given out
  std::uint64_t waited = 0;               ///< leases that had to wait for another one to come back
  std::uint64_t timed_out = 0;            ///< callers whose deadline passed first
  std::uint64_t rejected = 0;             ///< callers turned away because the queue was full
  std::uint64_t created = 0;              ///< resources made
  std::uint64_t creation_failures = 0;    ///< attempts to make one that threw
  std::uint64_t validation_failures = 0;  ///< idle resources found dead and replaced
  std::uint64_t discarded = 0;            ///< resources thrown away by their leaseholder
  std::uint64_t expired = 0;              ///< resources retired because of their age
  std::chrono::nanoseconds wait_total{};  ///< time spent waiting, over all leases that waited
  std::chrono::nanoseconds wait_max{};    ///< the longest such wait
};

/// A bounded pool of resources that are dear to make, such as database sessions.
///
/// The resource used last is leased first, so the pool shrinks to what is needed and the rest is found idle;
/// callers that must wait are served in the order they came. A resource that lay idle is validated before it
/// is leased, and replaced if it is dead. Resources are made in the thread of the caller who needs one.
///
/// The wrong tool for objects that are cheap to make, and for sharing one object among threads.
/// Leases may outlive the pool: what they hold is then destroyed on return. Callers that wait while the pool is
/// destroyed are turned away as by close().
/// Thread safety: thread-safe.
///
///     hasten::resource_pool<connection> pool({.size_max = 8}, [] { return std::make_unique<connection>();
///     }); auto lease = pool.acquire(hasten::steady_clock_source::now() + 2s);   // or hasten::error
///     lease->send("...");
///     if (lease->is_broken()) lease.discard();   // otherwise it goes back at the end of the scope
template <class T, clock_source Clock = steady_clock_source>
class resource_pool {
 public:
  using factory = std::function<std::unique_ptr<T>()>;
  using validator = std::function<bool(T&)>;

  struct options {
    std::string name = "resource pool";  ///< appears in error messages
    std::size_t size_max = 8;            ///< resources, 1..100000
    std::size_t waiters_max = 200;       ///< callers that may wait, 0..1000000; zero: nobody waits
    std::chrono::nanoseconds validate_after =
        std::chrono::milliseconds(500);        ///< idle this long: validate; ≥ 0
    std::chrono::nanoseconds lifetime_max{0};  ///< retire at this age, ≥ 0; zero: never
  };

 private:
  struct item {
    std::unique_ptr<T> resource;
    steady_time idle_since{};
    steady_time retire_at = steady_time::max();
  };

  // A waiter gets an item or, with an empty one, the right to make one.
  struct waiter {
    std::condition_variable ready;
    bool served = false;
    bool closed = false;
    item granted;
  };

  struct state {
    state(options settings, factory make, validator alive, Clock time)
        : limits(std::move(settings)),
          create(std::move(make)),
          validate(std::move(alive)),
          clock(std::move(time)) {}

    const options limits;
    const factory create;
    const validator validate;
    const Clock clock;
    std::mutex mutex;  // guards all below; never held while T is made, validated or destroyed
    std::vector<item> idle;
    std::deque<waiter*> waiters;  // the nodes live on their callers' stacks
    std::size_t in_use = 0;       // slots taken: leased, being made or being validated
    bool closed = false;
    pool_stats counters;
  };

 public:
  /// The right to use one resource until the end of the scope. Move-only.
  /// Thread safety: single-owner.
  class lease {
   public:
    lease() = default;
    lease(lease&& other) noexcept : state_(std::move(other.state_)), item_(std::move(other.item_)) {}
    lease& operator=(lease&& other) noexcept {
      if (this != &other) {
        release();
        state_ = std::move(other.state_);
        item_ = std::move(other.item_);
      }
      return *this;
    }
    ~lease() { release(); }

    [[nodiscard]] T& operator*() const noexcept { return *item_.resource; }
    [[nodiscard]] T* operator->() const noexcept { return item_.resource.get(); }
    [[nodiscard]] explicit operator bool() const noexcept { return item_.resource != nullptr; }

    /// Gives the resource back early; the lease is empty afterwards.
    void release() noexcept {
      if (state_ == nullptr) return;
      resource_pool::give_back(*state_, std::move(item_), true);
      state_.reset();
    }

    /// Throws the resource away: it was found broken. The pool makes a new one when it needs one.
    void discard() noexcept {
      if (state_ == nullptr) return;
      resource_pool::give_back(*state_, std::move(item_), false);
      state_.reset();
    }

   private:
    friend class resource_pool;
    lease(std::shared_ptr<state> owner, item held) noexcept
        : state_(std::move(owner)), item_(std::move(held)) {}

    std::shared_ptr<state> state_;  // null: empty
    item item_;
  };

  /// Throws: std::invalid_argument for an option out of range or an empty `create`.
  /// `validate` answers whether an idle resource still works; empty: it is assumed to.
  resource_pool(options limits, factory create, validator validate = {}, Clock clock = {}) {
    const std::string& name = limits.name;
    if (limits.size_max < 1 || limits.size_max > 100'000)
      throw std::invalid_argument(name + ": size_max must be 1..100000, got " +
                                  std::to_string(limits.size_max));
    if (limits.waiters_max > 1'000'000)
      throw std::invalid_argument(name + ": waiters_max must be 0..1000000, got " +
                                  std::to_string(limits.waiters_max));
    if (limits.validate_after.count() < 0)
      throw std::invalid_argument(name + ": validate_after must not be negative, got " +
                                  std::to_string(limits.validate_after.count()) + " ns");
    if (limits.lifetime_max.count() < 0)
      throw std::invalid_argument(name + ": lifetime_max must not be negative, got " +
                                  std::to_string(limits.lifetime_max.count()) + " ns");
    if (!create) throw std::invalid_argument(name + ": create must not be empty");
    state_ =
        std::make_shared<state>(std::move(limits), std::move(create), std::move(validate), std::move(clock));
    state_->idle.reserve(state_->limits.size_max);  // so that giving back cannot throw
  }
  resource_pool(const resource_pool&) = delete;
  resource_pool& operator=(const resource_pool&) = delete;
  ~resource_pool() { close(); }

  /// Leases a resource, makes one if none is idle and the bound allows it, else waits for one to come back.
  ///
  /// Throws: error(errc::overloaded) when none came back before `deadline` or too many callers wait already;
  /// error(errc::closed) after close(); whatever the factory threw.
  /// Blocks on: a lease that comes back, until `deadline`; then on the factory or the validator, unbounded
  /// here.
  [[nodiscard]] lease acquire(steady_time deadline) {
    // A share of its own: the pool may be destroyed while this waits.
    std::shared_ptr<state> shared = state_;
    item found = make_usable(*shared, take(*shared, deadline));
    return lease(std::move(shared), std::move(found));
  }

  /// Refuses new leases, turns waiting callers away and destroys what is idle. Leases in use stay valid.
  void close() {
    std::vector<item> dying;
    {
      const std::lock_guard lock(state_->mutex);
      state_->closed = true;
      dying.swap(state_->idle);
      for (waiter* each : state_->waiters) {
        each->closed = true;
        each->ready.notify_one();
      }
      state_->waiters.clear();
    }
  }

  [[nodiscard]] pool_stats stats() const {
    const std::lock_guard lock(state_->mutex);
    pool_stats copy = state_->counters;
    copy.size_max = state_->limits.size_max;
    copy.in_use = state_->in_use;
    copy.idle = state_->idle.size();
    copy.waiting = state_->waiters.size();
    return copy;
  }

 private:
  // Takes a slot: with an idle item, or with an empty one to be filled by make_usable().
  static item take(state& pool, steady_time deadline) {
    std::unique_lock lock(pool.mutex);
    if (pool.closed) throw error(errc::closed, pool.limits.name);
    if (pool.waiters.empty()) {
      if (!pool.idle.empty()) {
        item found = std::move(pool.idle.back());
        pool.idle.pop_back();
        ++pool.in_use;
        ++pool.counters.acquired;
        return found;
      }
      if (pool.in_use < pool.limits.size_max) {
        ++pool.in_use;
        ++pool.counters.acquired;
        return {};
      }
    }
    if (pool.waiters.size() >= pool.limits.waiters_max) {
      ++pool.counters.rejected;
      throw error(errc::overloaded, pool.limits.name + ": too many callers wait");
    }
    return wait(pool, lock, deadline);
  }

  static item wait(state& pool, std::unique_lock<std::mutex>& lock, steady_time deadline) {
    waiter self;
    pool.waiters.push_back(&self);
    const steady_time began = pool.clock.now();
    while (!self.served && !self.closed) {
      const steady_time now = pool.clock.now();
      if (now >= deadline) {
        std::erase(pool.waiters, &self);
        ++pool.counters.timed_out;
        throw error(errc::overloaded, pool.limits.name + ": all in use until the deadline");
      }
      if constexpr (std::same_as<Clock, steady_clock_source>)
        self.ready.wait_until(lock, deadline);
      else  // the condition variable cannot see an injected clock move
        self.ready.wait_for(lock,
                            std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::milliseconds(2)));
    }
    if (self.closed) throw error(errc::closed, pool.limits.name);
    const auto waited = pool.clock.now() - began;
    ++pool.counters.acquired;
    ++pool.counters.waited;
    pool.counters.wait_total += waited;
    pool.counters.wait_max = std::max<std::chrono::nanoseconds>(pool.counters.wait_max, waited);
    return std::move(self.granted);
  }

  // Validates what lay idle, replaces what is dead or too old, makes what is missing. Runs without the lock.
  static item make_usable(state& pool, item held) {
    if (held.resource != nullptr) {
      const steady_time now = pool.clock.now();
      const bool old = now >= held.retire_at;
      const bool dead =
          !old && pool.validate && now - held.idle_since >= pool.limits.validate_after && !alive(pool, held);
      if (old || dead) {
        held.resource.reset();
        const std::lock_guard lock(pool.mutex);
        ++(old ? pool.counters.expired : pool.counters.validation_failures);
      }
    }
    if (held.resource == nullptr) fill(pool, held);
    return held;
  }

  // A validator that throws says the same as one that answers no.
  static bool alive(const state& pool, item& held) {
    try {
      return pool.validate(*held.resource);
    } catch (...) {
      return false;
    }
  }

  static void fill(state& pool, item& held) {
    try {
      held.resource = pool.create();
      HASTEN_EXPECTS(held.resource != nullptr, "resource_pool: the factory returned nothing");
    } catch (...) {
      {
        const std::lock_guard lock(pool.mutex);
        ++pool.counters.creation_failures;
        --pool.counters.acquired;  // counted when the slot was taken
      }
      give_back(pool, {}, true);  // the next waiter inherits the slot and tries for itself
      throw;
    }
    const std::lock_guard lock(pool.mutex);
    const std::uint64_t serial = pool.counters.created++;
    if (pool.limits.lifetime_max.count() > 0) {
      // Spread over the last 1/32 of the lifetime, so that resources made together do not die together.
      const auto lifetime = std::chrono::duration_cast<steady_time::duration>(pool.limits.lifetime_max);
      const auto age = lifetime - lifetime / 1024 * static_cast<int>(serial * 13 % 32);
      const steady_time now = pool.clock.now();
      if (age < steady_time::max() - now) held.retire_at = now + age;  // else never: the sum would overflow
    }
  }

  static void give_back(state& pool, item held, bool reusable) noexcept {
    const steady_time now = pool.clock.now();
    const bool expired = held.resource != nullptr && reusable && now >= held.retire_at;
    if (!reusable || expired) held.resource.reset();  // before the slot passes on, so that the bound holds
    item dying;                                       // destroyed after the lock is released
    held.idle_since = now;
    const std::lock_guard lock(pool.mutex);
    if (!reusable) ++pool.counters.discarded;
    if (expired) ++pool.counters.expired;
    if (!pool.waiters.empty()) {  // the slot passes on; in_use stays
      waiter& next = *pool.waiters.front();
      pool.waiters.pop_front();
      next.granted = std::move(held);
      next.served = true;
      next.ready.notify_one();  // under the lock: the node dies as soon as its caller sees `served`
      return;
    }
    --pool.in_use;
    if (held.resource == nullptr) return;
    if (pool.closed)
      dying = std::move(held);
    else
      pool.idle.push_back(std::move(held));
  }

  std::shared_ptr<state> state_;  // never null; leases keep it alive
};

}  // namespace hasten
