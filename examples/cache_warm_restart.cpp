// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/cache_snapshot.hpp>
#include <hasten/cache/memory_cache.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>

int main() {
  using namespace std::chrono_literals;
  const auto file = std::filesystem::temp_directory_path() / "hasten_example_scores.cache";
  {
    hasten::memory_cache<std::string, double> scores({.ttl = 1h});
    scores.put("claims:01JD8T", 0.87);
    hasten::save_snapshot(scores, file);  // when the service stops
  }
  hasten::memory_cache<std::string, double> scores({.ttl = 1h});
  const hasten::snapshot_report report = hasten::restore_snapshot(scores, file);  // when it starts again
  std::printf("%zu restored, %zu were over\n", report.entries, report.expired);
  std::filesystem::remove(file);
  return scores.get("claims:01JD8T") ? 0 : 1;
}
