// SPDX-License-Identifier: BSL-1.0
#include "migrations/backup_command.hpp"

#include "e2e/running_service.hpp"
#include "support/child_process.hpp"
#include "support/text_file.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

child_process::result run_on(const std::string& database, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), HASTEN_REFERENCE_APP);
  arguments.insert(arguments.end(), {"--database", database});
  return run_program(arguments);
}

std::string new_claim_of(httplib::Client& client) {
  const auto page = e2e::get(client, "/api/v1/claims?limit=1");
  const auto& any = page.at("data").as_array().at(0);
  return json::serialize(json::object{{"providerId", any.at("providerId")},
                                      {"payerId", any.at("payerId")},
                                      {"patientId", any.at("patientId")},
                                      {"claimType", "professional"},
                                      {"dateOfService", "2024-03-01"},
                                      {"billedCents", 100}});
}

std::int64_t claims_in(const fs::path& database) {
  hasten::query_monitor monitor;
  hasten::session_pool pool({.path = database.string(), .readers = 1}, monitor);
  auto session = pool.read(hasten::steady_clock_source::now() + std::chrono::seconds(30));
  CHECK(session->scalar<std::string>({"test.check", "PRAGMA integrity_check"}) == "ok");
  return session->scalar<std::int64_t>({"test.count", "SELECT count(*) FROM claims"});
}

}  // namespace

TEST_CASE("a backup made while the server takes claims is whole, and a restore brings it back") {
  const temporary_folder folder;
  const std::string copy = (folder.path() / "copy.db").string();
  const std::string database = (folder.path() / "claims.db").string();
  int acknowledged = 0;
  std::int64_t copied = 0;
  {
    e2e::running_service running(400, [&](claims_app::serve_config& config) { config.database = database; });
    std::atomic<bool> stop{false};
    std::atomic<int> made{0};
    auto client = running.client();
    const std::string body = new_claim_of(client);
    std::thread writer([&] {
      auto mine = running.client();
      while (!stop) {
        const auto answer = mine.Post("/api/v1/claims", body, "application/json");
        if (answer && answer->status == 201) ++made;
      }
    });
    while (made < 5) std::this_thread::yield();
    const int before = made;
    const auto ran = run_on(database, {"backup", copy, "--pages-per-step", "1"});
    INFO(ran.output);
    CHECK(ran.status == 0);
    const int after = made;
    while (made < after + 5) std::this_thread::yield();  // the server goes on
    stop = true;
    writer.join();
    acknowledged = made;
    CHECK(run_on(database, {"backup", copy}).status == 1);  // never over a file that is there
    copied = claims_in(copy);
    CHECK(copied >= 400 + before);
    CHECK(copied <= 400 + after + 1);
    const auto used = run_on(database, {"restore", copy});
    CHECK(used.status == 1);
    CHECK(used.output.find("is in use") != std::string::npos);
  }
  CHECK(claims_in(database) == 400 + acknowledged);
  CHECK(read_file(copy + ".key") == read_file(database + ".key"));
  CHECK((fs::status(copy + ".key").permissions() & fs::perms(077)) == fs::perms::none);
  const auto restored = run_on(database, {"restore", copy});
  INFO(restored.output);
  CHECK(restored.status == 0);
  CHECK(claims_in(database) == copied);
  CHECK(claims_in(database + ".before-restore") == 400 + acknowledged);
}

TEST_CASE("a backup of nothing, a restore of nothing, of a text, and of another database's key are refused") {
  const temporary_folder folder;
  const std::string database = (folder.path() / "claims.db").string();
  const std::string copy = (folder.path() / "copy.db").string();
  CHECK(run_on(database, {"backup", copy}).output.find("there is no database") != std::string::npos);
  CHECK(run_on(database, {"restore", copy}).output.find("there is no copy") != std::string::npos);
  {
    const claims_app::local_database made(database);
  }
  REQUIRE(run_on(database, {"backup", copy}).status == 0);
  std::ofstream(copy, std::ios::trunc) << "this is no database, however long one looks at it; it is a text";
  CHECK(run_on(database, {"restore", copy}).status == 1);
  CHECK(claims_in(database) == 0);
  fs::remove(copy);
  fs::remove(copy + ".key");
  REQUIRE(run_on(database, {"backup", copy}).status == 0);
  std::ofstream(copy + ".key", std::ios::trunc) << "01234567890123456789012345678901";
  const auto other = run_on(database, {"restore", copy});
  CHECK(other.status == 1);
  CHECK(other.output.find("belongs to another database") != std::string::npos);
}
