// SPDX-License-Identifier: BSL-1.0
#include <workers/jobs.hpp>

#include <hasten/soci/migrator.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/sql_job_store.hpp>

#ifdef HASTEN_WITH_POSTGRESQL
#include <support/postgresql_server.hpp>
#endif
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <system_error>

namespace hasten::bench {

namespace {

using namespace std::chrono_literals;

// A database file with a job table, removed at the end.
class sqlite_jobs {
 public:
  explicit sqlite_jobs(const std::string& name)
      : folder_(std::filesystem::temp_directory_path() /
                ("hasten_bench_jobs_" + name + std::to_string(::getpid()))),
        pool_({.path = (made(folder_) / "jobs.db").string(), .readers = 2}, monitor_),
        store_(pool_) {
    auto db = pool_.write(steady_clock_source::now() + 10s);
    const std::array steps{sql_job_store::schema(1)};
    migrator(*db).apply(steps);
  }
  sqlite_jobs(const sqlite_jobs&) = delete;
  sqlite_jobs& operator=(const sqlite_jobs&) = delete;
  ~sqlite_jobs() {
    std::error_code ignored;  // what cannot be removed lies in the temporary folder
    std::filesystem::remove_all(folder_, ignored);
  }

  void add_finished(std::int64_t count) {
    static constexpr statement fill{
        "bench.fill",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) INSERT INTO "
        "hasten_jobs("
        "kind, state, priority, attempts_max, created_at_ms, scheduled_at_ms, finished_at_ms, payload) "
        "SELECT 'taken', 'completed', 5, 5, i, i, i, x'0101' FROM n"};
    pool_.write(steady_clock_source::now() + 10s)->exec(fill, count);
  }
  sql_job_store& store() noexcept { return store_; }

 private:
  static const std::filesystem::path& made(const std::filesystem::path& folder) {
    std::filesystem::create_directory(folder);
    return folder;
  }

  std::filesystem::path folder_;
  query_monitor monitor_;
  session_pool pool_;
  sql_job_store store_;
};

#ifdef HASTEN_WITH_POSTGRESQL
void bench_postgresql_jobs(interleave& bench, std::size_t jobs) {
  if (const std::string reason = postgresql_server::missing(); !reason.empty())
    return bench.skip("jobs.pg.per_second", reason);
  const postgresql_server server;
  query_monitor monitor;
  session_pool pool(postgresql_options{.connection = server.connection()}, monitor);
  sql_job_store store(pool, {.listen = server.connection()});
  pool.write(steady_clock_source::now() + 10s)
      ->script("bench.schema", sql_job_store::postgresql_schema(1).up);
  const auto speed =
      bench.compare("durable jobs on PostgreSQL: enqueue, run, settle", "jobs/s",
                    {{"one enqueue per transaction", [&] { return jobs_per_second(store, jobs); }}});
  bench.ratio("jobs.pg.per_second", speed[0].median);

  const auto take = [&] { return microseconds_per_take(store, 100); };
  const auto few = bench.compare("taking ten jobs on PostgreSQL", "us", {{"beside few finished", take}});
  const std::int64_t finished = bench.quick() ? 200'000 : 1'000'000;
  pool.write(steady_clock_source::now() + 10s)
      ->exec({"bench.fill",
              "INSERT INTO hasten_jobs(kind, state, priority, attempts_max, created_at_ms, "
              "scheduled_at_ms, finished_at_ms, payload) SELECT 'taken', 'completed', 5, 5, i, i, i, '' FROM "
              "generate_series(1, CAST(?1 AS bigint)) AS i"},
             finished);
  const auto many = bench.compare("taking ten jobs on PostgreSQL", "us",
                                  {{"beside " + std::to_string(finished) + " finished", take}});
  bench.ratio("jobs.pg.take_many_vs_few", many[0].median / few[0].median);
}
#endif

}  // namespace

void bench_jobs(interleave& bench) {
  const std::size_t jobs = bench.quick() ? 3'000 : 10'000;
  const auto speed = bench.compare("durable jobs on SQLite: enqueue, run, settle", "jobs/s",
                                   {{"one enqueue per transaction", [=] {
                                       sqlite_jobs place("speed");
                                       return jobs_per_second(place.store(), jobs);
                                     }}});
  bench.ratio("jobs.sqlite.per_second", speed[0].median);
#ifdef HASTEN_WITH_POSTGRESQL
  bench_postgresql_jobs(bench, jobs);
#else
  bench.skip("jobs.pg.per_second", "built without PostgreSQL");
#endif

  sqlite_jobs few("few");
  sqlite_jobs many("many");
  few.add_finished(1'000);
  many.add_finished(bench.quick() ? 200'000 : 1'000'000);
  const auto take =
      bench.compare("taking ten jobs", "us",
                    {{"beside 1,000 finished", [&] { return microseconds_per_take(few.store(), 100); }},
                     {bench.quick() ? "beside 200,000 finished" : "beside 1,000,000 finished",
                      [&] { return microseconds_per_take(many.store(), 100); }}});
  bench.ratio("jobs.sqlite.take_many_vs_few", take[1].median / take[0].median);
}

}  // namespace hasten::bench
