// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

class monitored_session;  // only named here: what runs a step written in C++ is the adapter's

/// One step of a schema's history: SQL or C++ that brings it from the version before to `version`, and back.
/// A program that supports several databases keeps one list for each.
struct migration {
  int version = 0;            ///< 1, 2, 3 …; gaps only where out_of_order::apply is chosen
  std::string name = {};      ///< short, shown to people
  std::string up = {};        ///< one or more statements, without BEGIN or COMMIT
  std::string down = {};      ///< undoes `up`; empty, and no `down_code`: it cannot be undone
  std::string checksum = {};  ///< empty: migration_checksum() of `up`, or of the name for a step in C++
  std::function<void(monitored_session&)> up_code = {};    ///< instead of `up`, for what SQL cannot say
  std::function<void(monitored_session&)> down_code = {};  ///< instead of `down`
  /// Runs outside a transaction, as CREATE INDEX CONCURRENTLY and VACUUM must; the same as the comment
  /// `-- hasten: no_transaction` before the first statement. A crash may run such a step twice: write it so
  /// that this does no harm (IF NOT EXISTS).
  bool no_transaction = false;
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

/// Returns: the checksum the migration declares, or else the one of its `up` text, or else of its name.
[[nodiscard]] inline std::string checksum_of(const migration& step) {
  if (!step.checksum.empty()) return step.checksum;
  return migration_checksum(step.up.empty() ? step.name : step.up);
}

[[nodiscard]] inline bool can_be_undone(const migration& step) {
  return !step.down.empty() || static_cast<bool>(step.down_code);
}

/// Returns: whether the step asks to run outside a transaction, by its field or by the comment in the text
/// for that direction.
[[nodiscard]] inline bool runs_without_transaction(const migration& step, bool up) {
  if (step.no_transaction) return true;
  std::string_view text = up ? step.up : step.down;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) continue;
    line = line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
    if (!line.starts_with("--")) return false;
    line.remove_prefix(std::min(line.find_first_not_of("- \t"), line.size()));
    if (line == "hasten: no_transaction") return true;
  }
  return false;
}

/// What becomes of a step that is older than one that was applied already: it came with a branch that was
/// merged late.
enum class out_of_order {
  refuse,  ///< versions have no gap, and none is ever filled in
  apply,   ///< versions may have gaps; a missing one is applied when it turns up
};

/// How one version stands in the program and in the database.
enum class migration_state {
  pending,  ///< the program has it, the database does not
  applied,  ///< both have it
  changed,  ///< both have it, and its text is another one by now
  unknown,  ///< the database has it, the program does not: the program is older
};

/// One line of a status.
struct migration_entry {
  int version = 0;
  std::string name = {};
  migration_state state = migration_state::pending;
  bool can_be_undone = false;
  std::int64_t applied_at_ms = 0;  ///< zero: pending
  std::int64_t duration_us = 0;    ///< of its execution; zero: pending, or taken as done by a baseline
};

[[nodiscard]] constexpr std::string_view name_of(migration_state state) noexcept {
  constexpr std::string_view names[] = {"pending", "applied", "changed", "unknown"};
  return names[static_cast<std::size_t>(state)];
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

inline void check_known(std::span<const migration> known, out_of_order policy) {
  for (std::size_t at = 0; at < known.size(); ++at) {
    const migration& each = known[at];
    const int before = at == 0 ? 0 : known[at - 1].version;
    const std::string version = std::to_string(each.version);
    if (at > 0 && each.version == before) refuse_migration("version " + version + " occurs twice");
    if (policy == out_of_order::refuse && each.version != before + 1)
      refuse_migration("version " + std::to_string(before + 1) + " is missing before " + version);
    if (each.version <= before) refuse_migration("version " + version + " is out of order");
    if (each.name.empty()) refuse_migration("version " + version + " has no name");
    if (each.up.empty() && !each.up_code) refuse_migration("version " + version + " does nothing");
    if ((!each.up.empty() && each.up_code) || (!each.down.empty() && each.down_code))
      refuse_migration("version " + version + " has both SQL and code for one direction");
  }
}

// `known` is ordered by version, as check_known() has seen to.
inline const migration* find_migration(std::span<const migration> known, int version) {
  const auto at = std::lower_bound(known.begin(), known.end(), version,
                                   [](const migration& each, int wanted) { return each.version < wanted; });
  return at == known.end() || at->version != version ? nullptr : &*at;
}

inline bool is_applied(std::span<const applied_migration> applied, int version) {
  return std::any_of(applied.begin(), applied.end(),
                     [version](const applied_migration& each) { return each.version == version; });
}

inline void check_applied(std::span<const migration> known, std::span<const applied_migration> applied,
                          out_of_order policy) {
  for (std::size_t at = 0; at < applied.size(); ++at) {
    const int expected = static_cast<int>(at) + 1;
    const std::string version = std::to_string(applied[at].version);
    if (policy == out_of_order::refuse && applied[at].version != expected)
      refuse_migration("the database has version " + version + " but not " + std::to_string(expected));
    const migration* const step = find_migration(known, applied[at].version);
    if (step == nullptr)
      refuse_migration("the database has version " + version + ", which this program does not know");
    if (applied[at].checksum != checksum_of(*step))
      refuse_migration("version " + version + " was changed after it had been applied");
  }
}

}  // namespace detail

