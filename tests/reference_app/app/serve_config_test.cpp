// SPDX-License-Identifier: BSL-1.0
#include "app/serve_config.hpp"

#include "support/self_signed.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>

using claims_app::load_config;
using claims_app::option_kind;
using claims_app::option_row;
using claims_app::option_rows;
using claims_app::setting_source;
using claims_app::settings_sources;

namespace {

settings_sources flags(std::initializer_list<std::pair<const char*, const char*>> given) {
  settings_sources out;
  for (const auto& [name, text] : given)
    out.flags[name] = {.text = text, .source = setting_source::flag, .where = std::string("--") + name};
  return out;
}

std::string written(const temporary_folder& folder, const std::string& name, const std::string& text) {
  const std::filesystem::path file = folder.path() / name;
  std::ofstream(file) << text;
  std::filesystem::permissions(file, std::filesystem::perms(0600));
  return file.string();
}

const claims_app::effective_setting& setting(const claims_app::checked_config& checked,
                                             std::string_view name) {
  return *std::ranges::find(checked.settings, name, [](const auto& each) { return each.row->name; });
}

bool says(const std::vector<std::string>& sentences, const std::string& words) {
  return std::ranges::any_of(sentences,
                             [&](const std::string& each) { return each.find(words) != each.npos; });
}

}  // namespace

