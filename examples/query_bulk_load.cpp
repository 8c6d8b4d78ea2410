// SPDX-License-Identifier: BSL-1.0
// How are many rows loaded quickly, whole, and again after a crash? A hundred thousand of them, some known already.
#include <hasten/core/clock.hpp>
#include <hasten/soci/bulk_writer.hpp>
#include <hasten/soci/session_pool.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t rows = 100'000;

struct reading {
  std::int64_t id = 0;
  std::string sensor;
  double degrees = 0;
  static constexpr auto fields = hasten::field_list(&reading::id, &reading::sensor, &reading::degrees);
};

reading invented(std::int64_t id) {
  return {.id = id, .sensor = "s" + std::to_string(id % 50), .degrees = static_cast<double>(id % 400) / 10};
}

// [load]
hasten::bulk_report load(hasten::monitored_session& db) {
  hasten::bulk_writer<reading> writer(
      db, {.name = "readings.load",
           .table = "readings",
           .columns = {"id", "sensor", "degrees"},
           .on_conflict = hasten::bulk_conflict::skip,  // a second run leaves what the first one wrote
           .on_progress = [](const hasten::bulk_report& so_far) {
             const auto done = so_far.written + so_far.skipped;
             if (done % 25'000 == 0) std::cout << done << " rows\n";
           }});
  for (std::int64_t id = 0; id < rows; ++id) writer.add(invented(id));
  return writer.finish();  // without it, the last rows are lost
}
// [load]

int run(const std::filesystem::path& path) {
  hasten::query_monitor monitor;
  hasten::session_pool pool({.path = path.string(), .readers = 1}, monitor);
  auto db = pool.write(hasten::steady_clock_source::now() + 2s);
  db->script("schema",
             "CREATE TABLE readings(id INTEGER PRIMARY KEY, sensor TEXT NOT NULL, degrees REAL NOT NULL)");
  const auto began = hasten::steady_clock_source::now();
  const hasten::bulk_report first = load(*db);
  const std::chrono::duration<double> took = hasten::steady_clock_source::now() - began;
  std::cout << first.written << " written, " << static_cast<std::int64_t>(rows / took.count())
            << " a second\n";
  const hasten::bulk_report second = load(*db);
  std::cout << second.skipped << " were there already\n";
  return first.written == rows && second.written == 0 && second.skipped == rows ? 0 : 1;
}

}  // namespace

int main() {
  const auto path = std::filesystem::temp_directory_path() / "hasten_example_bulk_load.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  const int status = run(path);
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path.string() + suffix);
  return status;
}
