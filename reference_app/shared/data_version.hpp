// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <atomic>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace claims_app {

/// Counts the writes to the claims. Whoever caches what is computed from many claims puts the count into its
/// key: a load that began before a write then ends under a key that nobody asks for any more, however late
/// it ends, and a write is visible at once without waiting for anyone. Thread safety: thread-safe.
class data_version {
 public:
  /// To be called after the commit and before the client hears of it.
  void bump() noexcept { ++count_; }

  /// Adds the count to a key. The key must be made before the data is read.
  void add_to(cache_key& key) const {
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, count_.load(), 16).ptr;
    key.add({digits, static_cast<std::size_t>(end - digits)});
  }

 private:
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace claims_app
