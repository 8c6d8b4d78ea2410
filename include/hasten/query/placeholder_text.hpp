// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/query/sql_scanner.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace hasten {

/// A statement's text with its placeholders numbered as a database wants them, and what they were called.
/// Thread safety: immutable.
struct placeholder_text {
  std::string text = {};                ///< with ?1, ?2 … for SQLite and $1, $2 … for PostgreSQL
  std::vector<std::string> names = {};  ///< names[0] is parameter 1; empty where they are numbered
  std::size_t parameters = 0;           ///< how many values must be given

  [[nodiscard]] bool is_named() const noexcept { return !names.empty(); }

  /// Returns: the number, from 1, of the parameter with this name; zero if there is none. Complexity: one comparison if
  /// the parameters are asked for in their order and `guess` is the number expected, else all names.
  [[nodiscard]] std::size_t index_of(std::string_view name, std::size_t guess = 1) const noexcept {
    if (guess >= 1 && guess <= names.size() && names[guess - 1] == name) return guess;
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? 0 : static_cast<std::size_t>(found - names.begin()) + 1;
  }
};

/// The greatest number that a placeholder may have: PostgreSQL's; SQLite's own is smaller and told by SQLite.
inline constexpr std::size_t placeholders_max = 65'535;

namespace detail {

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_bad_text(std::string_view statement,
                                                                  const char* why) {
  throw query_error(query_error_kind::bad_statement, std::string(statement) + ": " + why);
}

// Numbers the placeholders of one text in the order of the scanner.
class placeholder_writer {
 public:
  placeholder_writer(std::string_view statement, sql_dialect dialect)
      : statement_(statement), sign_(dialect == sql_dialect::postgresql ? '$' : '?') {}

  void add(const sql_token& token) {
    if (!token.is_closed) throw_bad_text(statement_, "a quotation or a comment in the text is not closed");
    if (token.what != sql_token::kind::placeholder) {
      reject_odd_colon(token);
      result_.text += token.text;
      return;
    }
    const std::size_t number = number_of(token.text);
    // PostgreSQL takes a dollar sign after a letter for a part of the name.
    if (!result_.text.empty() && sql_scanner::continues_name(result_.text.back())) result_.text += ' ';
    result_.text += sign_;
    result_.text += std::to_string(number);
  }

  [[nodiscard]] placeholder_text finish() && { return std::move(result_); }

 private:
  // SQLite would take `:1` for a name of its own kind, and no number would fit it.
  void reject_odd_colon(const sql_token& token) {
    if (after_colon_ && token.what == sql_token::kind::number)
      throw_bad_text(statement_, "a parameter's name must begin with a letter; numbers are written ?1");
    after_colon_ = sign_ == '?' && token.what == sql_token::kind::symbol &&
                   (token.text == ":" || token.text == "@" || token.text == "#");
  }

  std::size_t number_of(std::string_view placeholder) {
    after_colon_ = false;
    const std::string_view rest = placeholder.substr(1);
    const bool is_named = !rest.empty() && !sql_scanner::is_digit(rest[0]);
    if (result_.parameters != 0 && is_named != result_.is_named())
      throw_bad_text(statement_, "its parameters must be either all named or all numbered");
    std::size_t number = result_.parameters + 1;
    if (is_named) {
      if (const std::size_t known = result_.index_of(rest); known != 0) return known;
      result_.names.emplace_back(rest);
    } else if (!rest.empty()) {
      const auto read = std::from_chars(rest.data(), rest.data() + rest.size(), number);
      if (read.ec != std::errc()) number = 0;
    }
    if (number < 1 || number > placeholders_max)
      throw_bad_text(statement_, "a parameter's number must be 1..65535");
    result_.parameters = std::max(result_.parameters, number);
    return number;
  }

  std::string_view statement_;
  char sign_;
  bool after_colon_ = false;
  placeholder_text result_;
};

}  // namespace detail

/// Returns: whether the text has a placeholder that must be rewritten before `dialect` understands it as
/// parse_placeholders() does. Complexity: one pass over the text, without an allocation.
[[nodiscard]] constexpr bool needs_placeholders_rewritten(std::string_view text,
                                                          sql_dialect dialect) noexcept {
  const char sign = dialect == sql_dialect::postgresql ? '$' : '?';
  sql_scanner scan(text, dialect);
  for (sql_token token = scan.next(); token.what != sql_token::kind::end; token = scan.next())
    if (token.what == sql_token::kind::placeholder &&
        (token.text[0] != sign || (token.text.size() > 1 && !sql_scanner::is_digit(token.text[1]))))
      return true;
  return false;
}

/// Reads a text in which values are written `:name`, `@name`, `$name`, `?1` or `$1` (on SQLite `?` too, which takes the
/// number after the greatest so far), and writes it as `dialect` wants it. One name is one parameter however often it
/// stands there. Everything else of the text is kept as it is, comments included.
///
/// The text follows the lexical rules of `dialect`; see sql_scanner for how it tells a placeholder from an operator, a
/// cast, a slice, a quotation or a comment. Nothing is taken from SOCI's own rewriting, which is misled by dollar quotes,
/// E'' strings and slices, and gives a name that is used twice two numbers.
/// Throws: query_error of kind bad_statement, which names `statement` and never quotes the text, if a quotation or comment
/// is not closed, names and numbers are mixed, a number is out of range, or the text holds a NUL.
///
///     const auto made = hasten::parse_placeholders("orders.page", "SELECT :a::text, x[1:2] FROM t WHERE b=:b OR c=:a",
///                                                  hasten::sql_dialect::postgresql);
///     // made.text is "SELECT $1::text, x[1:2] FROM t WHERE b=$2 OR c=$1"; made.names is {"a", "b"}
[[nodiscard]] inline placeholder_text parse_placeholders(std::string_view statement, std::string_view text,
                                                         sql_dialect dialect) {
  if (text.find('\0') != std::string_view::npos)
    detail::throw_bad_text(statement, "the text holds a NUL, where the database would stop reading");
  detail::placeholder_writer writer(statement, dialect);
  sql_scanner scan(text, dialect);
  for (sql_token token = scan.next(); token.what != sql_token::kind::end; token = scan.next())
    writer.add(token);
  return std::move(writer).finish();
}

}  // namespace hasten
