// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/detail/pool_slots.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/core/pool_stats.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// A bounded pool of resources that are dear to make, such as database sessions.
///
/// The resource used last is leased first, so the pool shrinks to what is needed and the rest is found idle;
/// callers that must wait are served in the order they came. A resource that lay idle is validated before it
/// is leased, and replaced if it is dead. Resources are made in the thread of the caller who needs one. No thread
/// works in the background: call maintain() now and then for what should happen without callers.
///
/// A caller whose deadline passes is told why: errc::overloaded when all are in use, the factory's own errc when the
/// last attempt to make one failed, so that a database that is down does not look like a pool that is too small.
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
    /// Idle this long: validate before leasing; ≥ 0.
    std::chrono::nanoseconds validate_after = std::chrono::milliseconds(500);
    /// Retire at this age, a little sooner by turns, ≥ 0; zero: never.
    std::chrono::nanoseconds lifetime_max{0};
    // The rest is minded by maintain().
    std::size_t size_min = 0;              ///< so many are kept ready, 0..size_max
    std::chrono::nanoseconds idle_max{0};  ///< retire what lay idle so long beyond size_min, ≥ 0; zero: never
    std::chrono::nanoseconds keepalive{0};   ///< validate what lay idle so long, ≥ 0; zero: never
    std::chrono::nanoseconds leak_after{0};  ///< report a lease held so long, ≥ 0; zero: never
    pool_observer observer = {};
  };

 private:
  struct item {
    std::unique_ptr<T> resource;
    std::size_t slot = 0;     // its own until it is destroyed
    steady_time leased_at{};  // of the lease under way
    steady_time idle_since{};
    steady_time checked_at{};  // known to live, by use or by validation
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
          clock(std::move(time)),
          slots(limits.size_max) {}

    const options limits;
    const factory create;
    const validator validate;
    const Clock clock;
    std::mutex mutex;  // guards all below; never held while T is made, validated or destroyed
    std::vector<item> idle;
    std::deque<waiter*> waiters;  // the nodes live on their callers' stacks
    std::size_t in_use = 0;       // slots taken: leased, being made or being validated
    detail::pool_slots slots;
    std::optional<errc> failing;  // of the last attempt to make a resource, unless it succeeded
    bool closed = false;
    pool_stats counters;
    std::atomic<std::uint64_t> observer_failures{0};
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
    void release() noexcept { end(true); }

    /// Throws the resource away: it was found broken. The pool makes a new one when it needs one.
    void discard() noexcept { end(false); }

   private:
    friend class resource_pool;
    lease(std::shared_ptr<state> owner, item held) noexcept
        : state_(std::move(owner)), item_(std::move(held)) {}

    void end(bool reusable) noexcept {
      if (state_ == nullptr) return;
      const steady_time now = state_->clock.now();
      resource_pool::tell(*state_, state_->limits.observer.used, now - item_.leased_at);
      item_.idle_since = item_.checked_at = now;
      resource_pool::give_back(*state_, std::move(item_), reusable, true);
      state_.reset();
    }

    std::shared_ptr<state> state_;  // null: empty
    item item_;
  };

  /// Throws: std::invalid_argument for an option out of range or an empty `create`.
  /// `validate` answers whether an idle resource still works; empty: it is assumed to.
  resource_pool(options limits, factory create, validator validate = {}, Clock clock = {}) {
    check(limits);
    if (!create) throw std::invalid_argument(limits.name + ": create must not be empty");
    state_ =
        std::make_shared<state>(std::move(limits), std::move(create), std::move(validate), std::move(clock));
    state_->idle.reserve(state_->limits.size_max);  // so that giving back cannot throw
  }
  resource_pool(const resource_pool&) = delete;
  resource_pool& operator=(const resource_pool&) = delete;
  ~resource_pool() { close(); }

  /// Leases a resource, makes one if none is idle and the bound allows it, else waits for one to come back.
  ///
  /// Throws: error(errc::overloaded) when none came back before `deadline` or too many callers wait already; with
  /// the errc of the factory's last failure in place of overloaded, if that is why; error(errc::closed) after
  /// close(); whatever the factory threw.
  /// Blocks on: a lease that comes back, until `deadline`; then on the factory or the validator, unbounded here.
  [[nodiscard]] lease acquire(steady_time deadline,
                              const std::source_location where = std::source_location::current()) {
    // A share of its own: the pool may be destroyed while this waits.
    std::shared_ptr<state> shared = state_;
    const steady_time began = shared->clock.now();
    item found = take(*shared, deadline, began, where);
    tell(*shared, shared->limits.observer.waited, found.leased_at - began);
    found = make_usable(*shared, std::move(found));
    return lease(std::move(shared), std::move(found));
  }

  /// Does what should happen without callers: retires the old and the surplus, validates what lay idle for long, makes
  /// what should be ready, reports leases that are held for too long. Call it every half minute or so, from one
  /// thread; callers go on meanwhile. A resource that could not be made or validated is counted, not thrown for.
  /// Blocks on: the factory and the validator.
  pool_upkeep maintain() {
    const std::shared_ptr<state> shared = state_;
    pool_upkeep done;
    report_leaks(*shared, done);
    retire(*shared, done);
    keep_alive(*shared, done);
    while (done.failed == 0 && make_ready(*shared, done)) {
    }
    return done;
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
    copy.observer_failures = state_->observer_failures.load();
    copy.overdue = state_->slots.overdue(state_->clock.now(), state_->limits.leak_after);
    return copy;
  }

 private:
  static void check(const options& limits) {
    const auto refuse = [&limits](const char* rule, auto got, const char* unit) {
      throw std::invalid_argument(limits.name + ": " + rule + ", got " + std::to_string(got) + unit);
    };
    if (limits.size_max < 1 || limits.size_max > 100'000)
      refuse("size_max must be 1..100000", limits.size_max, "");
    if (limits.size_min > limits.size_max) refuse("size_min must be 0..size_max", limits.size_min, "");
    if (limits.waiters_max > 1'000'000) refuse("waiters_max must be 0..1000000", limits.waiters_max, "");
    const auto check_time = [&](const char* rule, std::chrono::nanoseconds value) {
      if (value.count() < 0) refuse(rule, value.count(), " ns");
    };
    check_time("validate_after must not be negative", limits.validate_after);
    check_time("lifetime_max must not be negative", limits.lifetime_max);
    check_time("idle_max must not be negative", limits.idle_max);
    check_time("keepalive must not be negative", limits.keepalive);
    check_time("leak_after must not be negative", limits.leak_after);
  }

  template <class... Args>
  static void tell(state& pool, const std::function<void(Args...)>& whom,
                   const std::type_identity_t<Args>&... what) noexcept {
    if (!whom) return;
    try {
      whom(what...);
    } catch (...) {
      pool.observer_failures.fetch_add(1);
    }
  }

  // Takes a slot: with an idle item, or with an empty one to be filled by make_usable().
  static item take(state& pool, steady_time deadline, steady_time began, const std::source_location& where) {
    std::unique_lock lock(pool.mutex);
    if (pool.closed) throw error(errc::closed, pool.limits.name);
    if (pool.waiters.empty()) {
      if (!pool.idle.empty()) {
        item found = std::move(pool.idle.back());
        pool.idle.pop_back();
        ++pool.in_use;
        return granted(pool, std::move(found), began, where);
      }
      if (pool.in_use < pool.limits.size_max) return granted(pool, empty_slot(pool), began, where);
    }
    if (pool.waiters.size() >= pool.limits.waiters_max) {
      ++pool.counters.rejected;
      throw error(errc::overloaded, pool.limits.name + ": too many callers wait");
    }
    return wait(pool, lock, deadline, where);
  }

  // Under the lock. Takes a slot without a resource in it.
  static item empty_slot(state& pool) {
    item empty;
    empty.slot = pool.slots.take();
    ++pool.in_use;
    return empty;
  }

  // Under the lock.
  static item granted(state& pool, item held, steady_time now, const std::source_location& where) {
    ++pool.counters.acquired;
    held.leased_at = now;
    pool.slots.lease(held.slot, now, where);
    return held;
  }

  static item wait(state& pool, std::unique_lock<std::mutex>& lock, steady_time deadline,
                   const std::source_location& where) {
    waiter self;
    pool.waiters.push_back(&self);
    const steady_time began = pool.clock.now();
    while (!self.served && !self.closed) {
      const steady_time now = pool.clock.now();
      if (now >= deadline) {
        std::erase(pool.waiters, &self);
        ++pool.counters.timed_out;
        if (pool.failing.has_value())
          throw error(*pool.failing, pool.limits.name + ": none could be made until the deadline");
        throw error(errc::overloaded, pool.limits.name + ": all in use until the deadline");
      }
      if constexpr (std::same_as<Clock, steady_clock_source>)
        self.ready.wait_until(lock, deadline);
      else  // the condition variable cannot see an injected clock move
        self.ready.wait_for(lock,
                            std::min<std::chrono::nanoseconds>(deadline - now, std::chrono::milliseconds(2)));
    }
    if (self.closed) throw error(errc::closed, pool.limits.name);
    const steady_time now = pool.clock.now();
    ++pool.counters.waited;
    pool.counters.wait_total += now - began;
    pool.counters.wait_max = std::max<std::chrono::nanoseconds>(pool.counters.wait_max, now - began);
    return granted(pool, std::move(self.granted), now, where);
  }

  // Validates what lay idle, replaces what is dead or too old, makes what is missing. Without the lock.
  static item make_usable(state& pool, item held) {
    if (held.resource != nullptr) {
      const bool old = held.leased_at >= held.retire_at;
      const bool dead = !old && pool.validate &&
                        held.leased_at - held.checked_at >= pool.limits.validate_after && !alive(pool, held);
      if (old || dead) {
        held.resource.reset();
        const std::lock_guard lock(pool.mutex);
        ++(old ? pool.counters.expired : pool.counters.validation_failures);
      }
    }
    if (held.resource == nullptr) fill(pool, held);
    return held;
  }

  static bool alive(const state& pool, item& held) {
    try {
      return pool.validate(*held.resource);
    } catch (...) {  // says the same as one that answers no
      return false;
    }
  }

  static void fill(state& pool, item& held) {
    const steady_time began = pool.clock.now();
    try {
      held.resource = pool.create();
      HASTEN_EXPECTS(held.resource != nullptr, "resource_pool: the factory returned nothing");
    } catch (const error& failure) {
      not_filled(pool, held, static_cast<errc>(failure.code().value()));
      throw;
    } catch (...) {
      not_filled(pool, held, std::nullopt);
      throw;
    }
    const steady_time now = pool.clock.now();
    tell(pool, pool.limits.observer.created, now - began);
    held.leased_at = held.checked_at = now;
    const std::lock_guard lock(pool.mutex);
    pool.failing.reset();
    const std::uint64_t serial = pool.counters.created++;
    if (pool.limits.lifetime_max.count() > 0) {
      // Spread over the last 1/32 of the lifetime, so that resources made together do not die together.
      const auto lifetime = std::chrono::duration_cast<steady_time::duration>(pool.limits.lifetime_max);
      const auto age = lifetime - lifetime / 1024 * static_cast<int>(serial * 13 % 32);
      if (age < steady_time::max() - now) held.retire_at = now + age;  // else never: the sum would overflow
    }
  }

  static void not_filled(state& pool, item& held, std::optional<errc> why) noexcept {
    {
      const std::lock_guard lock(pool.mutex);
      ++pool.counters.creation_failures;
      --pool.counters.acquired;  // counted when the slot was taken
      pool.failing = why;
    }
    give_back(pool, std::move(held), true, true);  // the next waiter inherits the slot and tries for itself
  }

  // Takes back a slot and what is in it, perhaps nothing. What was in use is `warm`: leased again first.
  static void give_back(state& pool, item held, bool reusable, bool warm) noexcept {
    const bool expired = held.resource != nullptr && reusable && held.idle_since >= held.retire_at;
    if (!reusable || expired) held.resource.reset();  // before the slot passes on, so that the bound holds
    item dying;                                       // destroyed after the lock is released
    const std::lock_guard lock(pool.mutex);
    pool.slots.end_lease(held.slot);
    if (!reusable && warm) ++pool.counters.discarded;
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
    if (held.resource == nullptr || pool.closed) {
      pool.slots.give_back(held.slot);
      dying = std::move(held);
    } else {
      pool.idle.insert(warm ? pool.idle.end() : pool.idle.begin(), std::move(held));
    }
  }

  static void report_leaks(state& pool, pool_upkeep& done) {
    std::vector<pool_leak> found;
    {
      const std::lock_guard lock(pool.mutex);
      found = pool.slots.new_leaks(pool.clock.now(), pool.limits.leak_after);
      pool.counters.leaks += found.size();
    }
    done.leaks = found.size();
    for (const pool_leak& each : found) tell(pool, pool.limits.observer.leaked, each);
  }

  static void retire(state& pool, pool_upkeep& done) {
    std::vector<item> dying;
    const std::lock_guard lock(pool.mutex);  // released before `dying` is destroyed
    const steady_time now = pool.clock.now();
    const auto leaves = [&](const item& each) {
      const bool old = now >= each.retire_at;
      const bool idle = pool.limits.idle_max.count() > 0 && now - each.idle_since >= pool.limits.idle_max &&
                        pool.idle.size() - dying.size() + pool.in_use > pool.limits.size_min;
      if (!old && !idle) return false;
      ++(old ? done.expired : done.surplus);
      return true;
    };
    dying.reserve(pool.idle.size());
    for (item& each : pool.idle) {  // the one that lay longest comes first
      if (!leaves(each)) continue;
      pool.slots.give_back(each.slot);
      dying.push_back(std::move(each));
    }
    std::erase_if(pool.idle, [](const item& each) { return each.resource == nullptr; });
    pool.counters.expired += done.expired;
    pool.counters.surplus += done.surplus;
  }

  // One at a time, so that callers find the others.
  static void keep_alive(state& pool, pool_upkeep& done) {
    if (pool.limits.keepalive.count() == 0 || !pool.validate) return;
    const steady_time now = pool.clock.now();
    for (;;) {
      item held;
      {
        const std::lock_guard lock(pool.mutex);
        const auto warmest = std::find_if(pool.idle.rbegin(), pool.idle.rend(), [&](const item& each) {
          return now - each.checked_at >= pool.limits.keepalive;
        });
        if (warmest == pool.idle.rend()) return;
        held = std::move(*warmest);  // each goes to the cold end, so that all end in the order they had
        pool.idle.erase(std::next(warmest).base());
        ++pool.in_use;
      }
      const bool lives = alive(pool, held);
      ++done.checked;
      if (!lives) {
        ++done.dead;
        const std::lock_guard lock(pool.mutex);
        ++pool.counters.validation_failures;
      }
      held.checked_at = std::max(now, pool.clock.now());
      give_back(pool, std::move(held), lives, false);
    }
  }

  // Returns: whether one was made, and perhaps another is missing.
  static bool make_ready(state& pool, pool_upkeep& done) {
    item held;
    {
      const std::lock_guard lock(pool.mutex);
      if (pool.closed || pool.idle.size() + pool.in_use >= pool.limits.size_min) return false;
      held = empty_slot(pool);
      ++pool.counters.acquired;  // taken back below, or by not_filled()
    }
    try {
      fill(pool, held);
    } catch (...) {  // counted
      ++done.failed;
      return false;
    }
    ++done.made;
    held.idle_since = held.checked_at;
    give_back(pool, std::move(held), true, false);
    const std::lock_guard lock(pool.mutex);
    --pool.counters.acquired;
    return true;
  }

  std::shared_ptr<state> state_;  // never null; leases keep it alive
};

}  // namespace hasten
