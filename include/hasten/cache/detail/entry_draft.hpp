// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/entry_columns.hpp>

#include <cstdint>
#include <memory>
#include <utility>

namespace hasten::detail {

/// An entry on its way into a shard, built outside the locks; destroys it if it is not stored, and sweeps what it
/// displaced. To be made before, and so to go after, any lock. Key and value have to outlive it.
/// Thread safety: single-owner.
template <class Shard>
class entry_draft {
 public:
  using key_type = typename Shard::key_type;
  using value_type = typename Shard::value_type;

  template <class V>
  entry_draft(Shard& home, const key_type& key, V&& value)
      : home_(home), key_(key), value_(std::addressof(value)) {
    if constexpr (!Shard::copies) slot_ = home.prepare(key, std::forward<V>(value));
  }
  entry_draft(const entry_draft&) = delete;
  entry_draft& operator=(const entry_draft&) = delete;
  ~entry_draft() {
    if constexpr (!Shard::copies)
      if (!stored_) home_.discard(slot_);
    home_.sweep(false);
  }

  /// Stores the entry. `Loaded` as for cache_shard::put().
  template <bool Loaded = false, class Now>
  void store(std::uint32_t hash, const entry_terms& terms, Now&& now) {
    if constexpr (Shard::copies)
      home_.template put<Loaded>(hash, key_, *value_, terms, now);
    else
      stored_ = home_.template put_prepared<Loaded>(hash, key_, slot_, terms, now);
  }

 private:
  Shard& home_;
  const key_type& key_;
  const value_type* const value_;  // moved from where it was built into a slot
  std::uint32_t slot_ = 0;
  bool stored_ = false;
};

}  // namespace hasten::detail
