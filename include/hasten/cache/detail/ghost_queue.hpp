// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hasten::detail {

/// Remembers the hashes of the last entries that left a queue, as many as the queue might have held besides: somebody
/// who asks for one of them would have hit, had the queue been so much longer. Of long queues only a sample of the hashes
/// is remembered, so that the memory is bounded. Now and then it forgets one too early or takes one for another.
/// Thread safety: single-owner.
class ghost_queue {
 public:
  /// `length_max` is the most that resize() may ask for.
  explicit ghost_queue(std::uint32_t length_max)
      : mask_(std::bit_ceil(4 * std::min(std::max(1U, length_max), sample_max)) - 1),
        places_(std::make_unique<place[]>(mask_ + std::size_t{1})) {}

  void resize(std::uint32_t length) noexcept {
    rate_ = std::bit_ceil((length + sample_max - 1) / sample_max);
    length_ = std::max<std::uint32_t>(2, length / rate_);
  }

  /// Returns: how many entries each remembered one stands for.
  [[nodiscard]] std::uint32_t rate() const noexcept { return rate_; }

  void add(std::uint32_t hash) noexcept {
    const std::uint32_t mixed = mix(hash);
    if (!sampled(mixed)) return;
    ++added_;
    places_[mixed & mask_] = {mark(mixed), added_};
  }

  /// Returns: whether `hash` is remembered; it is not any more.
  [[nodiscard]] bool take(std::uint32_t hash) noexcept {
    const std::uint32_t mixed = mix(hash);
    if (!sampled(mixed)) return false;
    place& at = places_[mixed & mask_];
    if (at.mark != mark(mixed) || static_cast<std::uint16_t>(added_ - at.added) >= length_) return false;
    at.mark = 0;
    return true;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return (mask_ + std::size_t{1}) * sizeof(place); }

 private:
  static constexpr std::uint32_t sample_max = 256;

  struct place {
    std::uint16_t mark = 0;  // 0: empty
    std::uint16_t added = 0;
  };

  [[nodiscard]] static std::uint32_t mix(std::uint32_t hash) noexcept {
    hash *= 0x9e3779b1U;
    return hash ^ hash >> 15;
  }
  [[nodiscard]] bool sampled(std::uint32_t mixed) const noexcept { return (mixed >> 10 & (rate_ - 1)) == 0; }
  [[nodiscard]] static std::uint16_t mark(std::uint32_t mixed) noexcept {
    return static_cast<std::uint16_t>(mixed >> 16 | 1);
  }

  std::uint32_t mask_;
  std::uint32_t rate_ = 1;
  std::uint32_t length_ = 2;
  std::uint16_t added_ = 0;
  std::unique_ptr<place[]> places_;
};

}  // namespace hasten::detail
