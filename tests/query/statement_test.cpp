// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/statement.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>

namespace {

hasten::statement_call run(const hasten::statement_call& what) { return what; }

}  // namespace

TEST_CASE("a statement that is run tells the line that runs it, not the one that defines it") {
  static constexpr hasten::statement defined{"orders.page", "SELECT 1"};
  const auto call = run(defined);
  CHECK(call.where.line() == std::source_location::current().line() - 1);
  CHECK(std::string_view(call.where.file_name()).ends_with("statement_test.cpp"));
  CHECK(call.name == "orders.page");
  const std::string text = "SELECT 2";
  const auto made = run({"orders.made", text});
  CHECK(made.where.line() == std::source_location::current().line() - 1);
  CHECK(made.text == text);
  CHECK(run(call).where.line() == call.where.line());  // passed on
}
