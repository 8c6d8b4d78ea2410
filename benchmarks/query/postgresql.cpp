// SPDX-License-Identifier: BSL-1.0
// What a monitored statement costs on PostgreSQL beside libpq's own prepared statements and everyday SOCI, through the
// loopback interface to a server that this program starts. Times are the wall clock's: most of them is the server's.
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <soci/soci.h>

#include <query/areas.hpp>
#include <query/sample.hpp>
#include <support/interleave.hpp>
#include <support/postgresql_server.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace hasten::bench {
namespace {

constexpr const char* create =
    "DROP TABLE IF EXISTS sample; CREATE TABLE sample(id bigint PRIMARY KEY, number text NOT NULL, status "
    "text NOT NULL, "
    "payer text NOT NULL, opened_on text NOT NULL, owner bigint NOT NULL, amount float8 NOT NULL, lines int "
    "NOT NULL,"
    "note text NOT NULL, changed_by text NOT NULL)";
constexpr statement point{"sample.point", sample_point};
constexpr statement page{"sample.page", sample_page};

steady_time soon() { return steady_clock_source::now() + std::chrono::seconds(30); }

/// The reference: libpq's own interface, each statement prepared once, texts both ways as most programs have it, no
/// monitoring, no checks.
class raw_postgresql {
 public:
  explicit raw_postgresql(const std::string& connection) : handle_(PQconnectdb(connection.c_str())) {
    require(PQstatus(handle_) == CONNECTION_OK);
  }
  raw_postgresql(const raw_postgresql&) = delete;
  raw_postgresql& operator=(const raw_postgresql&) = delete;
  ~raw_postgresql() { PQfinish(handle_); }

  void exec(const char* text) { finish(PQexec(handle_, text), PGRES_COMMAND_OK); }
  void prepare() {
    const auto make = [&](const char* name, std::string text) {
      for (char& each : text)
        if (each == '?') each = '$';
      finish(PQprepare(handle_, name, text.c_str(), 0, nullptr), PGRES_COMMAND_OK);
    };
    make("point", sample_point);
    make("page", sample_page);
    make("insert", sample_insert);
  }

  [[nodiscard]] sample_row one(std::int64_t id) {
    sample_row row;
    PGresult* const result = run("point", id);
    read(result, 0, row);
    PQclear(result);
    return row;
  }
  [[nodiscard]] std::vector<sample_row> page_after(std::int64_t id) {
    std::vector<sample_row> rows;
    PGresult* const result = run("page", id);
    for (int row = 0; row < PQntuples(result); ++row) read(result, row, rows.emplace_back());
    PQclear(result);
    return rows;
  }
  void insert(const sample_source& row) {
    const std::array<std::string, 4> numbers{std::to_string(row.id), std::to_string(row.owner),
                                             std::to_string(row.amount), std::to_string(row.lines)};
    const std::array<const char*, 10> values{numbers[0].c_str(),    row.number.c_str(),    row.status.c_str(),
                                             row.payer.c_str(),     row.opened_on.c_str(), numbers[1].c_str(),
                                             numbers[2].c_str(),    numbers[3].c_str(),    row.note.c_str(),
                                             row.changed_by.c_str()};
    finish(PQexecPrepared(handle_, "insert", 10, values.data(), nullptr, nullptr, 0), PGRES_COMMAND_OK);
  }

 private:
  static void require(bool condition) {
    if (condition) return;
    std::fputs("the reference itself failed\n", stderr);
    std::abort();
  }
  static void finish(PGresult* result, ExecStatusType wanted) {
    require(PQresultStatus(result) == wanted);
    PQclear(result);
  }
  PGresult* run(const char* name, std::int64_t id) {
    const std::string number = std::to_string(id);
    const char* const value = number.c_str();
    PGresult* const result = PQexecPrepared(handle_, name, 1, &value, nullptr, nullptr, 0);
    require(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) > 0);
    return result;
  }
  static void read(const PGresult* from, int at, sample_row& row) {
    const auto text = [&](int column, std::string& out) {
      out.assign(PQgetvalue(from, at, column), static_cast<std::size_t>(PQgetlength(from, at, column)));
    };
    row.id = std::strtoll(PQgetvalue(from, at, 0), nullptr, 10);
    text(1, row.number);
    text(2, row.status);
    text(3, row.payer);
    text(4, row.opened_on);
    row.owner = std::strtoll(PQgetvalue(from, at, 5), nullptr, 10);
    row.amount = std::strtod(PQgetvalue(from, at, 6), nullptr);
    row.lines = static_cast<int>(std::strtol(PQgetvalue(from, at, 7), nullptr, 10));
  }

  PGconn* handle_;
};

