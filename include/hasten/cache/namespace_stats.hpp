// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/brief_lock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What happened to the keys of one namespace.
/// Thread safety: thread-compatible.
struct namespace_count {
  std::string name;  ///< with its colon, "claims:"; empty for keys without one; "*" for the overflow row
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t loads = 0;          ///< loaders that returned a value
  std::uint64_t load_failures = 0;  ///< loaders that threw

  /// Returns: hits per lookup, 0 to 1; 0 before the first lookup.
  [[nodiscard]] double hit_rate() const noexcept {
    const std::uint64_t lookups = hits + misses;
    return lookups == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(lookups);
  }
};

/// Statistics by namespace: by what stands before the first colon of a key.
///
/// The first `names_max` namespaces get a row each, all later ones share the row "*", so that keys made up by others
/// cannot fill the memory. The wrong tool for keys whose first part is an id: those are not namespaces.
///
/// Thread safety: thread-safe.
///
///     hasten::namespace_stats families;
///     families.lookup("claims:42", true);
///     families.all();   // {{.name = "claims:", .hits = 1}}
class namespace_stats {
 public:
  struct options {
    /// How many namespaces have a row of their own; 1 to 1024.
    std::size_t names_max = 32;
    /// The longest name that is kept, in bytes with its colon; longer ones share the overflow row. 1 to 256.
    std::size_t name_size_max = 64;
  };

  namespace_stats() : namespace_stats(options()) {}

  /// Throws: std::invalid_argument if an option is out of its range.
  explicit namespace_stats(options chosen) : options_(checked(chosen)) {
    rows_.reserve(options_.names_max + 1);
    rows_.push_back({.name = std::string(overflow)});
  }

  /// Returns: the namespace of a key, with its colon; empty if it has none.
  [[nodiscard]] static std::string_view name_of(std::string_view key) noexcept {
    return key.substr(0, key.find(':') + 1);  // npos + 1 is 0
  }

  /// Counts `weight` lookups of `key`. Throws: std::bad_alloc at the first key of a namespace. Blocks on: the lock.
  void lookup(std::string_view key, bool hit, std::uint64_t weight = 1) {
    const std::scoped_lock lock(mutex_);
    namespace_count& row = row_of(name_of(key));
    (hit ? row.hits : row.misses) += weight;
  }

  /// Counts a load of `key` that has ended. Otherwise as lookup().
  void load(std::string_view key, bool succeeded) {
    const std::scoped_lock lock(mutex_);
    namespace_count& row = row_of(name_of(key));
    ++(succeeded ? row.loads : row.load_failures);
  }

  /// Returns: the rows of all namespaces seen so far, in alphabetical order, the overflow row last if it was needed.
  [[nodiscard]] std::vector<namespace_count> all() const {
    std::vector<namespace_count> rows;
    rows.reserve(options_.names_max + 1);
    {
      const std::scoped_lock lock(mutex_);
      rows = rows_;
    }
    std::rotate(rows.begin(), rows.begin() + 1, rows.end());
    std::sort(rows.begin(), rows.end() - 1, [](const auto& a, const auto& b) { return a.name < b.name; });
    if (const namespace_count& rest = rows.back();
        (rest.hits | rest.misses | rest.loads | rest.load_failures) == 0)
      rows.pop_back();
    return rows;
  }

  /// Returns: the bytes that the rows take, without long names.
  [[nodiscard]] std::size_t bytes() const noexcept {
    return (options_.names_max + 1) * sizeof(namespace_count);
  }

  /// Begins all counts anew; the names are forgotten too.
  void reset() {
    const std::scoped_lock lock(mutex_);
    rows_.resize(1);
    rows_.front() = {.name = std::move(rows_.front().name)};
  }

 private:
  static constexpr std::string_view overflow = "*";

  static options checked(options chosen) {
    if (chosen.names_max < 1 || chosen.names_max > 1024)
      throw std::invalid_argument("namespace_stats: names_max must be 1..1024, got " +
                                  std::to_string(chosen.names_max));
    if (chosen.name_size_max < 1 || chosen.name_size_max > 256)
      throw std::invalid_argument("namespace_stats: name_size_max must be 1..256, got " +
                                  std::to_string(chosen.name_size_max));
    return chosen;
  }

  // Under the lock.
  namespace_count& row_of(std::string_view name) {
    for (auto row = rows_.begin() + 1; row != rows_.end(); ++row)
      if (row->name == name) return *row;
    if (rows_.size() > options_.names_max || name.size() > options_.name_size_max) return rows_.front();
    return rows_.emplace_back(namespace_count{.name = std::string(name)});
  }

  const options options_;
  mutable detail::brief_lock mutex_;   // guards rows_
  std::vector<namespace_count> rows_;  // the first is the overflow row; never more than names_max + 1
};

}  // namespace hasten
