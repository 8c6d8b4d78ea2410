// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/bulk_updater.hpp>
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>
#include <soci/postgresql/soci-postgresql.h>

#include <support/postgresql_fixture.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

namespace {

using hasten::query_error_kind;

struct order {
  std::int64_t id = 0;
  std::string status;
  std::optional<int> lines;
  double amount = 0;
  bool paid = false;
  std::chrono::sys_days opened_on{};
  std::chrono::sys_time<std::chrono::microseconds> changed_at{};
  std::vector<std::byte> seal;
  static constexpr auto fields =
      hasten::field_list(&order::id, &order::status, &order::lines, &order::amount, &order::paid,
                         &order::opened_on, &order::changed_at, &order::seal);
  friend bool operator==(const order&, const order&) = default;
};

const std::vector<std::string> columns{"id",   "status",    "lines",      "amount",
                                       "paid", "opened_on", "changed_at", "seal"};

order order_of(std::int64_t id) {
  return {.id = id,
          .status = "'; \\ \t\n " + std::to_string(id),
          .lines = id % 3 == 0 ? std::nullopt : std::optional<int>(static_cast<int>(id)),
          .amount = static_cast<double>(id) / 7,
          .paid = id % 2 == 0,
          .opened_on = std::chrono::sys_days(std::chrono::days(id)),
          .changed_at = std::chrono::sys_days() + std::chrono::microseconds(id),
          .seal = std::vector<std::byte>(static_cast<std::size_t>(id % 5), std::byte{0xff})};
}

std::vector<order> orders_of(std::int64_t count) {
  std::vector<order> all;
  for (std::int64_t id = 1; id <= count; ++id) all.push_back(order_of(id));
  return all;
}

struct fixture : postgresql_fixture {
  fixture() : db(std::make_unique<soci::session>(soci::postgresql, server.connection()), monitor) {
    db.script("setup",
              "CREATE TABLE \"or\"\"der\"(id bigint PRIMARY KEY, status text NOT NULL CHECK(status <> "
              "'lost'), lines int, "
              "amount float8, paid bool, opened_on date, changed_at timestamptz, seal bytea)");
  }
  [[nodiscard]] std::uint64_t calls_of(const std::string& name) const {
    for (const auto& each : monitor.statements())
      if (each.name == name) return each.calls;
    return 0;
  }
  [[nodiscard]] std::int64_t count() {
    return db.one<std::int64_t>({"count", "SELECT count(*) FROM \"or\"\"der\""});
  }

  hasten::query_monitor monitor;
  hasten::monitored_session db;
};

using writer = hasten::bulk_writer<order>;

struct change {
  std::string mood;
  std::int64_t id = 0;
  std::optional<std::string> tags;
  double amount = 0;
  std::string code;
  static constexpr auto fields =
      hasten::field_list(&change::mood, &change::id, &change::tags, &change::amount, &change::code);
};

}  // namespace

