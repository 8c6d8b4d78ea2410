// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string_view>

namespace hasten {

namespace detail {

/// Both halves of the 128-bit product, folded: spreads every bit of `a` and `b` over the whole result.
[[nodiscard]] constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) noexcept {
  __extension__ using wide = unsigned __int128;
  const wide product = static_cast<wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline constexpr std::uint64_t odd_bits[] = {0x9e3779b97f4a7c15U, 0xc2b2ae3d27d4eb4fU, 0x165667b19e3779f9U};

}  // namespace detail

/// The hash of keys in a cache: std::hash, but for texts a seeded one that also takes string_view and char*
/// for std::string, so that a lookup makes no string. With a secret seed, as memory_cache gives it, nobody
/// outside can make up texts that collide. Not stable between versions: never store it.
/// Thread safety: immutable.
template <class Key>
struct cache_hash : std::hash<Key> {};

template <class Key>
  requires std::convertible_to<const Key&, std::string_view>
struct cache_hash<Key> {
  using is_transparent = void;

  [[nodiscard]] std::size_t operator()(std::string_view text, std::uint64_t seed = 0) const noexcept {
    using detail::fold;
    using detail::odd_bits;
    const char* at = text.data();
    std::size_t left = text.size();
    seed ^= fold(left ^ odd_bits[0], seed ^ odd_bits[1]);
    for (; left > 16; left -= 16, at += 16) seed = fold(word(at) ^ odd_bits[2], word(at + 8) ^ seed);
    if (left >= 8) return fold(word(at) ^ odd_bits[0], word(at + left - 8) ^ seed);
    return fold(tail(at, left) ^ odd_bits[0], seed ^ odd_bits[1]);
  }

 private:
  static std::uint64_t word(const char* at) noexcept {
    std::uint64_t bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes;
  }
  // Fewer than eight bytes, without a loop: the pieces overlap, which the length in the seed tells apart.
  static std::uint64_t tail(const char* at, std::size_t size) noexcept {
    if (size >= 4) {
      std::uint32_t first;
      std::uint32_t last;
      std::memcpy(&first, at, sizeof first);
      std::memcpy(&last, at + size - 4, sizeof last);
      return std::uint64_t{first} << 32 | last;
    }
    if (size == 0) return 0;
    const auto byte = [&](std::size_t index) { return std::uint64_t{static_cast<unsigned char>(at[index])}; };
    return byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1);
  }
};

}  // namespace hasten
