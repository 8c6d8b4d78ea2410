// SPDX-License-Identifier: BSL-1.0
// Can a result be larger than the memory? A million rows pass by one at a time; the program looks how much it grew and
// fails if it was more than a little.
#include <hasten/core/clock.hpp>
#include <hasten/soci/session_pool.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t rows = 1'000'000;
constexpr std::int64_t growth_max = 16 << 20;  // the rows together are seven times as large

// [row]
struct event {
  std::int64_t id = 0;
  std::string_view note;  // into the database's own memory: valid until the next row
  static constexpr auto fields = hasten::field_list(&event::id, &event::note);
};
// [row]

std::int64_t resident_bytes() {
  std::int64_t total = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

int run(const std::filesystem::path& path) {
  hasten::query_monitor monitor;
  // A small page cache, and no mapping: both count as resident, and neither grows with the result beyond its bound.
  hasten::session_pool pool(
      {.path = path.string(), .readers = 1, .tuning = {.cache_bytes = 2 << 20, .mmap_bytes = 0}}, monitor);
  const auto deadline = hasten::steady_clock_source::now() + 5min;
  pool.write(deadline)->script("setup",
                               "CREATE TABLE events(id INTEGER PRIMARY KEY, note TEXT NOT NULL);"
                               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000000)"
                               "INSERT INTO events SELECT i, printf('%0100d', i) FROM n");
  auto db = pool.read(deadline);
  std::int64_t begun = 0;
  std::int64_t most = 0;
  std::int64_t sum = 0;
  // [stream]
  const auto seen =
      db->each<event>({"events.stream", "SELECT id, note FROM events ORDER BY id"}, [&](const event& row) {
        sum += row.id + static_cast<std::int64_t>(row.note.size());
        if (row.id == 1000) begun = resident_bytes();
        if (row.id % 10'000 == 0) most = std::max(most, resident_bytes());
      });
  // [stream]
  std::cout << seen << " rows, sum " << sum << ", grew by " << (most - begun) / 1024 << " KiB\n";
  if (most - begun > growth_max) std::cout << "that is too much\n";
  return seen == rows && sum == rows * (rows + 1) / 2 + rows * 100 && most - begun <= growth_max ? 0 : 1;
}

}  // namespace

int main() {
  const auto path = std::filesystem::temp_directory_path() / "hasten_example_stream_rows.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  const int status = run(path);
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  return status;
}