TEST_CASE("what is said by default is acceptable") {
  const auto checked = load_config({});
  CHECK(checked.errors.empty());
  CHECK(checked.warnings.empty());
  CHECK(checked.config.port == 8080);
  CHECK(checked.config.seed_claims == 20'000);
  CHECK(checked.config.threads >= 1);
  CHECK(checked.config.workers >= 2);
  CHECK(checked.config.token_is_generated);
  CHECK(checked.config.admin_token != load_config({}).config.admin_token);
  CHECK(checked.settings.size() == option_rows().size());
}

TEST_CASE("every option has one name, a default that is acceptable, and something that takes it") {
  std::set<std::string_view> names;
  const claims_app::answer_ttls ttls;
  for (const option_row& row : option_rows()) {
    INFO(row.name);
    CHECK(names.insert(row.name).second);
    CHECK_FALSE(row.meaning.empty());
    CHECK_NOTHROW(claims_app::read_option(row, row.fallback));
    const bool is_ttl = row.name.starts_with("cache-ttl-");
    CHECK((row.take != nullptr || is_ttl || row.kind == option_kind::secret_file));
    if (!is_ttl) continue;
    const std::string kind = claims_app::key_of(row).substr(std::string("cache_ttl_").size());
    REQUIRE(ttls.by_kind().contains(kind));
    CHECK(std::to_string(ttls.by_kind().at(kind).count()) == row.fallback);
  }
  for (const auto& [kind, ttl] : ttls.by_kind()) {
    std::string name = "cache-ttl-" + kind;
    std::ranges::replace(name, '_', '-');
    CHECK(names.contains(name));
  }
}

TEST_CASE("the guide's table is the one of the program") {
  std::ostringstream guide;
  guide << std::ifstream(HASTEN_CONFIGURATION_GUIDE).rdbuf();
  CHECK(guide.str().find(claims_app::option_table_markdown()) != std::string::npos);
}

TEST_CASE("everything that is wrong is told, not only the first") {
  auto given = flags({{"database", ""},
                      {"address", "localhost"},
                      {"port", "65536"},
                      {"threads", "-1"},
                      {"workers", "x"},
                      {"queue", "0"},
                      {"cache-entries", "0"},
                      {"cache-ttl", "1.5"},
                      {"slow-query-ms", ""},
                      {"seed-claims", "many"},
                      {"drain-seconds", "3601"},
                      {"log-level", "loud"},
                      {"allow-remote", "perhaps"},
                      {"alert-webhook", "gopher://somewhere"}});
  given.environment = {
      {"HASTEN_ADMIN_TOKEN", "short"}, {"CACHE_TTL_CLAIM", "soon"}, {"CACHE_TTL_CLAIMS", "1"}};
  const auto checked = load_config(given);
  CHECK(checked.errors.size() == 17);
  for (const std::string& sentence : checked.errors) CHECK(sentence.find("short") == std::string::npos);
  CHECK(says(checked.errors, "--port must be a whole number from 0 to 65535, got \"65536\""));
  CHECK(says(checked.errors, "CACHE_TTL_CLAIM must be a whole number from 1 to 315360000, got \"soon\""));
  CHECK(
      says(checked.errors, "CACHE_TTL_CLAIMS names no kind of answer; did you mean HASTEN_CACHE_TTL_CLAIM?"));
  CHECK(says(checked.errors, "--log-level must be one of debug, info, warn, error, off, got \"loud\""));
}

TEST_CASE("an address that others can reach is refused unless it is allowed") {
  REQUIRE(load_config(flags({{"address", "0.0.0.0"}})).errors.size() == 1);
  CHECK(says(load_config(flags({{"address", "0.0.0.0"}})).errors, "--allow-remote"));
  const auto allowed = load_config(flags({{"address", "0.0.0.0"}, {"allow-remote", "true"}}));
  CHECK(allowed.errors.empty());
  CHECK(allowed.config.is_remote);
  CHECK_FALSE(load_config(flags({{"address", "127.0.0.2"}})).config.is_remote);
  CHECK_FALSE(load_config(flags({{"address", "::1"}})).config.is_remote);
}

TEST_CASE("TLS may listen anywhere, and wants a certificate and a key that go together") {
  const temporary_folder folder;
  const self_signed made(folder.path(), "made");
  const self_signed other(folder.path(), "other");
  const auto with = [&](const std::string& key,
                        std::initializer_list<std::pair<const char*, const char*>> more) {
    auto given = flags({{"tls-certificate", made.certificate.c_str()}, {"tls-key", key.c_str()}});
    given.flags.merge(flags(more).flags);
    return load_config(given);
  };
  const auto fine = with(made.key, {{"tls-address", "0.0.0.0"}});
  CHECK(fine.errors.empty());
  CHECK(fine.config.is_remote);
  CHECK(fine.config.tls_port == 8443);
  CHECK_FALSE(with(made.key, {}).config.is_remote);
  CHECK(says(with(other.key, {}).errors, "does not belong to the certificate"));
  CHECK(says(with("", {}).errors, "--tls-certificate needs --tls-key as well"));
  CHECK(
      says(load_config(flags({{"tls-key", made.key.c_str()}})).errors, "--tls-key needs --tls-certificate"));
  CHECK(says(load_config(flags({{"tls-port", "1"}})).errors,
             "--tls-port needs --tls-certificate and --tls-key"));
  CHECK(says(load_config(flags({{"tls-address", "::1"}})).errors, "--tls-address needs --tls-certificate"));
}

TEST_CASE("operators have a listener of their own where others can reach the API, or as it is said") {
  const auto separates = [](std::initializer_list<std::pair<const char*, const char*>> given) {
    const auto checked = load_config(flags(given));
    CHECK(checked.errors.empty());
    return checked.config.separates_admin;
  };
  CHECK_FALSE(separates({}));
  CHECK(separates({{"admin-listener", "on"}}));
  CHECK(separates({{"address", "0.0.0.0"}, {"allow-remote", "true"}}));
  CHECK_FALSE(separates({{"address", "0.0.0.0"}, {"allow-remote", "true"}, {"admin-listener", "off"}}));
  const auto far = flags({{"admin-listener", "on"}, {"admin-address", "10.0.0.1"}});
  REQUIRE(load_config(far).errors.size() == 1);
  CHECK(says(load_config(far).errors, "give --allow-remote"));
}

TEST_CASE("a flag wins over a variable, a variable over the file, the file over the default") {
  const temporary_folder folder;
  settings_sources given = flags({{"port", "3"}});
  given.environment = {{"HASTEN_PORT", "2"}, {"HASTEN_QUEUE", "2"}, {"HASTEN_RATE", ""}};
  given.file = written(folder, "claims.json", R"(// of one site
    {"port": 1, "queue": 1, "workers": 1, /* why not */ "rate": 7, "allow_remote": true,
     "log_level": "warn", "cache_ttl_claim": 60,})");
  const auto checked = load_config(given);
  REQUIRE(checked.errors.empty());
  CHECK(checked.config.port == 3);
  CHECK(checked.config.queue == 2);
  CHECK(checked.config.workers == 1);
  CHECK(checked.config.rate == 7);  // a variable that is empty is not set
  CHECK(checked.config.allows_remote);
  CHECK(checked.config.log_level == "warn");
  CHECK(checked.config.ttls.of("claims:1") == std::chrono::seconds(60));
  CHECK(checked.config.cache_entries == 2000);
  CHECK(setting(checked, "port").where == "--port");
  CHECK(setting(checked, "queue").where == "HASTEN_QUEUE");
  CHECK(setting(checked, "workers").where == given.file + ": workers");
  CHECK(setting(checked, "cache-entries").where == "default");
}

TEST_CASE("all that is wrong in a file is told at once, with the nearest name that there is") {
  const temporary_folder folder;
  settings_sources given;
  given.file =
      written(folder, "claims.json", R"({"prot": 1, "port": "8080", "threads": 1.5, "queue": [1, {"a": 2}],
    "workers": null, "rate": {"burst": 3}, "allow_remote": "yes", "log_level": 3, "completely_unknown": 1,
    "seed_claims": 5, "seed_claims": 6, "drain_seconds": 9999})");
  const auto checked = load_config(given);
  const std::string file = given.file + ": ";
  CHECK(says(checked.errors, file + "prot is no option; did you mean port?"));
  CHECK(says(checked.errors, file + "port must be a whole number from 0 to 65535, without quotes"));
  CHECK(says(checked.errors, file + "threads must be a whole number"));
  CHECK(says(checked.errors, file + "queue must be a single value, not a list"));
  CHECK(says(checked.errors, file + "workers must be a whole number"));
  CHECK(says(checked.errors, file + "rate must be a single value, not an object"));
  CHECK(says(checked.errors, file + "allow_remote must be true or false, without quotes"));
  CHECK(says(checked.errors, file + "log_level must be one of debug, info, warn, error, off, in quotes"));
  CHECK(says(checked.errors, file + "completely_unknown is no option"));
  CHECK(says(checked.errors, file + "seed_claims is there twice"));
  CHECK(says(checked.errors, file + "drain_seconds must be a whole number from 0 to 3600, got \"9999\""));
  CHECK(checked.errors.size() == 11);
}

