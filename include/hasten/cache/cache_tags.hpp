// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_hash.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hasten {

/// What an entry of a cache belongs to besides its key, so that memory_cache::erase_tag() can drop all of a kind at once:
/// up to five names. A tag is kept as one of 4,095 numbers: two names may share one, and then erasing the one
/// erases the entries of the other as well. That costs loads, never correctness, and keeps the memory bounded.
/// Thread safety: immutable.
///
///     cache.put("claims:42", claim, 30min, {"payer:7", "provider:3"});
///     cache.erase_tag("payer:7");
class cache_tags {
 public:
  static constexpr std::size_t tags_max = 5;
  static constexpr unsigned bits = 12;

  constexpr cache_tags() noexcept = default;
  /// Throws: std::invalid_argument if there are more than five.
  cache_tags(std::initializer_list<std::string_view> names)
      : cache_tags(std::span(names.begin(), names.size())) {}
  explicit cache_tags(std::span<const std::string_view> names) {
    if (names.size() > tags_max)
      throw std::invalid_argument("cache_tags: tags must be 0..5, got " + std::to_string(names.size()));
    for (const std::string_view name : names) packed_ = packed_ << bits | number_of(name);
  }

  [[nodiscard]] constexpr bool empty() const noexcept { return packed_ == 0; }

  /// For those who keep it beside an entry: the numbers of all tags, twelve bits each.
  [[nodiscard]] constexpr std::int64_t packed() const noexcept { return static_cast<std::int64_t>(packed_); }
  /// Returns: 1 to 4,095.
  [[nodiscard]] static std::uint64_t number_of(std::string_view name) noexcept {
    constexpr std::uint64_t numbers = (std::uint64_t{1} << bits) - 1;
    return 1 + (cache_hash<std::string_view>{}(name)*detail::odd_bits[0] >> 32) % numbers;
  }

 private:
  std::uint64_t packed_ = 0;
};

}  // namespace hasten
