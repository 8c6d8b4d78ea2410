// SPDX-License-Identifier: BSL-1.0
// What a monitored statement costs beside SQLite's own prepared interface and beside the everyday way of
// writing it with SOCI. Times are the processor's, of the one working thread; a second thread sleeps all the
// while, because without one the C library leaves out the atomic operations of its mutexes and every lock
// looks free.
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <soci/soci.h>

#include <query/areas.hpp>
#include <query/raw.hpp>
#include <query/sample.hpp>
#include <support/interleave.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <mutex>
#include <random>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace {

using hasten::bench::interleave;
using hasten::bench::keep;
using hasten::bench::raw_database;
using hasten::bench::sample_row;
using hasten::bench::sample_source;
using hasten::bench::workplace;

constexpr hasten::statement point{"sample.point", hasten::bench::sample_point};
constexpr hasten::statement page{"sample.page", hasten::bench::sample_page};
constexpr hasten::statement insert{"sample.insert", hasten::bench::sample_insert};

hasten::steady_time soon() { return hasten::steady_clock_source::now() + std::chrono::seconds(30); }

void fill(const std::string& path, std::int64_t rows) {
  hasten::query_monitor monitor;
  hasten::session_pool pool({.path = path}, monitor);
  auto db = pool.write(soon());
  db->script("setup", hasten::bench::sample_table);
  hasten::transaction change(*db);
  sample_source row;
  for (std::int64_t id = 1; id <= rows; ++id) {
    row.turn_to(id);
    db->exec(insert, row.id, row.number, row.status, row.payer, row.opened_on, row.owner, row.amount,
             row.lines, row.note, row.changed_by);
  }
  change.commit();
}

class ids {
 public:
  explicit ids(std::int64_t rows) : pick_(1, rows - 200) {}
  std::int64_t next() { return pick_(random_); }

 private:
  std::mt19937_64 random_{7};
  std::uniform_int_distribution<std::int64_t> pick_;
};

