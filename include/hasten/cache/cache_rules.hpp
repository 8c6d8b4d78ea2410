// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>

namespace hasten {

/// What a memory_cache may ask of each value before it is stored: the default asks nothing. A class of your own needs
/// only the members that matter; they run outside every lock, may throw, and then nothing is stored.
/// Thread safety: immutable.
///
///     struct report_rules {
///       std::uint64_t weight(const std::string& key, const report& value) const { return key.size() + value.bytes(); }
///       std::chrono::nanoseconds ttl(const report& value) const { return value.final ? 24h : 10s; }
///     };
///     hasten::memory_cache<std::string, report, hasten::cache_hash<std::string>, std::equal_to<>,
///                          hasten::steady_clock_source, report_rules>
///         reports({.entries_max = 10'000, .weight_max = 64 << 20});
struct no_rules {};

namespace detail {

/// Rules by which entries have a weight, in a unit of the user's choice; 0 is a weight as well.
template <class Rules, class Key, class Value>
concept weighs = requires(const Rules& rules, const Key& key, const Value& value) {
  { rules.weight(key, value) } -> std::convertible_to<std::uint64_t>;
};

/// Rules by which a value itself tells how long it is served; zero: for ever.
template <class Rules, class Value>
concept tells_ttl = requires(const Rules& rules, const Value& value) {
  { rules.ttl(value) } -> std::convertible_to<std::chrono::nanoseconds>;
};

}  // namespace detail

}  // namespace hasten
