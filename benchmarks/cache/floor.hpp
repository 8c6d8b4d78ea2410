// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hasten::bench {

/// The least that a concurrent table with lock-free readers has to do: one cache line per bucket, three
/// numbers in it, a version before and after. No eviction, no counts, no expiry; writers must be alone.
class seqlock_floor {
 public:
  explicit seqlock_floor(std::size_t entries) : buckets_(entries) {}

  bool get(std::uint64_t key, std::uint64_t& value) const noexcept {
    for (std::size_t index = home(key);; index = index + 1 == buckets_.size() ? 0 : index + 1) {
      const bucket& at = buckets_[index];
      for (;;) {
        const std::uint32_t version = at.version.load(std::memory_order_acquire);
        bool found = false;
        for (unsigned i = 0; i < 3; ++i)
          if (at.keys[i].load(std::memory_order_acquire) == key) {
            value = at.values[i].load(std::memory_order_acquire);
            found = true;
            break;
          }
        const bool full = at.full.load(std::memory_order_acquire);
        if ((version & 1) != 0 || at.version.load(std::memory_order_relaxed) != version) continue;
        if (found) return true;
        if (!full) return false;
        break;
      }
    }
  }

  void put(std::uint64_t key, std::uint64_t value) noexcept {
    for (std::size_t index = home(key);; index = index + 1 == buckets_.size() ? 0 : index + 1) {
      bucket& at = buckets_[index];
      while (lock_.test_and_set(std::memory_order_acquire)) {
      }
      for (unsigned i = 0; i < 3; ++i) {
        const std::uint64_t held = at.keys[i].load(std::memory_order_relaxed);
        if (held != key && held != none) continue;
        at.version.store(at.version.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        at.keys[i].store(key, std::memory_order_release);
        at.values[i].store(value, std::memory_order_release);
        at.version.store(at.version.load(std::memory_order_relaxed) + 1, std::memory_order_release);
        lock_.clear(std::memory_order_release);
        return;
      }
      at.full.store(true, std::memory_order_release);
      lock_.clear(std::memory_order_release);
    }
  }

 private:
  static constexpr std::uint64_t none = ~std::uint64_t{0};

  struct alignas(64) bucket {
    std::atomic<std::uint32_t> version = 0;
    std::atomic<bool> full = false;
    std::atomic<std::uint64_t> keys[3] = {none, none, none};
    std::atomic<std::uint64_t> values[3] = {};
  };

  [[nodiscard]] std::size_t home(std::uint64_t key) const noexcept {
    key *= 0x9e3779b97f4a7c15U;
    key ^= key >> 32;
    return static_cast<std::size_t>(((key & 0xffffffff) * buckets_.size()) >> 32);
  }

  std::vector<bucket> buckets_;
  std::atomic_flag lock_;
};

}  // namespace hasten::bench
