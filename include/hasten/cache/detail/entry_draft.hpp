// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/entry_arrays.hpp>

#include <cstdint>
#include <utility>

namespace hasten::detail {

/// An entry of pinned cells, built outside the locks; destroys it if it is not stored, and sweeps what it displaced.
/// To be made before, and so to go after, any lock.
/// Thread safety: single-owner.
template <class Shard>
class entry_draft {
 public:
  template <class Key, class Value>
  entry_draft(Shard& home, const Key& key, Value&& value)
      : home_(home), slot_(home.prepare(key, std::forward<Value>(value))) {}
  entry_draft(const entry_draft&) = delete;
  entry_draft& operator=(const entry_draft&) = delete;
  ~entry_draft() {
    if (!stored_) home_.discard(slot_);
    home_.sweep(false);
  }

  /// `Loaded` as for cache_shard::put().
  template <bool Loaded = false, class Key, class Now>
  void store(std::uint32_t hash, const Key& key, entry_ends until, Now&& now) {
    stored_ = home_.template put_prepared<Loaded>(hash, key, slot_, until, now);
  }

 private:
  Shard& home_;
  const std::uint32_t slot_;
  bool stored_ = false;
};

}  // namespace hasten::detail
