// SPDX-License-Identifier: BSL-1.0
// Rows a second into the reference app's table of claims, with all its indexes, foreign keys and rules.
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/deferred_indexes.hpp>
#include <hasten/soci/session_pool.hpp>

#include <query/areas.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace hasten::bench {

namespace {

using namespace std::chrono_literals;

struct claim {
  std::string public_id;
  std::int64_t practice = 1;
  std::int64_t provider = 1;
  std::int64_t payer = 1;
  std::int64_t patient = 1;
  std::int64_t source = 1;
  std::string source_ref;
  std::string type = "professional";
  std::string status = "approved";
  std::optional<std::int64_t> billed;
  std::int64_t paid = 0;
  std::string date;
  std::int64_t created_at = 1'700'000'000'000;
  std::int64_t updated_at = 1'700'000'000'000;
  static constexpr auto fields =
      field_list(&claim::public_id, &claim::practice, &claim::provider, &claim::payer, &claim::patient,
                 &claim::source, &claim::source_ref, &claim::type, &claim::status, &claim::billed,
                 &claim::paid, &claim::date, &claim::created_at, &claim::updated_at);
};

constexpr int others = 100;  // providers, and ten times as many patients

// Made in the order of time, as a file of claims is, with public ids that grow as ULIDs do.
std::vector<claim> claims(std::size_t count) {
  std::vector<claim> rows(count);
  for (std::size_t at = 0; at < count; ++at) {
    claim& row = rows[at];
    char text[32];
    std::snprintf(text, sizeof text, "01HV%022zu", at);
    row.public_id = text;
    std::snprintf(text, sizeof text, "claim-%09zu", (at * 7919) % count);
    row.source_ref = text;
    std::snprintf(text, sizeof text, "20%02zu-%02zu-%02zu", 8 + at * 3 / count, 1 + at * 36 / count % 12,
                  1 + at % 28);
    row.date = text;
    row.provider = 1 + static_cast<std::int64_t>(at * 31 % others);
    row.patient = 1 + static_cast<std::int64_t>(at * 17 % (others * 10));
    row.billed = static_cast<std::int64_t>(at % 90'000);
    row.status = at % 3 == 0 ? "pending" : "approved";
  }
  return rows;
}

constexpr const char* parents =
    "INSERT INTO practices VALUES(1,'p','p',0);"
    "INSERT INTO payers(id,public_id,name,payer_type,source_identifier) "
    "VALUES(1,'p','p','medicare','medicare');"
    "INSERT INTO data_sources(id,public_id,practice_id,kind,name) VALUES(1,'d',1,'csv','d');"
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<100) "
    "INSERT INTO providers SELECT i,'r'||i,1,'source','r'||i,NULL,1 FROM n;"
    "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i+1 FROM n WHERE i<1000) "
    "INSERT INTO patients SELECT i,'t'||i,1,CAST('t'||i AS BLOB),0 FROM n;";

}  // namespace

void measure_import(interleave& bench, const workplace& place) {
  const std::size_t count = bench.quick() ? 50'000 : 200'000;
  std::ifstream file(HASTEN_BENCH_CLAIMS_SCHEMA);
  const std::string schema((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const std::vector<claim> rows = claims(count);
  query_monitor monitor;
  int run = 0;
  const auto import = [&](std::size_t together, bool deferred) {
    session_pool pool({.path = place.file("import" + std::to_string(run++) + ".db"), .readers = 1}, monitor);
    auto db = pool.write(steady_clock_source::now() + 30s);
    db->script("schema", schema);
    db->script("parents", parents);
    const double each = nanoseconds_per(count, [&] {
      bulk_writer<claim> writer(
          *db, {.name = "claims.load",
                .table = "claims",
                .columns = {"public_id", "practice_id", "provider_id", "payer_id", "patient_id",
                            "data_source_id", "source_ref", "claim_type", "status", "billed_cents",
                            "paid_cents", "date_of_service", "created_at", "updated_at"},
                .rows_per_transaction = together,
                .on_conflict = bulk_conflict::skip});
      if (deferred)
        with_deferred_indexes(*db, "claims", [&](monitored_session&) { writer.write(rows); });
      else
        writer.write(rows);
    });
    return 1e9 / each;
  };
  const auto result =
      bench.compare("rows into the indexed table of claims", "rows/s",
                    {{"hasten, 1,000 in a transaction", [&] { return import(1'000, false); }},
                     {"hasten, 10,000 in a transaction", [&] { return import(10'000, false); }},
                     {"hasten, all in one, indexes deferred", [&] { return import(10'000, true); }}});
  bench.ratio("query.import.rows_per_second", result[2].median);
}

}  // namespace hasten::bench
