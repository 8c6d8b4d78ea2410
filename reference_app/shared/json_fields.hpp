// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/problem.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace boost::json {
class value;
}

namespace claims_app {

/// A request body as JSON. Thread safety: immutable.
class json_document {
 public:
  /// Throws: problem_error (400) that names the byte at which `text` stops being JSON, or says that it is
  /// nested more than 32 deep, has more than 10,000 members and elements, or has two members of one name in an object.
  explicit json_document(std::string_view text);
  ~json_document();
  json_document(const json_document&) = delete;
  json_document& operator=(const json_document&) = delete;

  [[nodiscard]] const boost::json::value& root() const noexcept { return *root_; }

 private:
  std::unique_ptr<const boost::json::value> root_;
};

/// What a text may be: letters, digits and `marks`, between `least` and `most` of them.
struct text_rule {
  std::size_t least;
  std::size_t most;
  std::string_view marks;
};

/// Reads the members of one JSON object and collects what is wrong with them, each with the JSON pointer to
/// it. Pointers are made of the names that the server knows and of positions: a member that is not known is
/// reported at its object, so that no name of the client's comes back.
/// Thread safety: single-owner.
///
///     std::vector<problem_item> problems;
///     json_fields fields(document.root(), "", {"name", "age"}, problems);
///     const auto age = fields.optional_integer("age", 0, 150);
///     if (!problems.empty()) refuse(problems);
class json_fields {
 public:
  /// Lifetime: borrows all four.
  json_fields(const boost::json::value& object, std::string pointer, std::span<const std::string_view> known,
              std::vector<problem_item>& problems);

  // Each returns nothing where the member is absent or was complained about; those without `optional_`
  // complain about an absent member too. A null counts as absent.
  std::optional<std::string> text(std::string_view name, text_rule rule);
  std::optional<std::string> optional_text(std::string_view name, text_rule rule);
  std::optional<std::string> one_of(std::string_view name, std::span<const std::string_view> allowed);
  std::optional<std::string> public_id(std::string_view name);
  /// A day of the calendar from 1900 on and not after `latest`.
  std::optional<std::string> date(std::string_view name, std::chrono::year_month_day latest);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t least, std::int64_t most);
  std::optional<double> optional_number(std::string_view name, double least, double most);
  std::vector<std::string> texts(std::string_view name, text_rule rule, std::size_t count_max);

  /// Returns: how many elements the array has; 0 if it is absent, no array or too long.
  std::size_t array_size(std::string_view name, std::size_t count_max);
  [[nodiscard]] json_fields element(std::string_view name, std::size_t at,
                                    std::span<const std::string_view> known);

  /// Returns: the object that a member is; nothing if it is absent or was complained about.
  std::optional<json_fields> optional_object(std::string_view name, std::span<const std::string_view> known);

  /// Returns: whether the member is there and no null.
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Returns: whether the member is there and null, which a merge patch says to remove.
  [[nodiscard]] bool is_null(std::string_view name) const;

  void complain(std::string_view name, std::string reason);

 private:
  [[nodiscard]] const boost::json::value* find(std::string_view name) const;
  [[nodiscard]] const boost::json::value* find_required(std::string_view name);
  std::optional<std::string> checked_text(std::string_view name, const boost::json::value& given,
                                          text_rule rule);

  const boost::json::value& object_;
  std::string pointer_;
  std::vector<problem_item>& problems_;
};

}  // namespace claims_app