/// Stands for the newest known version.
inline constexpr int migration_newest = -1;

/// Compares what a program knows with what a database has, and tells the steps that lead to `target`.
///
/// `known` must be ordered by version; `applied` likewise.
/// Throws: error(errc::migration_refused) for a gap (as `policy` has it) or a duplicate in `known`, an applied
/// version that is unknown or was changed since, a gap in `applied`, a target that is not a version, or a way
/// back through a step that cannot be undone.
[[nodiscard]] inline migration_plan plan_migrations(std::span<const migration> known,
                                                    std::span<const applied_migration> applied,
                                                    int target = migration_newest,
                                                    out_of_order policy = out_of_order::refuse) {
  detail::check_known(known, policy);
  detail::check_applied(known, applied, policy);
  const int newest = known.empty() ? 0 : known.back().version;
  if (target == migration_newest) target = newest;
  if (target < 0 || target > newest)
    detail::refuse_migration("target must be 0.." + std::to_string(newest) + ", got " +
                             std::to_string(target));
  if (target != 0 && detail::find_migration(known, target) == nullptr)
    detail::refuse_migration("target " + std::to_string(target) + " is not a version");
  const int current = applied.empty() ? 0 : applied.back().version;
  migration_plan plan{.up = target >= current, .steps = {}};
  if (plan.up) {
    for (const migration& each : known)
      if (each.version <= target && !detail::is_applied(applied, each.version)) plan.steps.push_back(&each);
    return plan;
  }
  for (std::size_t at = applied.size(); at-- > 0 && applied[at].version > target;) {
    const migration* const step = detail::find_migration(known, applied[at].version);
    if (!can_be_undone(*step))
      detail::refuse_migration("version " + std::to_string(step->version) + " cannot be undone");
    plan.steps.push_back(step);
  }
  return plan;
}

/// Returns: the target that undoes the last `count` applied steps, or as many as there are.
[[nodiscard]] inline int target_before(std::span<const applied_migration> applied, std::size_t count) {
  return count >= applied.size() ? 0 : applied[applied.size() - count - 1].version;
}

/// Tells how each version stands that either side knows, in order. Refuses nothing: it is what one looks at
/// after plan_migrations() refused.
[[nodiscard]] inline std::vector<migration_entry> list_migrations(
    std::span<const migration> known, std::span<const applied_migration> applied) {
  std::vector<migration_entry> entries;
  for (const migration& each : known)
    entries.push_back({.version = each.version, .name = each.name, .can_be_undone = can_be_undone(each)});
  for (const applied_migration& row : applied) {
    auto at = std::find_if(entries.begin(), entries.end(),
                           [&row](const migration_entry& each) { return each.version == row.version; });
    if (at == entries.end()) {
      at = entries.insert(entries.end(), {.version = row.version, .name = row.name});
      at->state = migration_state::unknown;
    } else {
      const auto& step = known[static_cast<std::size_t>(at - entries.begin())];
      at->state = row.checksum == checksum_of(step) ? migration_state::applied : migration_state::changed;
    }
    at->applied_at_ms = row.applied_at_ms;
    at->duration_us = row.duration_us;
  }
  std::sort(entries.begin(), entries.end(), [](const migration_entry& left, const migration_entry& right) {
    return left.version < right.version;
  });
  return entries;
}

/// Tells which versions to take as applied, without running them, in a database that was built in another
/// way: all up to `version`.
/// Throws: error(errc::migration_refused) as plan_migrations(), and when the database has a history already.
[[nodiscard]] inline std::vector<const migration*> plan_baseline(std::span<const migration> known,
                                                                 std::span<const applied_migration> applied,
                                                                 int version,
                                                                 out_of_order policy = out_of_order::refuse) {
  if (!applied.empty())
    detail::refuse_migration("the database has a history already, the last version of it is " +
                             std::to_string(applied.back().version));
  return plan_migrations(known, {}, version, policy).steps;
}

/// Tells which applied versions carry a checksum or a name that the program does not have any more.
/// Throws: error(errc::migration_refused) for a version that the program does not know: only a newer program
/// can tell what it is.
[[nodiscard]] inline std::vector<const migration*> plan_repair(std::span<const migration> known,
                                                               std::span<const applied_migration> applied) {
  detail::check_known(known, out_of_order::apply);
  std::vector<const migration*> steps;
  for (const applied_migration& row : applied) {
    const migration* const step = detail::find_migration(known, row.version);
    if (step == nullptr)
      detail::refuse_migration("the database has version " + std::to_string(row.version) +
                               ", which this program does not know");
    if (row.checksum != checksum_of(*step) || row.name != step->name) steps.push_back(step);
  }
  return steps;
}

}  // namespace hasten
