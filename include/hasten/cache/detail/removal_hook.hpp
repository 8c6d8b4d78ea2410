// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/removal.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

namespace hasten::detail {

/// The listener of a cache, if it has one, and how often it failed.
/// Thread safety: thread-safe, but for set(), which has to come before the cache is used.
template <class Key, class Value>
class removal_hook {
 public:
  void set(removal_listener<Key, Value> listener) {
    listener_ = std::move(listener);
    listening_ = static_cast<bool>(listener_);
  }
  [[nodiscard]] bool listening() const noexcept { return listening_; }

  void tell(const Key& key, const Value& value, removal_cause cause) noexcept {
    try {
      listener_(key, value, cause);
    } catch (...) {
      ++failures_;  // what happens to those who are told of a change must not undo it
    }
  }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(); }

 private:
  bool listening_ = false;
  removal_listener<Key, Value> listener_;
  std::atomic<std::uint64_t> failures_ = 0;
};

}  // namespace hasten::detail
