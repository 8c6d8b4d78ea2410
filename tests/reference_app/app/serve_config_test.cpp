// SPDX-License-Identifier: BSL-1.0
#include "app/serve_config.hpp"

#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <fstream>
#include <string>

using claims_app::check_settings;
using claims_app::serve_settings;

TEST_CASE("what is said by default is acceptable") {
  const auto checked = check_settings({});
  CHECK(checked.errors.empty());
  CHECK(checked.config.port == 8080);
  CHECK(checked.config.seed_claims == 20'000);
  CHECK(checked.config.threads >= 1);
  CHECK(checked.config.workers >= 2);
  CHECK(checked.config.token_is_generated);
  CHECK(checked.config.admin_token != check_settings({}).config.admin_token);
}

TEST_CASE("everything that is wrong is told, not only the first") {
  serve_settings given;
  given.database = "";
  given.address = "localhost";
  given.port = "65536";
  given.threads = "-1";
  given.workers = "x";
  given.queue = "0";
  given.cache_entries = "0";
  given.cache_ttl = "1.5";
  given.slow_query_ms = "";
  given.seed_claims = "many";
  given.drain_seconds = "3601";
  given.log_level = "loud";
  given.admin_token = "short";
  const auto checked = check_settings(given);
  CHECK(checked.errors.size() == 13);
  for (const std::string& sentence : checked.errors) CHECK(sentence.find("short") == std::string::npos);
}

TEST_CASE("an address that others can reach is refused unless it is allowed") {
  serve_settings given;
  given.address = "0.0.0.0";
  REQUIRE(check_settings(given).errors.size() == 1);
  CHECK(check_settings(given).errors[0].find("--allow-remote") != std::string::npos);
  given.allow_remote = true;
  CHECK(check_settings(given).errors.empty());
  CHECK(check_settings(given).config.is_remote);
  given.address = "127.0.0.2";
  CHECK_FALSE(check_settings(given).config.is_remote);
  given.address = "::1";
  CHECK_FALSE(check_settings(given).config.is_remote);
}

TEST_CASE("the token comes from the file, else from the environment, and must be worth something") {
  const temporary_folder folder;
  const std::string file = folder.path() / "token";
  std::ofstream(file) << "from-the-file-0123\nanother line\n";
  serve_settings given;
  given.admin_token = "from-the-environment";
  CHECK(check_settings(given).config.admin_token == "from-the-environment");
  CHECK_FALSE(check_settings(given).config.token_is_generated);
  given.admin_token_file = file;
  CHECK(check_settings(given).config.admin_token == "from-the-file-0123");
  std::ofstream(file) << "with a blank in it\n";
  CHECK(check_settings(given).errors.size() == 1);
  given.admin_token_file = folder.path() / "missing";
  CHECK(check_settings(given).errors.size() == 1);
}
