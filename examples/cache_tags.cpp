// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <chrono>
#include <cstdio>
#include <string>

int main() {
  using namespace std::chrono_literals;
  hasten::memory_cache<std::string, std::string> pages({.ttl = 1h});

  // A page shows claims of two payers: it is outdated when either changes.
  const auto render = [] {
    return hasten::value_for<std::string>{
        .value = "a page", .ttl = 10min, .tags = {"payer:01JD8P", "payer:01JD8Q"}};
  };
  static_cast<void>(pages.get_or_load("claims:page:1", render));
  pages.put("claims:page:2", "another page", hasten::cache_tags{"payer:01JD8R"});

  pages.erase_tag("payer:01JD8Q");
  const bool first = pages.get("claims:page:1").has_value();
  const bool second = pages.get("claims:page:2").has_value();
  std::printf("first page %s, second page %s\n", first ? "kept" : "gone", second ? "kept" : "gone");
  return first ? 1 : 0;
}
