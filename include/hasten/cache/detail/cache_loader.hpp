// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_stats.hpp>
#include <hasten/cache/detail/entry_columns.hpp>
#include <hasten/cache/detail/task_gate.hpp>
#include <hasten/cache/load_executor.hpp>
#include <hasten/cache/load_outcome.hpp>
#include <hasten/cache/memory_cache_options.hpp>
#include <hasten/cache/single_flight.hpp>
#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/metrics/histogram.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten::detail {

/// The loads of a memory_cache: one for each key at a time, outside every lock, whose result goes to the store unless
/// the key was invalidated meanwhile. `Watch` is told of every load that ends.
/// Thread safety: thread-safe.
template <class Key, class Value, class Equal, class Store, class Watch>
class cache_loader {
 public:
  using flights = single_flight<Key, Value, Equal>;
  using flight_ptr = typename flights::flight_ptr;

  cache_loader(Store& store, Watch& watch)
      : store_(store), watch_(watch), flights_(std::make_unique<flights[]>(store.shard_count())) {}
  cache_loader(const cache_loader&) = delete;
  cache_loader& operator=(const cache_loader&) = delete;
  /// Blocks on: loads that an executor runs just now. Those not begun yet will not be.
  ~cache_loader() { gate_->close(); }

  /// Loads of `key` that are under way still serve those who wait, but are not kept.
  template <class K>
  void forget(std::uint64_t hash, const K& key) {
    flights_of(hash).forget(key);
  }
  template <class Matches>
  void forget_if(Matches&& matches) {
    for (std::size_t index = 0; index < store_.shard_count(); ++index) flights_[index].forget_if(matches);
  }

  /// Returns: the value that `load` returns to this caller or to one who came first.
  template <class K, class Load>
  Value load_once(std::uint64_t hash, const K& key, Load&& load) {
    const steady_time until = flights::deadline(store_.options().load_wait);
    for (;;) {
      const auto place = flights_of(hash).join(key);
      if (place.leads) return lead(hash, key, load, place.trip, false);
      if (std::optional<Value> value = flights::outcome(*place.trip, until)) return *std::move(value);
    }
  }

  /// Returns: how a flight has ended, for one who is called back.
  [[nodiscard]] static load_outcome<Value> outcome_of(const typename flights::flight& trip) noexcept {
    load_outcome<Value> outcome{std::nullopt, trip.failure()};
    try {
      if (!outcome.failure && !trip.value())
        throw error(errc::closed, "loading a value that a load of many keys did not find");
      outcome.value = trip.value();
    } catch (...) {
      outcome.failure = std::current_exception();  // the value could not be copied, if nothing else
    }
    return outcome;
  }

  /// Has `load` run by `executor` and `done(const flight&)` called when its flight, or that of who came first, has ended.
  template <class K, class Load, class Executor, class Done>
  void load_later(std::uint64_t hash, const K& key, Load&& load, Executor& executor, Done&& done) {
    const auto place = flights_of(hash).join_later(key);
    try {
      flights::watch(*place.trip, std::forward<Done>(done));
    } catch (...) {
      if (place.leads) flights_of(hash).fail(place.trip, std::current_exception());
      throw;
    }
    if (place.leads) submit(hash, key, std::forward<Load>(load), place.trip, executor, false);
  }

  /// Has `load` fetch a newer value of an entry that is due, unless somebody does, or it failed a moment ago.
  template <class K, class Load, class Executor>
  void renew_later(std::uint64_t hash, const K& key, Load&& load, Executor& executor) {
    if (now_ticks() < renew_not_before_.load()) return;
    const auto place = flights_of(hash).join_later(key);
    if (place.leads) submit(hash, key, std::forward<Load>(load), place.trip, executor, true);
  }