sample_row everyday_point(soci::session& sql, std::int64_t id) {
  sample_row row;
  long long key = id;
  long long found = 0;
  long long owner = 0;
  sql << "SELECT id, number, status, payer, opened_on, owner, amount, lines FROM sample WHERE id=:id",
      soci::into(found), soci::into(row.number), soci::into(row.status), soci::into(row.payer),
      soci::into(row.opened_on), soci::into(owner), soci::into(row.amount), soci::into(row.lines),
      soci::use(key);
  row.id = found;
  row.owner = owner;
  return row;
}

void compare_reads(interleave& bench, session_pool& pool, raw_postgresql& raw, soci::session& everyday,
                   std::int64_t rows) {
  std::mt19937_64 random{7};
  std::uniform_int_distribution<std::int64_t> pick(1, rows - 200);
  const auto cost = [&](std::size_t calls, auto&& one) {
    return nanoseconds_per(calls, [&] {
      for (std::size_t call = 0; call < calls; ++call) keep(one(pick(random)));
    });
  };
  // Short turns: the machine's speed drifts, and more so where a server works beside the client.
  const std::size_t points = bench.quick() ? 2'000 : 4'000;
  const auto alone = bench.compare(
      "PostgreSQL: one row by its key", "ns",
      {{"hasten, leased for each call",
        [&] {
          return cost(points, [&](std::int64_t id) { return pool.read(soon())->one<sample_row>(point, id); });
        }},
       {"libpq, prepared once", [&] { return cost(points, [&](std::int64_t id) { return raw.one(id); }); }},
       {"SOCI, sql << ...",
        [&] { return cost(points, [&](std::int64_t id) { return everyday_point(everyday, id); }); }}});
  bench.ratio("query.pg.point.vs_raw", alone[0].median / alone[1].median);
  const std::size_t pages = bench.quick() ? 400 : 800;
  const auto many = bench.compare(
      "PostgreSQL: a page of 100 rows", "ns",
      {{"hasten, leased for each call",
        [&] {
          return cost(pages, [&](std::int64_t id) { return pool.read(soon())->all<sample_row>(page, id); });
        }},
       {"libpq, prepared once",
        [&] { return cost(pages, [&](std::int64_t id) { return raw.page_after(id); }); }}});
  bench.ratio("query.pg.page.vs_raw", many[0].median / many[1].median);
}

void compare_bulk(interleave& bench, session_pool& pool, raw_postgresql& raw,
                  const std::vector<sample_source>& rows) {
  auto db = pool.write(soon());
  const auto inserts =
      bench.compare("PostgreSQL: rows inserted in one transaction, ours by COPY of 10,000", "ns",
                    {{"hasten, bulk_writer",
                      [&] {
                        db->script("again", create);
                        return nanoseconds_per(rows.size(), [&] {
                          transaction change(*db);
                          bulk_writer<sample_source> writer(
                              *db, {.name = "sample.load",
                                    .table = "sample",
                                    .columns = {"id", "number", "status", "payer", "opened_on", "owner",
                                                "amount", "lines", "note", "changed_by"},
                                    .rows_per_transaction = 10'000});
                          writer.write(rows);
                          change.commit();
                        });
                      }},
                     {"libpq, prepared once, row by row", [&] {
                        db->script("again", create);
                        raw.exec("DEALLOCATE ALL");
                        raw.prepare();
                        return nanoseconds_per(rows.size(), [&] {
                          raw.exec("BEGIN");
                          for (const sample_source& each : rows) raw.insert(each);
                          raw.exec("COMMIT");
                        });
                      }}});
  bench.ratio("query.pg.bulk.vs_raw", inserts[0].median / inserts[1].median);
}

}  // namespace

void compare_postgresql(interleave& bench) {
  if (const std::string reason = postgresql_server::missing(); !reason.empty()) {
    for (const char* name : {"query.pg.point.vs_raw", "query.pg.page.vs_raw", "query.pg.bulk.vs_raw"})
      bench.skip(name, reason);
    return;
  }
  const postgresql_server server({"shared_buffers=256MB"});
  query_monitor monitor;
  session_pool pool(postgresql_options{.connection = server.connection()}, monitor);
  std::vector<sample_source> rows(bench.quick() ? 20'000 : 100'000);
  for (std::size_t row = 0; row < rows.size(); ++row) rows[row].turn_to(static_cast<std::int64_t>(row) + 1);
  {
    auto db = pool.write(soon());
    db->script("setup", create);
    bulk_writer<sample_source> writer(*db, {.name = "sample.load",
                                            .table = "sample",
                                            .columns = {"id", "number", "status", "payer", "opened_on",
                                                        "owner", "amount", "lines", "note", "changed_by"}});
    writer.write(rows);
    db->script("analyze", "ANALYZE sample");
  }
  raw_postgresql raw(server.connection());
  raw.prepare();
  soci::session everyday(soci::postgresql, server.connection());
  compare_reads(bench, pool, raw, everyday, static_cast<std::int64_t>(rows.size()));
  compare_bulk(bench, pool, raw, rows);
}

}  // namespace hasten::bench
