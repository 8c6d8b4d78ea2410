// SPDX-License-Identifier: BSL-1.0
// How does a program bring its database to the schema it needs before it serves, and back? In SQL, in C++, with a copy.
#include <hasten/core/clock.hpp>
#include <hasten/soci/migrator.hpp>
#include <hasten/soci/session_pool.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// [schema]
std::vector<hasten::migration> schema() {
  return {
      {.version = 1,
       .name = "orders",
       .up = "CREATE TABLE orders(id INTEGER PRIMARY KEY, day TEXT NOT NULL); INSERT INTO orders VALUES(1, "
             "'2026-11-20')",
       .down = "DROP TABLE orders"},
      {.version = 2,
       .name = "day numbers",  // what SQL cannot say is said in C++, in the same transaction
       .up_code =
           [](hasten::monitored_session& db) {
             db.exec({"orders.add_column", "ALTER TABLE orders ADD COLUMN day_number INTEGER"});
             for (const auto id : db.all<std::int64_t>({"orders.ids", "SELECT id FROM orders"}))
               db.exec({"orders.number", "UPDATE orders SET day_number=?2 WHERE id=?1"}, id, id * 7);
           },
       .down_code =
           [](hasten::monitored_session& db) {
             db.exec({"orders.drop_column", "ALTER TABLE orders DROP COLUMN day_number"});
           }},
      {.version = 3,
       .name = "compact",  // VACUUM refuses to run in a transaction
       .up = "-- hasten: no_transaction\nVACUUM",
       .down = "SELECT 1"}};
}
// [schema]

void show(const hasten::migration_report& report) {
  for (const hasten::migration_step& each : report.steps)
    std::cout << (each.executed ? (each.up ? "applied " : "undid ") : "would run ") << each.version << ' '
              << each.name << '\n';
  std::cout << "version " << report.version << '\n';
}

int run(const fs::path& folder) {
  hasten::query_monitor monitor;
  hasten::session_pool pool({.path = (folder / "shop.db").string(), .readers = 1}, monitor);
  const auto known = schema();
  // [start]
  auto db = pool.write(hasten::steady_clock_source::now() + 2s);
  hasten::migrator steps(*db);
  show(steps.apply(known, {.dry_run = true}));  // rolled back
  show(steps.apply(known));                     // several programs may start at once: one migrates
  // [start]
  // [back]
  show(steps.apply(known, {.target = 1, .backup = folder / "before.db"}));
  // [back]
  const bool went_back = steps.status(known).version == 1 && fs::exists(folder / "before.db");
  show(steps.apply(known));
  for (const hasten::migration_entry& each : steps.list(known))
    std::cout << each.version << ' ' << hasten::name_of(each.state) << '\n';
  return went_back && db->scalar<int>({"orders.check", "SELECT day_number FROM orders"}) == 7 ? 0 : 1;
}

}  // namespace

int main() {
  const fs::path folder = fs::temp_directory_path() / "hasten_example_migrate";
  fs::remove_all(folder);
  fs::create_directory(folder);
  const int status = run(folder);
  fs::remove_all(folder);
  return status;
}
