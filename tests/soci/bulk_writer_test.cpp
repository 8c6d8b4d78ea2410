// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/bulk_writer.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_database.hpp>

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

struct item {
  std::int64_t id = 0;
  std::string name;
  std::optional<std::int64_t> cents;
  static constexpr auto fields = hasten::field_list(&item::id, &item::name, &item::cents);
};
using writer = hasten::bulk_writer<item>;

std::vector<item> items(std::int64_t from, std::int64_t to) {
  std::vector<item> rows;
  for (std::int64_t id = from; id <= to; ++id)
    rows.push_back({.id = id,
                    .name = "item " + std::to_string(id),
                    .cents = id % 3 == 0 ? std::nullopt : std::optional(id)});
  return rows;
}

struct fixture {
  temporary_database file;
  hasten::query_monitor monitor;
  hasten::monitored_session db{std::make_unique<soci::session>(soci::sqlite3, file.connect_string()),
                               monitor};

  fixture() {
    db.script("setup", "CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, cents INTEGER CHECK(cents>=0))");
  }

  writer::options with() {
    return {.name = "item.load", .table = "item", .columns = {"id", "name", "cents"}};
  }
  std::int64_t count() { return db.scalar<std::int64_t>({"count", "SELECT count(*) FROM item"}); }
};

}  // namespace

TEST_CASE_METHOD(fixture, "every row arrives whole, whether or not the number is a multiple of anything") {
  for (const std::int64_t number : {0, 1, 99, 100, 101, 1000, 1234}) {
    db.exec({"clear", "DELETE FROM item"});
    writer to(db, with());
    for (item& each : items(1, number)) to.add(std::move(each));
    const hasten::bulk_report& report = to.finish();
    CHECK(report.written == static_cast<std::uint64_t>(number));
    const auto back = db.all<item>({"back", "SELECT id, name, cents FROM item ORDER BY id"});
    const auto sent = items(1, number);
    REQUIRE(back.size() == sent.size());
    for (std::size_t at = 0; at < sent.size(); ++at) {
      CHECK(back[at].name == sent[at].name);
      CHECK(back[at].cents == sent[at].cents);
    }
  }
}

TEST_CASE_METHOD(fixture, "rows are committed together, and an error rolls back its own transaction only") {
  auto chosen = with();
  chosen.rows_per_transaction = 10;
  writer to(db, chosen);
  auto rows = items(1, 25);
  rows[17].cents = -1;
  try {
    to.write(rows);
    FAIL("nothing was thrown");
  } catch (const hasten::query_error& failure) {
    CHECK(failure.kind() == hasten::query_error_kind::check);
  }
  CHECK(count() == 10);
  CHECK(to.report().written == 10);
  CHECK_FALSE(db.in_transaction());
}

TEST_CASE_METHOD(fixture, "a row that is refused can be left out, and its place is told") {
  auto chosen = with();
  chosen.on_error = hasten::bulk_errors::skip_row;
  writer to(db, chosen);
  auto rows = items(1, 250);
  rows[17].cents = -1;
  rows[149].id = 1;
  rows[249].cents = -1;
  to.write(rows);
  CHECK(count() == 247);
  const hasten::bulk_report& report = to.report();
  CHECK(report.written == 247);
  CHECK(report.failed == 3);
  REQUIRE(report.failures.size() == 3);
  CHECK(report.failures[0].row == 17);
  CHECK(report.failures[0].kind == hasten::query_error_kind::check);
  CHECK(report.failures[1].row == 149);
  CHECK(report.failures[1].kind == hasten::query_error_kind::unique);
  CHECK(report.failures[2].row == 249);
}

TEST_CASE_METHOD(fixture, "failures beyond the bound are only counted") {
  auto chosen = with();
  chosen.on_error = hasten::bulk_errors::skip_row;
  chosen.failures_max = 2;
  writer to(db, chosen);
  auto rows = items(1, 10);
  for (item& each : rows) each.cents = -1;
  to.write(rows);
  CHECK(to.report().failed == 10);
  CHECK(to.report().failures.size() == 2);
}

TEST_CASE_METHOD(fixture, "a failure that is not the row's is thrown even when rows may be left out") {
  auto chosen = with();
  chosen.on_error = hasten::bulk_errors::skip_row;
  chosen.table = "missing";
  writer to(db, chosen);
  CHECK_THROWS_AS(to.write(items(1, 1)), hasten::query_error);
}

TEST_CASE_METHOD(fixture, "rows of a known key can be skipped and are counted") {
  auto chosen = with();
  chosen.on_conflict = hasten::bulk_conflict::skip;
  writer(db, chosen).write(items(50, 149));
  writer to(db, chosen);
  to.write(items(1, 205));
  CHECK(to.report().written == 105);
  CHECK(to.report().skipped == 100);
  CHECK(count() == 205);
}