  /// Fills the gaps of `values` by one call of `load`, but for those that others load already: waits for them.
  /// The keys at the places `missing` differ.
  template <class Keys, class Load>
  void load_all(const Keys& keys, const std::vector<std::size_t>& missing,
                std::vector<std::optional<Value>>& values, Load&& load) {
    const steady_time until = flights::deadline(store_.options().load_wait);
    std::vector<ticket> mine;
    std::vector<ticket> others;
    std::vector<Key> wanted;
    mine.reserve(missing.size());
    others.reserve(missing.size());
    wanted.reserve(missing.size());
    try {
      for (const std::size_t place : missing) board(keys[place], place, mine, others, wanted, values);
      if (!mine.empty()) load_mine(mine, wanted, values, std::forward<Load>(load));
    } catch (...) {
      for (const ticket& each : mine)
        if (each.trip) flights_of(each.hash).fail(each.trip, std::current_exception());
      throw;
    }
    for (const ticket& each : others) values[each.place] = flights::outcome(*each.trip, until);
  }

  /// Adds what is known of loads to `sum`.
  void add_counts(cache_stats& sum) const noexcept {
    sum.loads = loads_.load();
    sum.load_failures = load_failures_.load();
    sum.stale_served = stale_served_.load();
    sum.refreshes = refreshes_.load();
    sum.refresh_failures = refresh_failures_.load();
    sum.load_time = std::chrono::nanoseconds(load_time_.load());
  }
  [[nodiscard]] histogram_snapshot load_times() const { return load_times_.snapshot(); }
  [[nodiscard]] std::size_t bytes() const noexcept {
    return sizeof(*this) + store_.shard_count() * sizeof(flights);
  }

 private:
  struct ticket {
    std::uint64_t hash;
    std::size_t place;
    flight_ptr trip;
  };

  /// A load handed to an executor. Destroyed without having run, it fails those who wait for it.
  template <class Load>
  class errand {
   public:
    errand(cache_loader& loader, std::uint64_t hash, Key key, Load load, flight_ptr trip, bool renews)
        : loader_(&loader),
          gate_(loader.gate_),
          trip_(std::move(trip)),
          hash_(hash),
          renews_(renews),
          key_(std::move(key)),
          load_(std::move(load)) {}
    errand(errand&&) noexcept(std::is_nothrow_move_constructible_v<Key> &&
                              std::is_nothrow_move_constructible_v<Load>) = default;
    errand& operator=(errand&&) = delete;
    ~errand() {
      // While submit() is left by an exception, it has a better reason to give to those who wait.
      if (!trip_ || std::uncaught_exceptions() != exceptions_) return;
      const std::exception_ptr failure = dropped();
      if (gate_->enter()) {
        loader_->flights_of(hash_).fail(trip_, failure);
        gate_->leave();
      } else {
        flights::fail_orphan(*trip_, failure);
      }
    }

    void operator()() {
      if (!gate_->enter()) return;
      const flight_ptr trip = std::move(trip_);
      loader_->flights_of(hash_).take_off(trip);
      loader_->lead_quietly(hash_, key_, load_, trip, renews_);
      gate_->leave();
    }

   private:
    static std::exception_ptr dropped() noexcept {
      try {
        throw error(errc::closed, "loading a value on an executor that dropped the task");
      } catch (...) {
        return std::current_exception();  // that, or that there is no memory to say so
      }
    }

    cache_loader* loader_;  // only inside the gate
    std::shared_ptr<task_gate> gate_;
    flight_ptr trip_;
    std::uint64_t hash_;
    bool renews_;
    int exceptions_ = std::uncaught_exceptions();
    Key key_;
    Load load_;
  };

  [[nodiscard]] flights& flights_of(std::uint64_t hash) noexcept { return flights_[store_.shard_of(hash)]; }
  [[nodiscard]] std::int64_t now_ticks() const noexcept {
    return store_.clock().now().time_since_epoch().count();
  }

  template <class K, class Load, class Executor>
  void submit(std::uint64_t hash, const K& key, Load&& load, const flight_ptr& trip, Executor& executor,
              bool renews) {
    try {
      run_on(executor, unique_function<void()>(errand<std::decay_t<Load>>(
                           *this, hash, Key(key), std::forward<Load>(load), trip, renews)));
    } catch (...) {
      flights_of(hash).fail(trip, std::current_exception());
      if (renews) note_failed_renewal();
    }
  }

