// SPDX-License-Identifier: BSL-1.0
#include "app/doctor.hpp"

#include "e2e/program.hpp"
#include "support/self_signed.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch_test_macros.hpp>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using claims_app::finding;
using claims_app::finding_state;
using namespace std::chrono_literals;

namespace {

claims_app::doctor_view healthy() {
  return {.descriptors = 65'536,
          .disk_free = std::uint64_t{10} << 30,
          .now = hasten::wall_clock_source::now(),
          .clock_is_synchronised = true};
}

std::vector<finding> examined(const std::filesystem::path& database,
                              const claims_app::doctor_view& machine = healthy(),
                              const std::string& port = "0") {
  return claims_app::examine(
      claims_app::load_config({.file = {},
                               .environment = {{"HASTEN_DATABASE", database.string()},
                                               {"HASTEN_PORT", port},
                                               {"HASTEN_ADMIN_TOKEN", "a-token-for-the-tests"}},
                               .flags = {}}),
      machine);
}

finding of(const std::vector<finding>& all, std::string_view check) {
  const auto found = std::ranges::find(all, check, &finding::check);
  REQUIRE(found != all.end());
  if (found->state != finding_state::ok) CHECK_FALSE(found->cure.empty());
  return *found;
}

void run_sql(const std::filesystem::path& database, const char* sql) {
  sqlite3* opened = nullptr;
  REQUIRE(::sqlite3_open(database.c_str(), &opened) == SQLITE_OK);
  CHECK(::sqlite3_exec(opened, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  ::sqlite3_close(opened);
  std::filesystem::permissions(database, std::filesystem::perms(0600));
}

e2e::program run(const temporary_folder& folder, std::vector<std::string> arguments) {
  return {folder.path(), std::move(arguments)};
}

}  // namespace

TEST_CASE("before a first start everything is well, and nothing is made") {
  const temporary_folder folder;
  const auto all = examined(folder.path() / "new" / "claims.db");
  for (const finding& each : all) {
    INFO(each.check << ": " << each.what);
    CHECK(each.state == finding_state::ok);
  }
  CHECK(of(all, "key").what.find("will be made") != std::string::npos);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a port that is taken is told with who to ask for it") {
  const temporary_folder folder;
  e2e::program server(folder.path(), {"serve", "--port", "0", "--seed-claims", "0", "--database",
                                      folder.path() / "claims.db"});
  const int port = server.port();
  const auto all = examined(folder.path() / "claims.db", healthy(), std::to_string(port));
  CHECK(of(all, "port").state == finding_state::fail);
  CHECK(of(all, "port").cure.find("sport = :" + std::to_string(port)) != std::string::npos);
  // The server is at work on it meanwhile.
  for (const char* check : {"database", "integrity", "write-ahead log", "schema", "database file", "key"})
    CHECK(of(all, check).state == finding_state::ok);
  server.signal(SIGTERM);
  CHECK(server.wait() == 0);
}

TEST_CASE("few descriptors, little space and a clock that is off are told") {
  const temporary_folder folder;
  auto machine = healthy();
  machine.descriptors = 1024;
  machine.disk_free = 500 << 20;
  machine.clock_is_synchronised = false;
  const auto some = examined(folder.path() / "claims.db", machine);
  for (const char* check : {"descriptors", "disk", "clock"})
    CHECK(of(some, check).state == finding_state::warn);
  CHECK(claims_app::worst_of(some) == finding_state::warn);
  machine.descriptors = 64;
  machine.disk_free = 1 << 20;
  machine.now = hasten::wall_time(24h);
  const auto worse = examined(folder.path() / "claims.db", machine);
  for (const char* check : {"descriptors", "disk", "clock"})
    CHECK(of(worse, check).state == finding_state::fail);
}

TEST_CASE("a certificate that ends soon, or that cannot be used, is told") {
  const temporary_folder folder;
  const auto certificate = [&](const self_signed& pair) {
    auto sources = claims_app::settings_sources{
        .file = {},
        .environment = {{"HASTEN_DATABASE", (folder.path() / "claims.db").string()},
                        {"HASTEN_TLS_CERTIFICATE", pair.certificate},
                        {"HASTEN_TLS_KEY", pair.key},
                        {"HASTEN_TLS_PORT", "0"}},
        .flags = {}};
    return claims_app::examine(claims_app::load_config(sources), healthy());
  };
  CHECK(of(certificate(self_signed(folder.path(), "lasting")), "certificate").state == finding_state::ok);
  const self_signed ending(folder.path(), "ending", {.until = std::chrono::hours(24 * 3)});
  CHECK(of(certificate(ending), "certificate").state == finding_state::warn);
  const self_signed old(folder.path(), "old",
                        {.from = -std::chrono::hours(48), .until = -std::chrono::hours(24)});
  CHECK(of(certificate(old), "configuration").state == finding_state::fail);
}

TEST_CASE("a database without its key, with a key open to others, or with none of the steps is told") {
  const temporary_folder folder;
  const std::filesystem::path database = folder.path() / "claims.db";
  run_sql(database, "CREATE TABLE t(a)");
  auto all = examined(database);
  CHECK(of(all, "key").state == finding_state::fail);
  CHECK(of(all, "schema").state == finding_state::warn);
  CHECK(of(all, "write-ahead log").state == finding_state::warn);
  std::ofstream(database.string() + ".key") << std::string(32, 'k');
  std::filesystem::permissions(database.string() + ".key", std::filesystem::perms(0640));
  CHECK(of(examined(database), "key").what.find("open to others") != std::string::npos);
  std::filesystem::permissions(database.string() + ".key", std::filesystem::perms(0600));
  CHECK(of(examined(database), "key").state == finding_state::ok);
  std::ofstream(database.string() + ".key", std::ios::app) << "more";
  CHECK(of(examined(database), "key").state == finding_state::fail);
  std::filesystem::permissions(database, std::filesystem::perms(0644));
  CHECK(of(examined(database), "database file").cure == "chmod 600 " + database.string());
  run_sql(database, "CREATE TABLE hasten_migrations(version); INSERT INTO hasten_migrations VALUES(9999)");
  CHECK(of(examined(database), "schema").state == finding_state::fail);
}

TEST_CASE("a file that is no database, and one that is damaged, are told") {
  const temporary_folder folder;
  std::ofstream(folder.path() / "text.db") << std::string(5000, 'x');
  CHECK(of(examined(folder.path() / "text.db"), "database").state == finding_state::fail);
  const std::filesystem::path database = folder.path() / "damaged.db";
  run_sql(database,
          "CREATE TABLE t(a); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
          "WHERE i < 2000) SELECT hex(randomblob(50)) FROM n");
  {
    std::fstream file(database, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(3 * 4096);
    file << std::string(4096, '\x7f');
  }
  CHECK(of(examined(database), "integrity").state == finding_state::fail);
  auto hasty = healthy();
  hasty.patience = -1h;
  const temporary_folder other;
  run_sql(other.path() / "large.db",
          "CREATE TABLE t(a); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT "
          "i + 1 FROM n WHERE i < 200000) SELECT i FROM n");
  CHECK(of(examined(other.path() / "large.db", hasty), "integrity").state == finding_state::warn);
}

TEST_CASE(
    "the command tells it as a table or as JSON, and its status says whether something has to be mended") {
  const temporary_folder folder;
  const std::string database = folder.path() / "claims.db";
  {
    e2e::program doctor = run(folder, {"doctor", "--port", "0", "--database", database});
    CHECK(doctor.wait() == 0);
    CHECK(doctor.out().find("ok    port ") != std::string::npos);
    CHECK(doctor.out().find("-> umask 077; openssl rand") != std::string::npos);
  }
  std::ofstream(database) << "no database at all, though it is long enough to be taken for one by somebody";
  {
    e2e::program doctor = run(folder, {"doctor", "--json", "--port", "0", "--database", database});
    CHECK(doctor.wait() == 3);
    const boost::json::value told = boost::json::parse(doctor.out());
    CHECK(told.at("state").as_string() == "fail");
    CHECK(told.at("checks").as_array().size() >= 8);
  }
  e2e::program doctor = run(folder, {"doctor", "--port", "many", "--database", database});
  CHECK(doctor.wait() == 3);
  CHECK(doctor.out().find("--port must be a whole number") != std::string::npos);
}
