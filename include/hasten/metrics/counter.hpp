// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/thread_shards.hpp>

#include <cstdint>

namespace hasten {

/// A number of events since the start; it never goes down. About a nanosecond to add to, from any thread.
///
/// Each thread that adds gets a cache line of its own. The wrong tool for what goes down again (a gauge), and
/// for a number that the program itself acts on: what a thread has just added, others see a moment later.
///
/// Thread safety: thread-safe.
///
///     hasten::counter rejected;
///     rejected.add();
///     std::cout << rejected.value();
class counter {
 public:
  counter() = default;

  /// Adds `n`. Blocks on: nothing.
  void add(std::uint64_t n = 1) noexcept { shards_.add(0, n); }

  /// Returns: all that was added, by every thread that is or was; never less than an answer before.
  [[nodiscard]] std::uint64_t value() const noexcept { return shards_.sum(0); }

 private:
  thread_shards shards_{1};
};

}  // namespace hasten
