// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <source_location>
#include <string_view>

namespace hasten {

/// A statement's name and its text, both borrowed for the call. The name is short and fixed ("orders.page"):
/// it is what logs and metrics show. The text may be composed at run time, from fixed parts; values always go
/// in as parameters.
struct statement {
  std::string_view name;
  std::string_view text;
};

/// A statement and the line of code that runs it, which a function has that takes one of these and is given a statement.
/// Thread safety: immutable.
///
///     std::uint64_t exec(const hasten::statement_call& what);   // db.exec(add_order): what.where is that line
struct statement_call : statement {
  constexpr statement_call(const statement& what,
                           std::source_location called = std::source_location::current()) noexcept
      : statement(what), where(called) {}
  constexpr statement_call(std::string_view its_name, std::string_view its_text,
                           std::source_location called = std::source_location::current()) noexcept
      : statement{its_name, its_text}, where(called) {}

  std::source_location where;
};

}  // namespace hasten
