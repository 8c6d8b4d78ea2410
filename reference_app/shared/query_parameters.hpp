// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/problem.hpp"

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// The query string of one request, held against the names that a route knows.
///
/// Unknown, repeated and malformed parameters are collected, not thrown one by one, so that a client learns
/// of all of them at once; `check` throws what was collected. No complaint repeats a byte of the input.
/// Thread safety: single-owner.
///
///     query_parameters query(request.query, {"status", "limit"});
///     const auto limit = query.integer("limit", 1, 200).value_or(50);
///     query.check();
class query_parameters {
 public:
  /// `known` are literals; at most `parameters_max` of them.
  query_parameters(std::string_view query, std::span<const std::string_view> known);

  /// Returns: the decoded value, or nothing if the parameter is absent.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;

  /// Returns: the number, or nothing if absent; a value that is no number in range is a problem.
  std::optional<long long> integer(std::string_view name, long long least, long long most);

  /// Returns: the value, or nothing if absent; one that is not among `allowed` is a problem.
  std::optional<std::string_view> one_of(std::string_view name, std::span<const std::string_view> allowed);

  void complain(std::string_view name, std::string reason);

  /// Throws: problem_error (400) if anything was wrong.
  void check() const;

  static constexpr std::size_t parameters_max = 12;

 private:
  [[nodiscard]] std::size_t index_of(std::string_view name) const;
  void take(std::string_view pair);

  std::span<const std::string_view> known_;
  std::array<std::optional<std::string>, parameters_max> values_;  // by position in known_
  std::vector<problem_item> problems_;
};

/// Reads a parameter that is a day, 'YYYY-MM-DD'.
/// Returns: nothing if absent; what is no day of the calendar is a problem.
std::optional<std::string> date_parameter(query_parameters& query, std::string_view name);

/// Decodes percent triplets; '+' stays a plus unless `plus_is_blank`.
/// Returns: nothing for a bad triplet, a NUL or a control byte.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);

}  // namespace claims_app