  template <class Load>
  void lead_quietly(std::uint64_t hash, const Key& key, Load& load, const flight_ptr& trip,
                    bool renews) noexcept {
    try {
      static_cast<void>(lead(hash, key, load, trip, renews));
    } catch (...) {
      if (renews) note_failed_renewal();  // whoever waits has been told by the flight
    }
  }

  void note_failed_renewal() noexcept {
    ++refresh_failures_;
    const std::int64_t pause = store_.options().stale_retry.count();
    const std::int64_t now = now_ticks();
    renew_not_before_.store(pause >= never - now ? never : now + pause);
  }

  /// Does the work of a flight, to its end.
  template <class K, class Load>
  Value lead(std::uint64_t hash, const K& key, Load&& load, const flight_ptr& trip, bool renews) {
    try {
      // The load that this caller just missed may have been kept before it boarded.
      if (std::optional<Value> kept = renews ? std::nullopt : store_.peek(hash, key, false)) {
        flights_of(hash).settle(trip, *kept, [] {});
        return *std::move(kept);
      }
      std::optional<entry_terms> terms;
      std::optional<Value> value = load_or_stale(hash, key, load, terms, renews);
      if (terms)
        keep(hash, Key(key), *value, *terms, trip, renews);
      else
        flights_of(hash).settle(trip, *value, [] {});
      return *std::move(value);
    } catch (...) {
      flights_of(hash).fail(trip, std::current_exception());
      throw;
    }
  }

  /// Returns: what `load` returned, with its terms; or the old value that stands in for it, without.
  template <class K, class Load>
  std::optional<Value> load_or_stale(std::uint64_t hash, const K& key, Load& load,
                                     std::optional<entry_terms>& terms, bool renews) {
    stopwatch watch(*this);
    try {
      auto loaded = load();
      const std::chrono::nanoseconds took = watch.succeeded(key);
      if (renews) ++refreshes_;
      std::optional<Value> value;
      terms = take(std::move(loaded), value, took);
      return value;
    } catch (...) {
      watch.failed(key);
      std::optional<Value> old = stale(hash, key, renews);
      if (!old) throw;
      if (renews)
        note_failed_renewal();
      else
        ++stale_served_;
      return old;
    }
  }

  /// Takes the value out of what a loader returned for one key. Returns: its terms.
  template <class Loaded>
  entry_terms take(Loaded&& loaded, std::optional<Value>& value, std::chrono::nanoseconds took) {
    if constexpr (names_its_ttl<std::remove_cvref_t<Loaded>> &&
                  !std::is_same_v<std::remove_cvref_t<Loaded>, Value>) {
      entry_terms terms = store_.terms_for(loaded.ttl, took);
      store_.tag(terms, loaded.tags);
      value.emplace(std::move(loaded).value);
      return terms;
    } else {
      value.emplace(std::forward<Loaded>(loaded));  // emplace: it may be a nullopt
      return store_.terms_of(*value, took);
    }
  }

  /// Returns: the value that may stand in for one that cannot be loaded.
  template <class K>
  std::optional<Value> stale(std::uint64_t hash, const K& key, bool renews) {
    if (!renews && store_.options().stale_max == std::chrono::nanoseconds::zero()) return std::nullopt;
    std::optional<Value> old = store_.peek(hash, key, true);
    if (old && !store_.extend(hash, key, store_.options().stale_retry)) old.reset();
    return old;
  }

  void keep(std::uint64_t hash, const Key& key, const Value& value, const entry_terms& terms,
            const flight_ptr& trip, bool renews) {
    auto entry = store_.prepare(hash, key, value);
    flights_of(hash).settle(trip, value, [&] {
      if (renews)
        store_.renew(entry, hash, terms);
      else
        store_.keep(entry, hash, terms);
    });
  }

