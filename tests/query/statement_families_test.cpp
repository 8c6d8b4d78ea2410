// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/statement_families.hpp>

#include <hasten/metrics/prometheus_text.hpp>
#include <hasten/query/query_monitor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("durations, rows and failures by kind are exposed under the conventions' names") {
  hasten::query_monitor monitor;
  {
    auto call = monitor.start("orders.page");
    call.add_rows(20);
  }
  {
    auto call = monitor.start("orders.add");
    call.fail(hasten::query_error_kind::busy);
  }
  hasten::prometheus_text page;
  hasten::write_statements(page, monitor.statements(), "sqlite");
  const std::string text = page.finish();
  const auto has = [&](const char* line) { return text.find(line) != std::string::npos; };
  INFO(text);
  CHECK(has(
      R"(db_client_operation_duration_seconds_count{db_system_name="sqlite",db_query_summary="orders.page"} 1)"));
  CHECK(has(R"(db_client_returned_rows_total{db_system_name="sqlite",db_query_summary="orders.page"} 20)"));
  CHECK(has(R"(error_type="busy"} 1)"));
  CHECK_FALSE(has(R"(error_type="deadlock")"));
}
