// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/bulk_updater.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

struct price {
  std::string currency;
  std::int64_t id = 0;
  std::optional<std::int64_t> cents;
  static constexpr auto fields = hasten::field_list(&price::currency, &price::id, &price::cents);
};
using updater = hasten::bulk_updater<price>;

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};

  fixture() {
    db.script(
        "setup",
        "CREATE TABLE price(id INTEGER, currency TEXT, cents INTEGER CHECK(cents >= 0), PRIMARY KEY(id, "
        "currency)); WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<100) "
        "INSERT INTO price SELECT i, 'EUR', 1 FROM n");
  }
  updater::options with() {
    return {.name = "price.load",
            .table = "price",
            .columns = {"currency", "id", "cents"},
            .key = {"id", "currency"}};
  }
  std::int64_t sum() { return db.scalar<std::int64_t>({"sum", "SELECT coalesce(sum(cents), 0) FROM price"}); }
};

std::vector<price> prices(std::int64_t from, std::int64_t to, std::optional<std::int64_t> cents) {
  std::vector<price> rows;
  for (std::int64_t id = from; id <= to; ++id) rows.push_back({.currency = "EUR", .id = id, .cents = cents});
  return rows;
}

}  // namespace

TEST_CASE_METHOD(fixture, "rows are changed by their key, and those that are missing are told") {
  auto chosen = with();
  chosen.missings_max = 2;
  std::vector<std::uint64_t> progress;
  chosen.rows_per_transaction = 40;
  chosen.on_progress = [&](const hasten::bulk_update_report& report) { progress.push_back(report.changed); };
  updater update(db, chosen);
  auto rows = prices(1, 105, 10);
  rows[49].currency = "USD";
  const auto& report = update.write(rows);
  CHECK(report.changed == 99);
  CHECK(report.missing == 6);
  CHECK(report.missings == std::vector<std::uint64_t>{49, 100});
  CHECK(sum() == 99 * 10 + 1);
  CHECK(progress == std::vector<std::uint64_t>{40, 79, 99});
  update.write({});
  CHECK(report.changed == 99);
}

TEST_CASE_METHOD(fixture, "of a row that is given twice the last one holds, and NULL is a value") {
  auto rows = prices(1, 100, std::nullopt);
  for (const price& each : prices(1, 1, 7)) rows.push_back(each);
  CHECK(updater(db, with()).write(rows).changed == 101);
  CHECK(sum() == 7);
}

TEST_CASE_METHOD(fixture, "a change that is refused undoes its transaction and leaves those before") {
  auto chosen = with();
  chosen.rows_per_transaction = 10;
  updater update(db, chosen);
  auto rows = prices(1, 30, 2);
  rows[14].cents = -1;
  CHECK_THROWS_AS(update.write(rows), hasten::query_error);
  CHECK(update.report().changed == 10);
  CHECK(sum() == 110);
  CHECK_FALSE(db.in_transaction());
}

TEST_CASE_METHOD(fixture, "within a transaction of the caller's nothing is committed") {
  {
    const hasten::transaction change(db);
    updater(db, with()).write(prices(1, 100, 5));
    CHECK(sum() == 500);
  }
  CHECK(sum() == 100);
}

TEST_CASE_METHOD(fixture, "options of a bulk update out of range are refused") {
  const auto refused = [&](auto&& change) {
    auto chosen = with();
    change(chosen);
    CHECK_THROWS_AS(updater(db, chosen), std::invalid_argument);
  };
  refused([](auto& chosen) { chosen.table = ""; });
  refused([](auto& chosen) { chosen.columns = {"id"}; });
  refused([](auto& chosen) { chosen.key = {}; });
  refused([](auto& chosen) { chosen.key = {"nothing"}; });
  refused([](auto& chosen) { chosen.key = {"id", "currency", "cents"}; });
  refused([](auto& chosen) { chosen.rows_per_statement = 10'923; });
  refused([](auto& chosen) { chosen.rows_per_transaction = 0; });
  refused([](auto& chosen) { chosen.missings_max = 1'000'001; });
}