  template <class K>
  void board(const K& key, std::size_t place, std::vector<ticket>& mine, std::vector<ticket>& others,
             std::vector<Key>& wanted, std::vector<std::optional<Value>>& values) {
    decltype(auto) looked_up = Store::lookup_key(key);
    const std::uint64_t hash = store_.hash(looked_up);
    auto boarding = flights_of(hash).join(looked_up);
    if (!boarding.leads) {
      others.push_back({hash, place, std::move(boarding.trip)});
      return;
    }
    mine.push_back({hash, place, std::move(boarding.trip)});
    if ((values[place] = store_.peek(hash, looked_up, false))) {  // as in lead()
      flights_of(hash).settle(mine.back().trip, *values[place], [] {});
      mine.pop_back();
    } else {
      wanted.emplace_back(key);
    }
  }

  template <class Load>
  void load_mine(std::vector<ticket>& mine, const std::vector<Key>& wanted,
                 std::vector<std::optional<Value>>& values, Load&& load) {
    stopwatch watch(*this);
    try {
      auto loaded = std::forward<Load>(load)(std::span<const Key>(wanted));
      HASTEN_EXPECTS(loaded.size() == wanted.size(), "a bulk loader answers for each key it was given");
      const std::chrono::nanoseconds took = watch.succeeded(wanted);
      for (std::size_t i = 0; i < mine.size(); ++i) {
        auto& value = values[mine[i].place];
        if (!loaded[i]) {
          flights_of(mine[i].hash).abandon(mine[i].trip);
        } else {
          const entry_terms terms = take(*std::move(loaded[i]), value, took);
          keep(mine[i].hash, wanted[i], *value, terms, mine[i].trip, false);
        }
        mine[i].trip.reset();
      }
    } catch (...) {
      watch.failed(wanted);
      bool all = true;
      for (std::size_t i = 0; i < mine.size(); ++i) {
        if (!mine[i].trip) continue;
        auto& value = values[mine[i].place] = stale(mine[i].hash, wanted[i], false);
        if (!value) {
          all = false;
          continue;
        }
        ++stale_served_;
        flights_of(mine[i].hash).settle(mine[i].trip, *value, [] {});
        mine[i].trip.reset();
      }
      if (!all) throw;
    }
  }

  /// Times a load and counts how it ended, once.
  class stopwatch {
   public:
    explicit stopwatch(cache_loader& loader) noexcept
        : loader_(loader), start_(loader.store_.clock().now()) {}

    template <class Keys>
    std::chrono::nanoseconds succeeded(const Keys& keys) {
      counted_ = true;
      const std::chrono::nanoseconds took = stop();
      ++loader_.loads_;
      loader_.watch_.loaded(keys, true);
      return took;
    }
    template <class Keys>
    void failed(const Keys& keys) {
      if (counted_) return;  // the loader did not fail, but what came after it
      stop();
      ++loader_.load_failures_;
      loader_.watch_.loaded(keys, false);
    }

   private:
    std::chrono::nanoseconds stop() const noexcept {
      const std::chrono::nanoseconds took = loader_.store_.clock().now() - start_;
      loader_.load_time_.fetch_add(took.count());
      loader_.load_times_.record(took);
      return took;
    }

    cache_loader& loader_;
    const steady_time start_;
    bool counted_ = false;
  };

  Store& store_;
  Watch& watch_;
  // One for each shard, whose lock comes after theirs.
  const std::unique_ptr<flights[]> flights_;
  const std::shared_ptr<task_gate> gate_ = std::make_shared<task_gate>();
  std::atomic<std::uint64_t> loads_ = 0;
  std::atomic<std::uint64_t> load_failures_ = 0;
  std::atomic<std::uint64_t> stale_served_ = 0;
  std::atomic<std::uint64_t> refreshes_ = 0;
  std::atomic<std::uint64_t> refresh_failures_ = 0;
  std::atomic<std::int64_t> load_time_ = 0;  // nanoseconds
  std::atomic<std::int64_t> renew_not_before_ = std::numeric_limits<std::int64_t>::min();
  histogram load_times_{{.threads_max = 0}};  // shared by all threads: a load costs more than that
};

}  // namespace hasten::detail
