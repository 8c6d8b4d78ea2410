// SPDX-License-Identifier: BSL-1.0
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
#include <string>
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
  [[nodiscard]] std::int64_t count() {
    return db.one<std::int64_t>({"count", "SELECT count(*) FROM \"or\"\"der\""});
  }

  hasten::query_monitor monitor;
  hasten::monitored_session db;
};

using writer = hasten::bulk_writer<order>;

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
