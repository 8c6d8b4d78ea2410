// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_hash.hpp>
#include <hasten/cache/detail/brief_lock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// How often one key was asked for, as far as hot_keys knows.
/// Thread safety: thread-compatible.
template <class Key>
struct key_count {
  Key key;
  std::uint64_t count = 0;      ///< lookups; never less than were recorded for this key
  std::uint64_t error_max = 0;  ///< by how much `count` may be too high: what the key inherited from another
  std::uint64_t hits = 0;       ///< of the lookups recorded since the key is followed
  std::uint64_t misses = 0;     ///< likewise; hits + misses = count - error_max
};

/// The keys asked for most often, out of any number, in memory for `keys_max` of them (Space-Saving).
///
/// A key that was recorded more often than total() / keys_max is always among them, and no count is too high by more
/// than that; each one says its own bound. What is recorded may be a sample with weights: counts are then estimates
/// whose standard error is about the root of count times weight. The wrong tool for exact counts per key (that takes
/// memory for every key) and for the hit path itself: record() takes a lock and looks through all keys it follows.
///
/// Keys are copied and destroyed outside the lock; Equal runs under it and must not call back.
/// Thread safety: thread-safe.
///
///     hasten::hot_keys<std::string> busiest({.keys_max = 100});
///     busiest.record("claims:42", true);
///     for (const auto& each : busiest.top(10)) print(each.key, each.count, each.error_max);
template <class Key, class Hash = cache_hash<Key>, class Equal = std::equal_to<>>
class hot_keys {
 public:
  struct options {
    /// How many keys are followed; 1 to 4096. The error is one part in this many of all that was recorded.
    std::size_t keys_max = 128;
  };

  hot_keys() : hot_keys(options()) {}

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit hot_keys(options chosen) : keys_max_(checked(chosen).keys_max) {
    hashes_.reserve(keys_max_);
    counts_.reserve(keys_max_);
  }

  /// Counts `weight` lookups of `key` that were hits or misses.
  /// Throws: what copying a Key throws; then nothing was counted. Blocks on: the lock, for less than a microsecond.
  /// Complexity: linear in keys_max.
  template <class K>
  void record(const K& key, bool hit, std::uint64_t weight = 1) {
    const std::uint64_t hash = Hash{}(key);
    {
      const std::scoped_lock lock(mutex_);
      if (add_to_known(hash, key, hit, weight)) return;
    }
    Key fresh(key);           // outside the lock, as it may run the user's code
    std::optional<Key> gone;  // destroyed after the lock, for the same reason
    const std::scoped_lock lock(mutex_);
    if (add_to_known(hash, key, hit, weight)) return;
    total_ += weight;
    const std::uint64_t hits = hit ? weight : 0;
    if (counts_.size() < keys_max_) {
      counts_.push_back({std::move(fresh), weight, 0, hits, weight - hits});
      hashes_.push_back(hash);
      return;
    }
    const auto least = std::min_element(counts_.begin(), counts_.end(),
                                        [](const auto& a, const auto& b) { return a.count < b.count; });
    gone.emplace(std::exchange(least->key, std::move(fresh)));
    *least = {std::move(least->key), least->count + weight, least->count, hits, weight - hits};
    hashes_[static_cast<std::size_t>(least - counts_.begin())] = hash;
  }

  /// Returns: the `n` keys with the highest counts, the highest first. Throws: what copying a Key throws.
  [[nodiscard]] std::vector<key_count<Key>> top(std::size_t n) const {
    std::vector<key_count<Key>> all = copies();
    const auto higher = [](const auto& a, const auto& b) { return a.count > b.count; };
    n = std::min(n, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n), all.end(), higher);
    all.erase(all.begin() + static_cast<std::ptrdiff_t>(n), all.end());
    return all;
  }

  /// Returns: what is known of one key, or nothing if it is not followed: then its count is at most
  /// total() / keys_max.
  template <class K>
  [[nodiscard]] std::optional<key_count<Key>> find(const K& key) const {
    for (auto& each : copies())
      if (Equal{}(each.key, key)) return std::move(each);
    return std::nullopt;
  }

  /// Forgets one key; its count begins anew when it is next recorded. Returns: whether it was followed.
  template <class K>
  bool reset(const K& key) {
    const std::uint64_t hash = Hash{}(key);
    std::optional<key_count<Key>> gone;
    const std::scoped_lock lock(mutex_);
    const std::size_t at = place_of(hash, key);
    if (at == counts_.size()) return false;
    total_ -= counts_[at].hits + counts_[at].misses;  // what it inherited was others'
    std::swap(counts_[at], counts_.back());
    hashes_[at] = hashes_.back();
    gone.emplace(std::move(counts_.back()));
    counts_.pop_back();
    hashes_.pop_back();
    return true;
  }

  /// Forgets everything.
  void reset() {
    std::vector<key_count<Key>> gone;  // outlives the lock
    gone.reserve(keys_max_);
    const std::scoped_lock lock(mutex_);
    counts_.swap(gone);
    hashes_.clear();
    total_ = 0;
  }

  /// Returns: how many lookups were recorded since the last reset.
  [[nodiscard]] std::uint64_t total() const noexcept {
    const std::scoped_lock lock(mutex_);
    return total_;
  }

  /// Returns: the bytes that the keys followed take, without what they point to.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return keys_max_ * (sizeof(std::uint64_t) + sizeof(key_count<Key>));
  }

  /// Returns: by how much any count may be too high, at most.
  [[nodiscard]] std::uint64_t error_max() const noexcept { return total() / keys_max_; }

 private:
  static options checked(options chosen) {
    if (chosen.keys_max < 1 || chosen.keys_max > 4096)
      throw std::invalid_argument("hot_keys: keys_max must be 1..4096, got " +
                                  std::to_string(chosen.keys_max));
    return chosen;
  }

  // Under the lock.
  template <class K>
  [[nodiscard]] std::size_t place_of(std::uint64_t hash, const K& key) const {
    for (std::size_t at = 0; at < hashes_.size(); ++at)
      if (hashes_[at] == hash && Equal{}(counts_[at].key, key)) return at;
    return counts_.size();
  }

  // Under the lock. Returns: whether the key is one of those followed.
  template <class K>
  bool add_to_known(std::uint64_t hash, const K& key, bool hit, std::uint64_t weight) {
    const std::size_t at = place_of(hash, key);
    if (at == counts_.size()) return false;
    counts_[at].count += weight;
    (hit ? counts_[at].hits : counts_[at].misses) += weight;
    total_ += weight;
    return true;
  }

  // Copied under the lock all the same: for reports, which are rare. A Key's copy constructor must not call back.
  [[nodiscard]] std::vector<key_count<Key>> copies() const {
    std::vector<key_count<Key>> all;
    all.reserve(keys_max_);
    const std::scoped_lock lock(mutex_);
    all.assign(counts_.begin(), counts_.end());
    return all;
  }

  const std::size_t keys_max_;
  mutable detail::brief_lock mutex_;    // guards all below
  std::vector<std::uint64_t> hashes_;   // of the keys in counts_, looked through first
  std::vector<key_count<Key>> counts_;  // at most keys_max_
  std::uint64_t total_ = 0;
};

}  // namespace hasten
