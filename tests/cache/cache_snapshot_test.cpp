// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/cache_snapshot.hpp>

#include "support/temporary_folder.hpp"

#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <system_error>
#include <tuple>

using namespace std::chrono_literals;

namespace {

struct score {
  double value = 0;
  std::string reason;
  static constexpr auto fields = std::make_tuple(&score::value, &score::reason);
};

using score_cache = hasten::memory_cache<std::string, score, hasten::cache_hash<std::string>, std::equal_to<>,
                                         hasten::manual_clock>;

struct calendar {
  hasten::wall_time at{1'000'000s};
  [[nodiscard]] hasten::wall_time now() const noexcept { return at; }
};

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

hasten::errc refusal(score_cache& cache, const std::filesystem::path& path) {
  try {
    hasten::restore_snapshot(cache, path);
  } catch (const hasten::error& failure) {
    return static_cast<hasten::errc>(failure.code().value());
  }
  return {};
}

}  // namespace

TEST_CASE("entries come back with their values and the time they have left") {
  const temporary_folder folder;
  const auto file = folder.path() / "scores.cache";
  hasten::manual_clock clock;
  calendar today;
  score_cache before({.ttl = 100s}, clock);
  before.put("a", {1.5, "high"});
  before.put("b", {2.5, ""}, 0s);
  before.put("c", {3.5, "short"}, 20s);
  clock.advance(10s);
  const auto saved = hasten::save_snapshot(before, file, today);
  CHECK(saved.entries == 3);
  CHECK(saved.bytes == std::filesystem::file_size(file));

  hasten::manual_clock later;
  today.at += 30s;
  score_cache after({.ttl = 100s}, later);
  const auto restored = hasten::restore_snapshot(after, file, today);
  CHECK(restored.found);
  CHECK(restored.entries == 2);
  CHECK(restored.expired == 1);
  CHECK(after.get("a")->reason == "high");
  CHECK(after.get("b")->value == 2.5);
  CHECK(!after.get("c"));
  later.advance(59s);
  CHECK(after.get("a"));
  later.advance(1s);
  CHECK(!after.get("a"));
  CHECK(after.get("b"));
}

TEST_CASE("a calendar that was set back takes no time from entries and gives none") {
  const temporary_folder folder;
  const auto file = folder.path() / "scores.cache";
  hasten::manual_clock clock;
  calendar today;
  score_cache cache({.ttl = 100s}, clock);
  cache.put("a", {1, ""});
  hasten::save_snapshot(cache, file, today);
  today.at -= 1h;
  hasten::restore_snapshot(cache, file, today);
  clock.advance(99s);
  CHECK(cache.get("a"));
  clock.advance(1s);
  CHECK(!cache.get("a"));
}

TEST_CASE("without a file nothing is restored, and that is no failure") {
  const temporary_folder folder;
  score_cache cache;
  CHECK(!hasten::restore_snapshot(cache, folder.path() / "none").found);
  CHECK(cache.size() == 0);
}

TEST_CASE("an empty cache makes a file that restores nothing") {
  const temporary_folder folder;
  score_cache cache;
  hasten::save_snapshot(cache, folder.path() / "empty");
  CHECK(hasten::restore_snapshot(cache, folder.path() / "empty").entries == 0);
}

TEST_CASE("a file with any one bit changed, or cut short anywhere, is refused whole") {
  const temporary_folder folder;
  const auto file = folder.path() / "scores.cache";
  score_cache cache;
  cache.put("a", {1.5, "x"});
  cache.put("b", {2.5, "y"});
  hasten::save_snapshot(cache, file);
  const std::string whole = text_of(file);
  score_cache fresh;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string changed = whole;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    write(file, changed);
    CHECK(refusal(fresh, file) == hasten::errc::bad_format);
    write(file, whole.substr(0, at));
    CHECK(refusal(fresh, file) == hasten::errc::bad_format);
  }
  write(file, whole + "x");
  CHECK(refusal(fresh, file) == hasten::errc::bad_format);
  CHECK(fresh.size() == 0);
  write(file, whole);
  CHECK(refusal(fresh, file) == hasten::errc{});
  CHECK(fresh.size() == 2);
  CHECK_THROWS_AS(hasten::restore_snapshot(fresh, file, calendar{}, 10), hasten::error);
  CHECK(refusal(fresh, folder.path()) == hasten::errc::bad_format);  // a folder
}

TEST_CASE("a file of other types is refused") {
  const temporary_folder folder;
  const auto file = folder.path() / "numbers.cache";
  hasten::memory_cache<std::string, bool> numbers;
  numbers.put("a", true);
  hasten::save_snapshot(numbers, file);
  score_cache cache;
  CHECK(refusal(cache, file) == hasten::errc::bad_format);
}

TEST_CASE("a snapshot that cannot be written leaves the one there was, and nothing else") {
  const temporary_folder folder;
  score_cache cache;
  cache.put("a", {1.5, "x"});
  CHECK_THROWS_AS(hasten::save_snapshot(cache, folder.path() / "no" / "such" / "folder"), std::system_error);
  std::filesystem::create_directory(folder.path() / "taken");
  CHECK_THROWS_AS(hasten::save_snapshot(cache, folder.path() / "taken"), std::system_error);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("the owner alone can read a snapshot") {
  const temporary_folder folder;
  score_cache cache;
  hasten::save_snapshot(cache, folder.path() / "f");
  using std::filesystem::perms;
  CHECK(std::filesystem::status(folder.path() / "f").permissions() ==
        (perms::owner_read | perms::owner_write));
}
