// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/pool_meter.hpp>

#include <hasten/core/resource_pool.hpp>
#include <hasten/metrics/prometheus_text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

using namespace std::chrono_literals;

namespace {

bool has(const std::string& page, const std::string& line) {
  INFO(page);
  return page.find(line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a pool's times are kept, also for a lease that outlives both") {
  hasten::manual_clock clock;
  std::optional<hasten::pool_meter> meter(std::in_place);
  const hasten::pool_meter copy = *meter;
  using timed_pool = hasten::resource_pool<int, hasten::manual_clock>;
  std::optional<timed_pool::lease> held;
  {
    timed_pool pool(
        {.observer = meter->observer()},
        [&] {
          clock.advance(7ms);
          return std::make_unique<int>(1);
        },
        {}, clock);
    held = pool.acquire(clock.now());
  }
  meter.reset();
  clock.advance(3ms);
  held.reset();
  const hasten::pool_times times = copy.read();
  CHECK(times.waited.count() == 1);
  CHECK(times.waited.max() == 0);
  CHECK(times.created.max() == 7'000'000);
  CHECK(times.used.max() == 3'000'000);
}

TEST_CASE("pools are written under the names that dashboards know, one series each") {
  const hasten::pool_meter meter;
  meter.observer().waited(2ms);
  hasten::pool_stats stats{.size_max = 4, .in_use = 3, .idle = 1, .waiting = 2};
  stats.timed_out = 5;
  stats.leaks = 6;
  const std::array<hasten::pool_reading, 2> pools{
      hasten::pool_reading{.name = "readers", .stats = stats, .times = meter.read()},
      hasten::pool_reading{.name = "writer", .stats = {.size_max = 1}, .times = {}}};
  hasten::prometheus_text page;
  hasten::write_pools(page, pools);
  const std::string text = page.finish();
  CHECK(has(text, R"(db_client_connections{pool_name="readers",state="used"} 3)"));
  CHECK(has(text, R"(db_client_connections{pool_name="readers",state="idle"} 1)"));
  CHECK(has(text, R"(db_client_connection_max{pool_name="writer"} 1)"));
  CHECK(has(text, R"(db_client_connection_pending_requests{pool_name="readers"} 2)"));
  CHECK(has(text, R"(db_client_connection_timeouts_total{pool_name="readers"} 5)"));
  CHECK(has(text, R"(db_client_connection_leaks_total{pool_name="readers"} 6)"));
  CHECK(has(text, R"(db_client_connection_wait_time_seconds_count{pool_name="readers"} 1)"));
  CHECK(has(text, R"(db_client_connection_use_time_seconds_count{pool_name="writer"} 0)"));
}
