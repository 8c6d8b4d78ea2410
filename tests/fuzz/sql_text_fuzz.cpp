// SPDX-License-Identifier: BSL-1.0
// Whatever the text: it is cut without loss, rewriting it twice is rewriting it once, and nothing but a query_error comes
// out of it.
#include <hasten/query/placeholder_text.hpp>
#include <hasten/query/sql_scanner.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_scanner(std::string_view text, hasten::sql_dialect dialect) {
  std::string joined;
  hasten::sql_scanner scan(text, dialect);
  for (auto token = scan.next(); token.what != hasten::sql_token::kind::end; token = scan.next()) {
    require(!token.text.empty());
    joined += token.text;
  }
  require(joined == text);
}

void check_placeholders(std::string_view text, hasten::sql_dialect dialect) {
  hasten::placeholder_text once;
  try {
    once = hasten::parse_placeholders("fuzz", text, dialect);
  } catch (const hasten::query_error& failure) {
    require(failure.kind() == hasten::query_error_kind::bad_statement);
    return;
  }
  require(!once.is_named() || once.names.size() == once.parameters);
  const auto twice = hasten::parse_placeholders("fuzz", once.text, dialect);
  require(twice.text == once.text && twice.parameters == once.parameters && !twice.is_named());
  if (!hasten::needs_placeholders_rewritten(text, dialect)) require(!once.is_named());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto dialect : {hasten::sql_dialect::sqlite, hasten::sql_dialect::postgresql}) {
    check_scanner(text, dialect);
    check_placeholders(text, dialect);
  }
  return 0;
}
