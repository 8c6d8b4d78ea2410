// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// One step of a schema's history: SQL that brings it from `version - 1` to `version`, and back.
struct migration {
  int version = 0;            ///< 1, 2, 3 … without a gap
  std::string name = {};      ///< short, shown to people
  std::string up = {};        ///< one or more statements, without BEGIN or COMMIT
  std::string down = {};      ///< undoes `up`; empty: it cannot be undone
  std::string checksum = {};  ///< of `up`; empty: migration_checksum(up)
};

/// A row of the history that a database keeps of itself.
struct applied_migration {
  int version = 0;
  std::string name = {};
  std::string checksum = {};
  std::int64_t applied_at_ms = 0;  ///< unix milliseconds, UTC
  std::int64_t duration_us = 0;
};

/// Guards against an edited migration, not against malice: 64 bits over the text, blind to the byte order
/// mark, to line endings and to blanks at the end of a line, which version control and editors change on
/// their own.
[[nodiscard]] inline std::string migration_checksum(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ull;
  const auto add = [&hash](char each) {
    hash = (hash ^ static_cast<unsigned char>(each)) * 1099511628211ull;
  };
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (text.find_last_of("\n\r\t ") == text.size() - 1 && !text.empty()) text.remove_suffix(1);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
      line.remove_suffix(1);
    for (const char each : line) add(each);
    add('\n');
  }
  std::string digits(16, '0');
  for (std::size_t at = digits.size(); at-- > 0; hash >>= 4) digits[at] = "0123456789abcdef"[hash & 15];
  return digits;
}

/// Returns: the checksum the migration declares, or else the one of its `up` text.
[[nodiscard]] inline std::string checksum_of(const migration& step) {
  return step.checksum.empty() ? migration_checksum(step.up) : step.checksum;
}

/// Which direction a plan leads, and through which steps.
struct migration_plan {
  bool up = true;
  std::vector<const migration*> steps = {};  ///< in the order of execution; point into the span planned from
};

namespace detail {

[[noreturn]] inline void refuse_migration(const std::string& sentence) {
  throw error(errc::migration_refused, "migrations: " + sentence);
}

inline void check_known(std::span<const migration> known) {
  for (std::size_t at = 0; at < known.size(); ++at) {
    const int expected = static_cast<int>(at) + 1;
    const std::string version = std::to_string(known[at].version);
    if (at > 0 && known[at].version == known[at - 1].version)
      refuse_migration("version " + version + " occurs twice");
    if (known[at].version != expected)
      refuse_migration("version " + std::to_string(expected) + " is missing before " + version);
    if (known[at].name.empty()) refuse_migration("version " + version + " has no name");
    if (known[at].up.empty()) refuse_migration("version " + version + " does nothing");
  }
}

inline void check_applied(std::span<const migration> known, std::span<const applied_migration> applied) {
  for (std::size_t at = 0; at < applied.size(); ++at) {
    const int expected = static_cast<int>(at) + 1;
    const std::string version = std::to_string(applied[at].version);
    if (applied[at].version != expected)
      refuse_migration("the database has version " + version + " but not " + std::to_string(expected));
    if (at >= known.size())
      refuse_migration("the database has version " + version + ", which this program does not know");
    if (applied[at].checksum != checksum_of(known[at]))
      refuse_migration("version " + version + " was changed after it had been applied");
  }
}

}  // namespace detail

/// Stands for the newest known version.
inline constexpr int migration_newest = -1;

/// Compares what a program knows with what a database has, and tells the steps that lead to `target`.
///
/// `known` must be ordered by version, 1, 2, 3 …; `applied` likewise.
/// Throws: error(errc::migration_refused) for a gap or a duplicate in `known`, an applied version that is
/// unknown or was changed since, a gap in `applied`, a target out of range, or a way back through a step that
/// cannot be undone.
[[nodiscard]] inline migration_plan plan_migrations(std::span<const migration> known,
                                                    std::span<const applied_migration> applied,
                                                    int target = migration_newest) {
  detail::check_known(known);
  detail::check_applied(known, applied);
  const int newest = static_cast<int>(known.size());
  if (target == migration_newest) target = newest;
  if (target < 0 || target > newest)
    detail::refuse_migration("target must be 0.." + std::to_string(newest) + ", got " +
                             std::to_string(target));
  const int current = static_cast<int>(applied.size());
  migration_plan plan{.up = target >= current, .steps = {}};
  for (int version = current + 1; version <= target; ++version)
    plan.steps.push_back(&known[static_cast<std::size_t>(version) - 1]);
  for (int version = current; version > target; --version) {
    const migration& step = known[static_cast<std::size_t>(version) - 1];
    if (step.down.empty())
      detail::refuse_migration("version " + std::to_string(version) + " cannot be undone");
    plan.steps.push_back(&step);
  }
  return plan;
}

}  // namespace hasten