TEST_CASE_METHOD(fixture, "the places of skipped rows are told, up to a bound") {
  auto chosen = with();
  chosen.on_conflict = hasten::bulk_conflict::skip;
  writer(db, chosen).write(items(50, 149));
  chosen.skips_max = 60;
  writer to(db, chosen);
  to.write(items(40, 205));
  CHECK(to.report().written == 66);
  CHECK(to.report().skipped == 100);
  REQUIRE(to.report().skips.size() == 60);
  CHECK(to.report().skips.front() == 10);
  CHECK(to.report().skips.back() == 69);
  CHECK(count() == 166);
  writer again(db, chosen);
  again.write(items(40, 140));  // a statement all of whose rows are known, and one more
  CHECK(again.report().skipped == 101);
  CHECK(again.report().written == 0);
}

TEST_CASE_METHOD(fixture, "rows that are skipped and rows that are refused are told apart") {
  auto chosen = with();
  chosen.on_conflict = hasten::bulk_conflict::skip;
  chosen.on_error = hasten::bulk_errors::skip_row;
  chosen.skips_max = 10;
  writer(db, chosen).write(items(8, 8));
  auto rows = items(1, 120);
  rows[20].cents = -1;
  writer to(db, chosen);
  to.write(rows);
  CHECK(to.report().written == 118);
  CHECK(to.report().skips == std::vector<std::uint64_t>{7});
  REQUIRE(to.report().failures.size() == 1);
  CHECK(to.report().failures[0].row == 20);
}

TEST_CASE_METHOD(fixture, "rows tell what the database made of them") {
  auto chosen = with();
  chosen.on_conflict = hasten::bulk_conflict::skip;
  chosen.rows_per_transaction = 150;
  writer(db, chosen).write(items(5, 6));
  writer to(db, chosen);
  const auto made =
      to.write_returning<std::tuple<std::int64_t, std::string>>(items(1, 210), "id, name || ' made'");
  REQUIRE(made.size() == 208);
  CHECK(std::get<1>(made.front()).ends_with(" made"));
  CHECK(to.report().written == 208);
  CHECK(to.report().skipped == 2);
  CHECK(to.write_returning<std::int64_t>({}, "id").empty());
  auto refused = items(300, 301);
  refused[1].cents = -1;
  CHECK_THROWS_AS(to.write_returning<std::int64_t>(refused, "id"), hasten::query_error);
  CHECK(count() == 210);
  CHECK(to.report().written == 208);
}

TEST_CASE_METHOD(fixture, "a transaction of the caller's stays the caller's") {
  {
    hasten::transaction change(db);
    writer(db, with()).write(items(1, 2500));
    CHECK(db.in_transaction());
  }
  CHECK(count() == 0);
}

TEST_CASE_METHOD(fixture, "progress is told after each transaction") {
  std::vector<std::uint64_t> seen;
  auto chosen = with();
  chosen.rows_per_transaction = 100;
  chosen.on_progress = [&](const hasten::bulk_report& report) { seen.push_back(report.written); };
  writer(db, chosen).write(items(1, 250));
  CHECK(seen == std::vector<std::uint64_t>{100, 200, 250});
}

TEST_CASE_METHOD(fixture, "a tuple is a row, and names are quoted") {
  db.script("odd", R"(CREATE TABLE "odd ""table"("select" INTEGER, "b c" TEXT))");
  hasten::bulk_writer<std::tuple<int, std::string>> to(
      db, {.table = "odd \"table", .columns = {"select", "b c"}, .rows_per_statement = 2});
  to.add({1, "x"});
  to.add({2, "y"});
  to.add({3, "z"});
  CHECK(to.finish().written == 3);
}

TEST_CASE_METHOD(fixture, "many rows cost few statements, and all of them are counted") {
  writer(db, with()).write(items(1, 1000));
  for (const auto& each : monitor.statements())
    if (each.name == "item.load") {
      CHECK(each.calls == 10);
      CHECK(each.rows == 1000);
    }
}

TEST_CASE_METHOD(fixture, "options out of range are refused") {
  const auto refused = [&](auto&& change) {
    auto chosen = with();
    change(chosen);
    CHECK_THROWS_AS(writer(db, chosen), std::invalid_argument);
  };
  refused([](auto& chosen) { chosen.table = ""; });
  refused([](auto& chosen) { chosen.columns = {"id"}; });
  refused([](auto& chosen) { chosen.columns[1] = std::string("a\0b", 3); });
  refused([](auto& chosen) { chosen.rows_per_statement = 10'923; });
  refused([](auto& chosen) { chosen.rows_per_transaction = 0; });
  refused([](auto& chosen) { chosen.failures_max = 1'000'001; });
  refused([](auto& chosen) { chosen.skips_max = 1'000'001; });
}