TEST_CASE("many rows are copied and are what they were") {
  fixture at;
  const std::vector<order> rows = orders_of(2'500);
  std::vector<std::uint64_t> progress;
  writer load(at.db,
              {.table = "or\"der", .columns = columns, .on_progress = [&](const hasten::bulk_report& report) {
                 progress.push_back(report.written);
               }});
  for (const order& each : rows) load.add(each);
  CHECK(load.finish().written == 2'500);
  CHECK(progress == std::vector<std::uint64_t>{1'000, 2'000, 2'500});
  CHECK(at.db.all<order>({"all", "SELECT * FROM \"or\"\"der\" ORDER BY id"}) == rows);
}

TEST_CASE("a row that a constraint refuses undoes its transaction, or is noted and the others are written") {
  fixture at;
  std::vector<order> rows = orders_of(1'700);
  rows[1'234].status = "lost";
  rows[1'500].id = 7;  // there already
  {
    writer load(at.db, {.table = "or\"der", .columns = columns});
    CHECK_THROWS_AS(load.write(rows), hasten::query_error);
    CHECK(load.report().written == 1'000);
    CHECK(at.count() == 1'000);
  }
  at.db.exec({"clear", "DELETE FROM \"or\"\"der\""});
  writer load(at.db, {.table = "or\"der", .columns = columns, .on_error = hasten::bulk_errors::skip_row});
  load.write(rows);
  CHECK(load.report().written == 1'698);
  CHECK(load.report().failed == 2);
  REQUIRE(load.report().failures.size() == 2);
  CHECK(load.report().failures[0].row == 1'234);
  CHECK(load.report().failures[0].kind == query_error_kind::check);
  CHECK(load.report().failures[1].row == 1'500);
  CHECK(load.report().failures[1].kind == query_error_kind::unique);
  CHECK(at.count() == 1'698);
}

TEST_CASE("rows whose key is there are skipped and counted") {
  fixture at;
  const std::vector<order> rows = orders_of(1'050);
  writer first(at.db, {.table = "or\"der", .columns = columns});
  first.write(std::span(rows).first(30));
  writer load(at.db, {.table = "or\"der", .columns = columns, .on_conflict = hasten::bulk_conflict::skip});
  load.write(rows);
  CHECK(load.report().written == 1'020);
  CHECK(load.report().skipped == 30);
  CHECK(at.count() == 1'050);
}

TEST_CASE("within the caller's transaction nothing is committed") {
  fixture at;
  const std::vector<order> rows = orders_of(20);
  {
    hasten::transaction change(at.db);
    writer load(at.db, {.table = "or\"der", .columns = columns});
    load.write(rows);
    CHECK(at.count() == 20);
  }
  CHECK(at.count() == 0);
}

TEST_CASE("values that COPY would not take as they are go another way") {
  fixture at;
  at.db.script("setup",
               "CREATE TYPE mood AS ENUM('glad', 'sad'); CREATE TABLE odd(id int, price numeric, mood mood)");
  using odd = std::tuple<int, double, std::string>;
  std::vector<odd> rows;
  for (int id = 0; id < 250; ++id) rows.emplace_back(id, id / 4.0, id % 2 == 0 ? "glad" : "sad");
  hasten::bulk_writer<odd> load(at.db, {.table = "odd", .columns = {"id", "price", "mood"}});
  load.write(rows);
  CHECK(load.report().written == 250);
  CHECK(at.db.all<odd>({"odd", "SELECT * FROM odd ORDER BY id"}) == rows);
}

TEST_CASE("a value out of its column's range is refused before anything is sent") {
  fixture at;
  using row = std::tuple<std::int64_t, std::string, std::int64_t>;
  const std::vector<row> rows{{1, "a", std::int64_t{1} << 40}};
  hasten::bulk_writer<row> load(at.db, {.table = "or\"der", .columns = {"id", "status", "lines"}});
  CHECK_THROWS_AS(load.write(rows), hasten::query_error);
  CHECK(at.db.one<int>({"after", "SELECT 1"}) == 1);
  hasten::bulk_writer<row> nowhere(at.db, {.table = "nowhere", .columns = {"id", "status", "lines"}});
  CHECK_THROWS_AS(nowhere.write(rows), hasten::query_error);
  CHECK(at.db.settle());
}

TEST_CASE("numeric, uuid, jsonb and real values are copied, as exactly as the server reads them") {
  fixture at;
  at.db.script(
      "setup",
      "CREATE TABLE exact(id int, price numeric, cut numeric(10,2), key uuid, extra jsonb, ratio real)");
  using row = std::tuple<int, std::string, double, std::string, std::string, double>;
  const std::vector<std::string> prices{
      "0",           "0.00",        "-0.0",         "1",
      "-1",          "10000",       "9999",         "12345678901234567890.123",
      "0.0001",      "0.00010",     "-0.00001",     "1000000000000",
      "007.5",       ".5",          "5.",           "1e20",
      "1.5e-7",      "123e-2",      "12.5e+1",      "99999999.99999999",
      "10000.10000", "100000000.0", "0.1000000000", "00000000"};
  std::vector<row> rows;
  for (std::size_t each = 0; each < prices.size(); ++each)
    rows.emplace_back(
        static_cast<int>(each), prices[each], static_cast<double>(each) / 8,
        each % 2 == 0 ? "0a1B2c3d-4e5f-6071-8293-a4b5c6d7e8f9" : "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        R"({"a": [1, "'"]})", static_cast<double>(each) / 10);
  hasten::bulk_writer<row> load(
      at.db,
      {.name = "exact.load", .table = "exact", .columns = {"id", "price", "cut", "key", "extra", "ratio"}});
  load.write(rows);
  CHECK(at.calls_of("exact.load") == 1);  // a COPY
  for (const auto& [id, price, cut, key, extra, ratio] : rows) {
    INFO(price);
    const auto is_same = at.db.one<std::tuple<bool, bool, bool, bool, bool>>(
        {"same",
         "SELECT price::text=(?2::text::numeric)::text, cut=round(?3::float8::numeric, 2), "
         "key=?4::text::uuid, "
         "extra=?5::text::jsonb, ratio=?6::text::real FROM exact WHERE id=?1"},
        id, price, cut, key, extra, std::to_string(ratio));
    CHECK(is_same == std::tuple(true, true, true, true, true));
  }
}

TEST_CASE("a number that only the server can read goes another way, and what it cannot read is refused") {
  fixture at;
  at.db.script("setup", "CREATE TABLE exact(price numeric, key uuid)");
  using row = std::tuple<std::string, std::string>;
  const std::string key = "00000000-0000-0000-0000-000000000000";
  hasten::bulk_writer<row> load(at.db, {.table = "exact", .columns = {"price", "key"}});
  load.write(std::vector<row>{{"NaN", key}, {" 1.5 ", "{" + key + "}"}});
  CHECK(load.report().written == 2);
  for (const row& bad : std::vector<row>{{"1,5", key},
                                         {"", key},
                                         {"1e", key},
                                         {"1.2.3", key},
                                         {"1", ""},
                                         {"1", "00000000-0000-0000-0000-00000000000g"},
                                         {"1", "0000000-00000-0000-0000-000000000000"}}) {
    hasten::bulk_writer<row> again(at.db, {.table = "exact", .columns = {"price", "key"}});
    CHECK_THROWS_AS(again.write(std::span(&bad, 1)), hasten::query_error);
  }
  CHECK(at.db.settle());
}

TEST_CASE("on PostgreSQL the places of skipped rows are told, beside those that a constraint refused") {
  fixture at;
  at.db.script("setup", "INSERT INTO \"or\"\"der\"(id, status) VALUES(8, 'x'), (205, 'x')");
  std::vector<order> rows = orders_of(250);
  rows[120].status = "lost";
  writer load(at.db, {.table = "or\"der",
                      .columns = columns,
                      .on_conflict = hasten::bulk_conflict::skip,
                      .on_error = hasten::bulk_errors::skip_row,
                      .skips_max = 10});
  load.write(rows);
  CHECK(load.report().written == 247);
  CHECK(load.report().skipped == 2);
  CHECK(load.report().skips == std::vector<std::uint64_t>{7, 204});
  REQUIRE(load.report().failed == 1);
  CHECK(load.report().failures[0].row == 120);
  CHECK(at.count() == 249);
}

TEST_CASE("on PostgreSQL rows tell what the database made of them") {
  fixture at;
  at.db.script("setup", "CREATE TABLE note(id bigserial PRIMARY KEY, body text UNIQUE)");
  using note = std::tuple<std::string>;
  using made = std::tuple<std::int64_t, std::string>;
  std::vector<note> rows;
  for (int each = 0; each < 150; ++each) rows.emplace_back("note " + std::to_string(each % 145));
  hasten::bulk_writer<note> load(
      at.db, {.table = "note", .columns = {"body"}, .on_conflict = hasten::bulk_conflict::skip});
  CHECK(load.write_returning<made>(rows, "id, body").size() == 145);
  CHECK(load.report().skipped == 5);
}

TEST_CASE(
    "on PostgreSQL many rows are changed by their key, with their types, and those that are missing are "
    "told") {
  fixture at;
  writer(at.db, {.table = "or\"der", .columns = columns}).write(orders_of(1'000));
  at.db.script(
      "setup",
      "CREATE TYPE mood AS ENUM('glad', 'sad'); ALTER TABLE \"or\"\"der\" ADD mood mood, ADD tags text[], "
      "ADD code varchar(3)");
  std::vector<change> rows;
  for (std::int64_t id = 901; id <= 1'105; ++id)
    rows.push_back({.mood = "sad", .id = id, .tags = std::nullopt, .amount = 2.5, .code = "abc"});
  rows.push_back({.mood = "glad", .id = 901, .tags = "{a,\"b c\"}", .amount = 4, .code = ""});
  hasten::bulk_updater<change> update(at.db, {.table = "or\"der",
                                              .columns = {"mood", "id", "tags", "amount", "code"},
                                              .key = {"id"},
                                              .missings_max = 3});
  const auto& report = update.write(rows);
  CHECK(report.changed == 101);
  CHECK(report.missing == 105);
  CHECK(report.missings == std::vector<std::uint64_t>{100, 101, 102});
  CHECK(at.db.one<std::tuple<std::int64_t, std::int64_t>>(
            {"look",
             "SELECT count(*) FILTER (WHERE mood='sad' AND amount=2.5 AND tags IS NULL), count(*) FILTER "
             "(WHERE mood='glad' AND amount=4 AND tags[2]='b c' AND id=901) FROM \"or\"\"der\""}) ==
        std::tuple<std::int64_t, std::int64_t>(99, 1));
  rows.back().code = "long";  // the column refuses what the cast must not cut
  CHECK_THROWS_AS(update.write(rows), hasten::query_error);
  CHECK(report.changed == 101);
  hasten::bulk_updater<change> nowhere(
      at.db, {.table = "nowhere", .columns = {"mood", "id", "tags", "amount", "code"}, .key = {"id"}});
  CHECK_THROWS_AS(nowhere.write(rows), hasten::query_error);
}
