// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/arrival.hpp>
#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/cache_shard.hpp>
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
  entry_draft(Shard& home, const key_type& key, V&& value, std::int64_t weight)
      : home_(home), key_(key), weight_(weight) {
    if (home.needs_slot()) {
      slot_ = home.prepare(key, std::forward<V>(value));
    } else {
      value_ = std::addressof(value);
    }
  }
  entry_draft(const entry_draft&) = delete;
  entry_draft& operator=(const entry_draft&) = delete;
  ~entry_draft() {
    if (!stored_) home_.discard(slot_);
    home_.sweep(false);
  }

  /// Stores the entry. `Loaded` as for cache_shard::put(). Returns: as cache_shard::put().
  template <bool Loaded, class Now>
  stored store(std::uint32_t hash, const entry_terms& terms, Now&& now) {
    if (terms.ends()) home_.ready_timers();
    const stored outcome = home_.template put<Loaded>(hash, {key_, value_, slot_, weight_}, terms, now);
    stored_ = outcome == stored::yes;
    return outcome;
  }

  [[nodiscard]] const key_type& key() const noexcept { return key_; }
  [[nodiscard]] std::int64_t weight() const noexcept { return weight_; }

 private:
  Shard& home_;
  const key_type& key_;
  const std::int64_t weight_;
  const value_type* value_ = nullptr;  // where no slot is needed
  std::uint32_t slot_ = no_slot;
  bool stored_ = false;
};

}  // namespace hasten::detail
