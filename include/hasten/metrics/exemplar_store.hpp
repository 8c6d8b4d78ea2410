// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/exemplar.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// Keeps one recent observation, with its trace, for each bucket by which durations are exposed.
///
/// An observation is taken when the one kept in its bucket is old; all others cost a comparison for each bucket, a few
/// nanoseconds together. Memory is fixed, and taken with the first. The wrong tool for every slow request: that is what a
/// slow_log or a sampler of traces keeps.
///
/// Thread safety: thread-safe.
///
///     hasten::exemplar_store examples(std::chrono::seconds(1));
///     examples.offer(took, trace_id, clock.now(), wall);
///     sink.exemplars(examples.kept());                   // then the distribution that they are of
class exemplar_store {
 public:
  /// `every` is the least age at which an example is replaced; with zero none is kept.
  /// Throws: std::invalid_argument if it is negative.
  explicit exemplar_store(std::chrono::nanoseconds every)
      : every_(std::chrono::duration_cast<steady_time::duration>(every).count()) {
    if (every.count() < 0)
      throw std::invalid_argument("exemplar_store: every must not be negative, got " +
                                  std::to_string(every.count()) + " ns");
  }
  exemplar_store(const exemplar_store&) = delete;
  exemplar_store& operator=(const exemplar_store&) = delete;
  ~exemplar_store() { delete state_.load(); }

  /// Keeps the observation if its bucket is due and `trace_id` has exemplar::trace_id_size bytes; `wall` is asked for the
  /// time only then. Blocks on: nothing; while another thread keeps or reads one, it is let go.
  template <class WallClock>
  void offer(std::uint64_t value, std::string_view trace_id, steady_time now,
             const WallClock& wall) noexcept {
    if (every_ == 0 || trace_id.size() != exemplar::trace_id_size) return;
    // acquire: pairs with the exchange in first(), so the state is seen as it was made
    state* const kept = state_.load(std::memory_order_acquire);
    const std::size_t bucket = bucket_of(value);
    // relaxed: a stale reading costs or saves one example; what is kept is guarded by the lock
    if (kept != nullptr && now.time_since_epoch().count() < kept->due[bucket].load(std::memory_order_relaxed))
        [[likely]]
      return;
    keep(kept, bucket, {.value = value, .at = wall.now()}, trace_id, now);
  }

  /// Returns: what is kept, by ascending value. Throws: std::bad_alloc. Blocks on: a short lock.
  [[nodiscard]] std::vector<exemplar> kept() const {
    std::vector<exemplar> out;
    const state* const all = state_.load(std::memory_order_acquire);  // acquire: as in offer()
    if (all == nullptr) return out;
    out.reserve(buckets);
    const std::lock_guard lock(all->mutex);
    for (const exemplar& each : all->examples)
      if (each.trace_id_digits.front() != '\0') out.push_back(each);
    return out;
  }

 private:
  // Those of bucket_bounds::seconds(). A page with other bounds finds the examples by their values.
  static constexpr std::array<std::uint64_t, 19> bounds = {
      100'000,       250'000,       500'000,       1'000'000,     2'500'000,     5'000'000,   10'000'000,
      25'000'000,    50'000'000,    75'000'000,    100'000'000,   250'000'000,   500'000'000, 750'000'000,
      1'000'000'000, 2'500'000'000, 5'000'000'000, 7'500'000'000, 10'000'000'000};
  static constexpr std::size_t buckets = bounds.size() + 1;

  struct state {
    state() {
      // relaxed: nobody else is here before it is stored
      for (auto& each : due) each.store(std::numeric_limits<std::int64_t>::min(), std::memory_order_relaxed);
    }
    std::array<std::atomic<std::int64_t>, buckets> due;
    mutable std::mutex mutex;                  // guards what follows
    std::array<exemplar, buckets> examples{};  // without a trace until there is one
  };

  // Counted, not searched: no branch is mispredicted.
  static std::size_t bucket_of(std::uint64_t value) noexcept {
    std::size_t bucket = 0;
    for (const std::uint64_t bound : bounds) bucket += value > bound ? 1U : 0U;
    return bucket;
  }

  [[gnu::noinline]] void keep(state* into, std::size_t bucket, exemplar example, std::string_view trace_id,
                              steady_time now) noexcept {
    if (into == nullptr) into = first();
    if (into == nullptr) return;  // no memory: an example less
    const std::unique_lock lock(into->mutex, std::try_to_lock);
    if (!lock.owns_lock()) return;
    // relaxed: as in offer()
    into->due[bucket].store(now.time_since_epoch().count() + every_, std::memory_order_relaxed);
    std::ranges::copy(trace_id, example.trace_id_digits.begin());
    into->examples[bucket] = example;
  }

  state* first() noexcept {
    state* const made = new (std::nothrow) state;
    if (made == nullptr) return nullptr;
    state* seen = nullptr;
    if (state_.compare_exchange_strong(seen, made)) return made;
    delete made;
    return seen;
  }

  const std::int64_t every_;  // in ticks of steady_time
  std::atomic<state*> state_{nullptr};
};

}  // namespace hasten