// SOCI as it is written every day: one expression, bound by address, prepared each time.
sample_row soci_point(soci::session& sql, std::int64_t id) {
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

std::size_t soci_page(soci::session& sql, std::int64_t after) {
  std::size_t count = 0;
  long long key = after;
  const soci::rowset<soci::row> rows =
      (sql.prepare
           << "SELECT id, number, status, payer, opened_on, owner, amount, lines FROM sample WHERE id>:id "
              "ORDER BY id LIMIT 100",
       soci::use(key));
  std::vector<sample_row> read;
  for (const soci::row& each : rows) {
    sample_row& row = read.emplace_back();
    row.id = each.get<int>(0);
    row.number = each.get<std::string>(1);
    row.status = each.get<std::string>(2);
    row.payer = each.get<std::string>(3);
    row.opened_on = each.get<std::string>(4);
    row.owner = each.get<int>(5);
    row.amount = each.get<double>(6);
    row.lines = each.get<int>(7);
    ++count;
  }
  keep(read);
  return count;
}

struct connections {
  connections(const std::string& path, hasten::query_monitor& monitor)
      : pool({.path = path, .readers = 1}, monitor), raw(path) {
    hasten::apply({}, plain(path));
  }
  soci::session& plain(const std::string& path) {
    everyday.open(soci::sqlite3, "db=" + path);
    return everyday;
  }

  hasten::session_pool pool;
  raw_database raw;
  soci::session everyday;
};

void compare_points(interleave& bench, connections& to, std::int64_t rows) {
  const std::size_t calls = 20'000;  // fewer, and each contender begins with cold caches
  ids some(rows);
  const auto cost = [&](auto&& one) {
    return hasten::bench::cpu_nanoseconds_per(calls, [&] {
      for (std::size_t call = 0; call < calls; ++call) keep(one(some.next()));
    });
  };
  const std::vector<hasten::bench::contender> contenders{
      {"hasten, leased for each call",
       [&] {
         return cost([&](std::int64_t id) { return to.pool.read(soon())->one<sample_row>(point, id); });
       }},
      {"sqlite3, prepared once", [&] { return cost([&](std::int64_t id) { return to.raw.point(id); }); }},
      {"SOCI, sql << ...",
       [&] { return cost([&](std::int64_t id) { return soci_point(to.everyday, id); }); }}};
  const auto alone = bench.compare("one row by its key, each in its own transaction", "ns", contenders);
  bench.ratio("query.sqlite.point.vs_raw", alone[0].median / alone[1].median);
  bench.ratio("query.sqlite.point.vs_soci", alone[0].median / alone[2].median);

  auto db = to.pool.read(soon());
  const auto within = [&](auto&& begin, auto&& one, auto&& end) {
    begin();
    const double result = cost(one);
    end();
    return result;
  };
  const auto together = bench.compare(
      "one row by its key, many in one read transaction", "ns",
      {{"hasten, one lease",
        [&] {
          const hasten::transaction reading(*db, hasten::transaction_mode::read);
          return cost([&](std::int64_t id) { return db->one<sample_row>(point, id); });
        }},
       {"sqlite3, prepared once",
        [&] {
          return within([&] { to.raw.exec("BEGIN"); }, [&](std::int64_t id) { return to.raw.point(id); },
                        [&] { to.raw.exec("COMMIT"); });
        }},
       {"SOCI, sql << ...", [&] {
          return within([&] { to.everyday.begin(); },
                        [&](std::int64_t id) { return soci_point(to.everyday, id); },
                        [&] { to.everyday.commit(); });
        }}});
  bench.ratio("query.sqlite.point_tx.vs_raw", together[0].median / together[1].median);
}

void compare_pages(interleave& bench, connections& to, std::int64_t rows) {
  const std::size_t calls = 800;
  ids some(rows);
  const auto cost = [&](auto&& one) {
    return hasten::bench::cpu_nanoseconds_per(calls, [&] {
      for (std::size_t call = 0; call < calls; ++call) keep(one(some.next()));
    });
  };
  const auto pages = bench.compare(
      "a page of 100 rows", "ns",
      {{"hasten, leased for each call",
        [&] {
          return cost([&](std::int64_t id) { return to.pool.read(soon())->all<sample_row>(page, id); });
        }},
       {"sqlite3, prepared once", [&] { return cost([&](std::int64_t id) { return to.raw.page(id); }); }},
       {"SOCI, rowset<row>",
        [&] { return cost([&](std::int64_t id) { return soci_page(to.everyday, id); }); }}});
  bench.ratio("query.sqlite.page.vs_raw", pages[0].median / pages[1].median);
}

void soci_insert(soci::session& sql, const sample_source& row) {
  long long id = row.id;
  long long owner = row.owner;
  sql << "INSERT INTO sample VALUES(:a,:b,:c,:d,:e,:f,:g,:h,:i,:j)", soci::use(id), soci::use(row.number),
      soci::use(row.status), soci::use(row.payer), soci::use(row.opened_on), soci::use(owner),
      soci::use(row.amount), soci::use(row.lines), soci::use(row.note), soci::use(row.changed_by);
}

const std::vector<std::string> sample_columns{"id",    "number", "status", "payer", "opened_on",
                                              "owner", "amount", "lines",  "note",  "changed_by"};

void compare_inserts(interleave& bench, const workplace& place, hasten::query_monitor& monitor) {
  const std::size_t count = bench.quick() ? 20'000 : 100'000;
  std::vector<sample_source> rows(count);
  for (std::size_t row = 0; row < count; ++row) rows[row].turn_to(static_cast<std::int64_t>(row) + 1);
  hasten::session_pool pool({.path = place.file("ours.db"), .readers = 1}, monitor);
  auto db = pool.write(soon());
  raw_database raw(place.file("raw.db"));
  soci::session everyday(soci::sqlite3, "db=" + place.file("soci.db"));
  hasten::apply({}, everyday);
  const std::string again = std::string("DROP TABLE IF EXISTS sample;") + hasten::bench::sample_table;
  const auto inserts =
      bench.compare("rows inserted in one transaction", "ns",
                    {{"hasten, bulk_writer",
                      [&] {
                        db->script("again", again);
                        return hasten::bench::cpu_nanoseconds_per(count, [&] {
                          hasten::transaction change(*db);
                          hasten::bulk_writer<sample_source> writer(
                              *db, {.name = "sample.load", .table = "sample", .columns = sample_columns});
                          writer.write(rows);
                          change.commit();
                        });
                      }},
                     {"sqlite3, prepared once, row by row",
                      [&] {
                        raw.exec(again.c_str());
                        return hasten::bench::cpu_nanoseconds_per(count, [&] {
                          raw.exec("BEGIN");
                          for (const sample_source& each : rows) raw.insert(each);
                          raw.exec("COMMIT");
                        });
                      }},
                     {"hasten, exec row by row",
                      [&] {
                        db->script("again", again);
                        return hasten::bench::cpu_nanoseconds_per(count, [&] {
                          hasten::transaction change(*db);
                          for (const sample_source& row : rows)
                            db->exec(insert, row.id, row.number, row.status, row.payer, row.opened_on,
                                     row.owner, row.amount, row.lines, row.note, row.changed_by);
                          change.commit();
                        });
                      }},
                     {"SOCI, sql << ..., row by row", [&] {
                        hasten::monitored_session(everyday, monitor).script("again", again);
                        return hasten::bench::cpu_nanoseconds_per(count, [&] {
                          everyday.begin();
                          for (const sample_source& each : rows) soci_insert(everyday, each);
                          everyday.commit();
                        });
                      }}});
  bench.ratio("query.sqlite.insert.vs_raw", inserts[0].median / inserts[1].median);
}

void measure_track(interleave& bench) {
  const std::size_t calls = bench.quick() ? 1'000'000 : 5'000'000;
  hasten::query_monitor monitor;
  std::uint64_t count = 0;
  const auto cost = bench.compare("track() around nothing", "ns",
                                  {{"track",
                                    [&] {
                                      return hasten::bench::cpu_nanoseconds_per(calls, [&] {
                                        for (std::size_t call = 0; call < calls; ++call) {
                                          monitor.track("orders.by_customer", [&] { ++count; });
                                          keep(count);
                                        }
                                      });
                                    }},
                                   {"two readings of the clock", [&] {
                                      return hasten::bench::cpu_nanoseconds_per(calls, [&] {
                                        for (std::size_t call = 0; call < calls; ++call) {
                                          keep(hasten::steady_clock_source::now());
                                          ++count;
                                          keep(hasten::steady_clock_source::now());
                                        }
                                      });
                                    }}});
  bench.ratio("query.track.ns", cost[0].median);
}

}  // namespace

int main(int argc, char** argv) {
  interleave bench(argc, argv);
  if (!bench.ready()) return bench.finish();
  std::mutex mutex;
  std::condition_variable_any never;
  std::jthread sleeper([&](const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    never.wait(lock, stop, [] { return false; });
  });

  const std::int64_t rows = 200'000;
  const workplace place;
  const std::string path = place.file("sample.db");
  fill(path, rows);
  hasten::query_monitor monitor;
  connections to(path, monitor);
  compare_points(bench, to, rows);
  compare_pages(bench, to, rows);
  compare_inserts(bench, place, monitor);
  measure_track(bench);
#ifdef HASTEN_WITH_POSTGRESQL
  hasten::bench::compare_postgresql(bench);
#else
  for (const char* name : {"query.pg.point.vs_raw", "query.pg.page.vs_raw", "query.pg.bulk.vs_raw"})
    bench.skip(name, "built without PostgreSQL");
#endif
  hasten::bench::compare_writers(bench, place);
  hasten::bench::measure_import(bench, place);
  return bench.finish();
}
