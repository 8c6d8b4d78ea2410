// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace hasten::detail {

/// Estimates how often each key was asked for of late: a count-min sketch of 4-bit counters whose counts are
/// halved now and then (TinyLFU). The four counters of a key share one cache line, and a line is halved when
/// it is next touched, so no single call pays for all.
/// Thread safety: single-owner.
class frequency_sketch {
 public:
  static constexpr unsigned count_max = 15;

  /// `entries` is the most that resize() may ask for.
  explicit frequency_sketch(std::uint32_t entries)
      : blocks_(std::max<std::uint32_t>(1, (entries + entries_per_block - 1) / entries_per_block)),
        words_(std::make_unique<block[]>(blocks_)),
        ages_(std::make_unique<std::uint8_t[]>(blocks_)) {}

  /// Sets how many entries there are: counts are halved when ten times as many were counted.
  void resize(std::uint32_t entries) noexcept {
    sample_ = std::max<std::uint64_t>(10, 10 * std::uint64_t{entries});
  }

  void add(std::uint32_t hash, unsigned times = 1) noexcept {
    if (times == 0) return;
    const place where = locate(hash);
    bool counted = false;
    for (unsigned row = 0; row < 4; ++row) {
      std::uint64_t& word = where.words[where.word(row)];
      const unsigned shift = where.shift(row);
      const auto count = static_cast<unsigned>(word >> shift & 15);
      const unsigned room = std::min(times, count_max - count);
      word += std::uint64_t{room} << shift;
      counted |= room != 0;
    }
    if (counted) additions_ += times;
    if (additions_ >= sample_) {
      additions_ /= 2;
      ++age_;
    }
  }

  [[nodiscard]] unsigned estimate(std::uint32_t hash) noexcept {
    const place where = locate(hash);
    unsigned least = count_max;
    for (unsigned row = 0; row < 4; ++row)
      least = std::min(least, static_cast<unsigned>(where.words[where.word(row)] >> where.shift(row) & 15));
    return least;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return blocks_ * (sizeof(block) + 1); }

 private:
  static constexpr std::uint32_t entries_per_block = 8;  // 128 counters a line: 16 per entry, 8 bytes

  struct alignas(64) block {
    std::uint64_t words[8] = {};
  };

  // Row r owns words 2r and 2r+1: 32 counters, chosen by five bits of its own.
  struct place {
    std::uint64_t* words;
    std::uint64_t bits;
    [[nodiscard]] unsigned word(unsigned row) const noexcept {
      return row * 2 + static_cast<unsigned>(bits >> (row * 8) & 1);
    }
    [[nodiscard]] unsigned shift(unsigned row) const noexcept {
      return static_cast<unsigned>(bits >> (row * 8 + 1) & 15) * 4;
    }
  };

  place locate(std::uint32_t hash) noexcept {
    const std::uint64_t mixed = hash * 0x9e3779b97f4a7c15U;
    const auto index = static_cast<std::uint32_t>((mixed >> 32) * blocks_ >> 32);
    std::uint64_t* const words = words_[index].words;
    if (ages_[index] != age_) halve(words, ages_[index]);
    ages_[index] = age_;
    return {words, (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9U >> 24};
  }

  void halve(std::uint64_t* words, std::uint8_t seen) const noexcept {
    const auto missed = static_cast<std::uint8_t>(age_ - seen);
    for (unsigned times = std::min<unsigned>(missed, 4); times != 0; --times)
      for (unsigned i = 0; i < 8; ++i) words[i] = words[i] >> 1 & 0x7777777777777777U;
  }

  std::uint32_t blocks_;
  std::uint64_t sample_ = 10;
  std::uint64_t additions_ = 0;
  std::uint8_t age_ = 0;
  std::unique_ptr<block[]> words_;
  std::unique_ptr<std::uint8_t[]> ages_;  // the age at which each block was last brought up to date
};

}  // namespace hasten::detail