TEST_CASE("a file that is none is told with the place where it stops being one") {
  const temporary_folder folder;
  const auto errors = [&](const std::string& text) {
    settings_sources given;
    given.file = written(folder, "claims.json", text);
    return load_config(given).errors;
  };
  CHECK(says(errors("{\"port\": 1,\n  \"queue\" 2}"), "line 2, column 11"));
  CHECK(says(errors("[1, 2]"), "must hold one JSON object"));
  CHECK(says(errors("{\"port\": 1"), "line 1"));
  CHECK(says(errors(""), "line 1"));
  CHECK(says(errors("{} {}"), "nothing may follow the object"));
  CHECK(says(errors("{\"port\": 99999999999999999999}"), "port must be"));
  CHECK(errors("{}").empty());
  CHECK(errors("\n{ }\n// the end\n").empty());
  settings_sources given;
  given.file = (folder.path() / "missing.json").string();
  CHECK(says(load_config(given).errors, "cannot be read: No such file"));
  given.file = folder.path().string();
  CHECK(says(load_config(given).errors, "is no regular file"));
}

TEST_CASE("a secret comes from a variable, from a file of its own, or from a file that is closed to others") {
  const temporary_folder folder;
  const std::string token_file = written(folder, "token", "from-the-file-0123\r\nanother line\n");
  settings_sources given;
  given.environment = {{"HASTEN_ADMIN_TOKEN", "from-the-environment"}};
  auto checked = load_config(given);
  CHECK(checked.config.admin_token == "from-the-environment");
  CHECK_FALSE(checked.config.token_is_generated);
  CHECK(setting(checked, "admin-token").shown() == "******");
  given.flags = flags({{"admin-token-file", token_file.c_str()}}).flags;
  checked = load_config(given);
  CHECK(checked.config.admin_token == "from-the-file-0123");
  CHECK(setting(checked, "admin-token").where == "the first line of --admin-token-file");
  given.flags.clear();
  given.file = written(folder, "claims.json", "{\"admin_token_file\": \"" + token_file + "\"}");
  CHECK(load_config(given).config.admin_token == "from-the-environment");
  given.environment.clear();
  CHECK(load_config(given).config.admin_token == "from-the-file-0123");
  given.environment = {{"HASTEN_ADMIN_TOKEN", "from-the-environment"},
                       {"HASTEN_ADMIN_TOKEN_FILE", token_file}};
  CHECK(says(load_config(given).errors, "exclude each other"));
  given.environment.clear();
  given.file = written(folder, "claims.json", R"({"admin_token": "in-the-file-itself"})");
  CHECK(load_config(given).config.admin_token == "in-the-file-itself");
  std::filesystem::permissions(given.file, std::filesystem::perms(0644));
  CHECK(says(load_config(given).errors, "admin_token is a secret in a file that everybody may read"));
}

TEST_CASE("a secret's file has to be there, closed to others, and worth something") {
  const temporary_folder folder;
  const std::string file = written(folder, "token", "from-the-file-0123");
  const auto errors = [&] { return load_config(flags({{"admin-token-file", file.c_str()}})).errors; };
  CHECK(errors().empty());
  std::filesystem::permissions(file, std::filesystem::perms(0440));
  CHECK(errors().empty());
  std::filesystem::permissions(file, std::filesystem::perms(0644));
  CHECK(says(errors(), "--admin-token-file " + file + " may be read by everybody"));
  std::filesystem::permissions(file, std::filesystem::perms(0660));
  CHECK(says(errors(), "chmod 600"));
  written(folder, "token", "with a blank in it\n");
  CHECK(says(errors(), "must be 16 to 512 visible characters"));
  CHECK_FALSE(says(errors(), "with a blank in it"));
  written(folder, "token", "\n");
  CHECK(says(errors(), "has an empty first line"));
  std::filesystem::remove(file);
  CHECK(errors().size() == 1);
}

TEST_CASE("a variable that looks like a slip is told of, others are nobody's business") {
  settings_sources given;
  given.environment = {{"HASTEN_PROT", "1"}, {"HASTEN_NO_INSTALL", "1"}, {"PATH", "/bin"}};
  const auto checked = load_config(given);
  CHECK(checked.errors.empty());
  REQUIRE(checked.warnings.size() == 1);
  CHECK(says(checked.warnings, "HASTEN_PROT is read by nobody; did you mean HASTEN_PORT?"));
}
