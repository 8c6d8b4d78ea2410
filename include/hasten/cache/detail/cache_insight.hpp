// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/hot_keys.hpp>
#include <hasten/cache/memory_cache_options.hpp>
#include <hasten/cache/miss_ratio_curve.hpp>
#include <hasten/cache/namespace_stats.hpp>
#include <hasten/core/clock.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace hasten::detail {

/// What a cache knows of its keys beyond sums: hot ones, namespaces, other sizes. Fed with samples, so that a lookup
/// which is not one pays for two comparisons. What goes wrong here is counted and changes nothing else.
/// Thread safety: thread-safe.
template <class Key, class Hash, class Equal>
class cache_insight {
 public:
  static constexpr bool has_names = std::convertible_to<const Key&, std::string_view>;

  cache_insight(const memory_cache_options& cache, std::size_t cache_bytes)
      : sample_(cache.insight.sample_every) {
    const insight_options& chosen = cache.insight;
    if (chosen.hot_keys_max != 0) hot_.emplace(typename keys::options{.keys_max = chosen.hot_keys_max});
    if constexpr (has_names)
      if (chosen.namespaces_max != 0)
        names_.emplace(namespace_stats::options{.names_max = chosen.namespaces_max});
    if (!chosen.miss_ratios) return;
    const std::size_t memory = std::clamp<std::size_t>(cache_bytes / 100, 8192, 256 * 1024);
    curve_.emplace(
        miss_ratio_curve::options{.entries_max = cache.entries_max, .memory_max = memory, .ttl = cache.ttl});
    mask_ = curve_->mask();
  }

  /// Whether lookups are to be sampled by their number.
  [[nodiscard]] bool samples_lookups() const noexcept { return hot_ || names_; }
  /// Whether all lookups of this key are to be told.
  [[nodiscard]] bool follows(std::uint64_t hash) const noexcept { return (hash & mask_) == 0; }

  /// A lookup that is the reader's next sample (`drawn`), or of a key that it follows. Off the hit path.
  template <class K, class Clock>
  [[gnu::noinline]] void looked_up(reader_record& reader, std::uint64_t hash, const K& key, bool hit,
                                   bool drawn, const Clock& clock) noexcept {
    try {
      if (curve_ && follows(hash) && !(hit && reader.sampler.repeats(static_cast<std::uint32_t>(hash))))
        curve_->looked_up(hash, clock.now());
      if (!drawn) return;
      const std::uint64_t weight = reader.sampler.draw_next(hit, sample_, clock.now());
      if (hot_) hot_->record(key, hit, weight);
      if constexpr (has_names)
        if (names_) names_->lookup(key, hit, weight);
    } catch (...) {
      ++lost_;
    }
  }

  void stored(std::uint64_t hash, steady_time now, steady_time until, bool loaded) noexcept {
    if (curve_ && follows(hash)) [[unlikely]]
      curve_->stored(hash, now, until, loaded);
  }
  void erased(std::uint64_t hash) noexcept {
    if (curve_ && follows(hash)) [[unlikely]]
      curve_->erased(hash);
  }
  void cleared() {
    if (curve_) curve_->cleared();
  }

  /// A load has ended, of one key or of several.
  template <class K>
  void loaded([[maybe_unused]] const K& key, [[maybe_unused]] bool succeeded) noexcept {
    if constexpr (has_names) {
      if (!names_) return;
      try {
        if constexpr (std::convertible_to<const K&, std::string_view>)
          names_->load(key, succeeded);
        else
          for (const auto& each : key) names_->load(each, succeeded);
      } catch (...) {
        ++lost_;
      }
    }
  }

  template <class K>
  [[nodiscard]] std::optional<key_count<Key>> of(const K& key) const {
    return hot_ ? hot_->find(key) : std::nullopt;
  }
  [[nodiscard]] std::vector<key_count<Key>> hottest(std::size_t n) const {
    return hot_ ? hot_->top(n) : std::vector<key_count<Key>>();
  }
  [[nodiscard]] std::vector<namespace_count> namespaces() const {
    return names_ ? names_->all() : std::vector<namespace_count>();
  }
  [[nodiscard]] miss_ratio_estimate miss_ratios(std::uint64_t hits, std::uint64_t misses) const {
    return curve_ ? curve_->estimate(hits, misses) : miss_ratio_estimate();
  }
  /// Returns: how many samples were lost for want of memory.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

  template <class K>
  bool reset(const K& key) {
    return hot_ && hot_->reset(key);
  }
  void reset() {
    if (hot_) hot_->reset();
    if (names_) names_->reset();
    if (curve_) curve_->reset();
  }

  [[nodiscard]] std::size_t bytes() const noexcept {
    return (hot_ ? hot_->bytes() : 0) + (names_ ? names_->bytes() : 0) + (curve_ ? curve_->bytes() : 0);
  }

 private:
  using keys = hot_keys<Key, Hash, Equal>;

  const std::size_t sample_;
  std::uint64_t mask_ = ~std::uint64_t{0};  // follows nothing but a hash of zero
  std::optional<keys> hot_;
  std::optional<namespace_stats> names_;
  std::optional<miss_ratio_curve> curve_;
  std::atomic<std::uint64_t> lost_ = 0;
};

}  // namespace hasten::detail
