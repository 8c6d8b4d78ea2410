// SPDX-License-Identifier: BSL-1.0
#include "importing/import_command.hpp"

#include "reference_app/importing/desynpuf_aggregates.hpp"
#include "reference_app/importing/desynpuf_rows.hpp"
#include "support/child_process.hpp"
#include "support/temporary_folder.hpp"
#include "support/text_file.hpp"

#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/session_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

std::string desynpuf_text(int claims) {
  std::string text = desynpuf_header();
  for (int i = 0; i < claims; ++i)
    text += desynpuf_row{.claim_id = std::to_string(1'000'000 + i),
                         .beneficiary = "member-" + std::to_string(i % 701),
                         .from = i % 50 == 0 ? "" : "20090412",
                         .provider = "P" + std::to_string(i * i % 97),
                         .payment = std::to_string(i % 40 - 2) + ".00"}
                .text();
  return text;
}

std::vector<std::string> import_of(const std::filesystem::path& database, const std::filesystem::path& file,
                                   std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {HASTEN_REFERENCE_APP, "import",          "--format",   "desynpuf",
                                        "--database",         database.string(), file.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

boost::json::object aggregates_in(const std::filesystem::path& database, std::string_view source) {
  hasten::query_monitor monitor;
  hasten::session_pool pool({.path = database.string(), .readers = 1}, monitor);
  const auto session = pool.read(hasten::steady_clock_source::now() + std::chrono::seconds(10));
  return desynpuf_aggregates(*session, source);
}

// Waits until another process has committed so many claims; gives how many there are then.
std::int64_t wait_for_claims(const std::filesystem::path& database, std::int64_t wanted) {
  static constexpr hasten::statement ready{
      "test.ready",
      "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE name = 'hasten_migrations') AND"
      " EXISTS(SELECT 1 FROM sqlite_schema WHERE name = 'claims')"};
  static constexpr hasten::statement count{"test.count", "SELECT count(*) FROM claims"};
  const auto deadline = hasten::steady_clock_source::now() + std::chrono::seconds(60);
  hasten::query_monitor monitor;
  std::unique_ptr<hasten::session_pool> pool;
  std::int64_t found = 0;
  while (found < wanted && hasten::steady_clock_source::now() < deadline) {
    std::this_thread::yield();
    if (!pool && !std::filesystem::exists(database)) continue;
    if (!pool)
      pool = std::make_unique<hasten::session_pool>(
          hasten::session_pool::options{.path = database.string(), .readers = 1}, monitor);
    const auto session = pool->read(deadline);
    if (session->scalar<std::int64_t>(ready) != 0) found = session->scalar<std::int64_t>(count);
  }
  return found;
}

}  // namespace

TEST_CASE("an import killed in the middle and run again gives what an undisturbed one gives") {
  const temporary_folder folder;
  const auto file = write_gz_file(folder.path() / "inpatient.csv.gz", desynpuf_text(8000));
  const auto undisturbed = folder.path() / "undisturbed.db";
  REQUIRE(run_program(import_of(undisturbed, file)).status == 0);

  const auto killed = folder.path() / "killed.db";
  for (const std::int64_t kill_at : {500, 2500, 4500}) {
    child_process import(import_of(killed, file, {"--batch", "100"}));
    REQUIRE(wait_for_claims(killed, kill_at) >= kill_at);
    import.kill();
    CHECK(import.wait().status == -SIGKILL);
  }
  const auto resumed = run_program(import_of(killed, file, {"--batch", "100"}));
  CHECK(resumed.status == 0);
  CHECK(resumed.output.find("went on after record ") != std::string::npos);
  CHECK(resumed.output.find("were there") == std::string::npos);
  CHECK(boost::json::serialize(aggregates_in(killed, "inpatient")) ==
        boost::json::serialize(aggregates_in(undisturbed, "inpatient")));
  CHECK(aggregates_in(killed, "inpatient").at("rows").as_int64() == 8000);
}

TEST_CASE("the exit status says whether rows were refused, and no value of them is shown") {
  const temporary_folder folder;
  const auto database = folder.path() / "claims.db";
  const auto file = write_file(folder.path() / "a.csv", desynpuf_header() + desynpuf_row{}.text() +
                                                            desynpuf_row{.payment = "CANARY"}.text());
  for (int run = 0; run < 2; ++run) {
    const auto ended = run_program(import_of(database, file));
    CHECK(ended.status == claims_app::exit_rows_rejected);
    CHECK(ended.output.find("1 rows rejected") != std::string::npos);
    CHECK(ended.output.find("CANARY") == std::string::npos);
  }
  CHECK(read_file(folder.path() / "claims.db.rejects.csv") ==
        "file,line,reason\na.csv,3,an amount is not a decimal number\n");
  const auto elsewhere =
      run_program(import_of(folder.path() / "b.db", file, {"--rejects", (folder.path() / "r.csv").string()}));
  CHECK(elsewhere.status == claims_app::exit_rows_rejected);
  CHECK(std::filesystem::exists(folder.path() / "r.csv"));
}

TEST_CASE("what cannot be imported is refused with a sentence and leaves no database behind") {
  const temporary_folder folder;
  const auto database = folder.path() / "claims.db";
  const auto missing = run_program(import_of(database, folder.path() / "missing.csv"));
  CHECK(missing.status == 1);
  CHECK(missing.output == "reference_app: missing.csv: there is no such file\n");
  CHECK_FALSE(std::filesystem::exists(database));
  const auto file = write_file(folder.path() / "a.csv", desynpuf_text(1));
  CHECK(run_program(import_of(database, file, {file.string(), "--source", "x"})).status == 1);
  CHECK(run_program(import_of(database, file, {"--batch", "0"})).status != 0);
  CHECK(run_program({HASTEN_REFERENCE_APP, "import", "--format", "synthea", "--database", database.string(),
                     file.string()})
            .status == 1);
  CHECK_FALSE(std::filesystem::exists(database));
}

TEST_CASE("patients without their key are refused, not given a second identity") {
  const temporary_folder folder;
  const auto database = folder.path() / "claims.db";
  REQUIRE(run_program(import_of(database, write_file(folder.path() / "a.csv", desynpuf_text(2)))).status ==
          0);
  std::filesystem::remove(folder.path() / "claims.db.key");
  const auto ended = run_program(import_of(database, write_file(folder.path() / "b.csv", desynpuf_text(3))));
  CHECK(ended.status == 1);
  CHECK(ended.output.find("is missing, and the database holds patients") != std::string::npos);
}
