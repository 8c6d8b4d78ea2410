// SPDX-License-Identifier: BSL-1.0
// A program that has SOCI sessions already keeps them: hasten times what runs on them, and around any other callable.
#include <hasten/query/fingerprint.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/monitored_session.hpp>

#include <soci/soci.h>

#include <cstdint>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

namespace {

// Stands for another database library, whose statements have no names.
std::int64_t other_library_sum(const std::string& sql, const std::vector<std::int64_t>& values) {
  return sql.empty() ? 0 : std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

}  // namespace

int main() {
  hasten::query_monitor monitor({.observer = {.finished = [](const hasten::finished_query& what) {
                                   std::clog << what.name << (what.failed ? " failed\n" : " ran\n");
                                 }}});

  // [session]
  soci::session sql(soci::sqlite3, "db=:memory:");  // yours; it stays open as long as `db` lives
  hasten::plan_book plans({.on_plan = [](const hasten::plan_event& event) {
    if (!event.now.plan.is_good())
      std::clog << event.now.name << " is slow by its plan:\n" << to_text(event.now.plan);
  }});
  hasten::monitored_session db(sql, monitor, {.plans = &plans});
  // Your code as it is, timed and counted under a name, with errors that quote no values:
  db.track("orders.make", [](soci::session& plain) {
    plain << "CREATE TABLE orders(id INTEGER PRIMARY KEY, city TEXT)";
    plain << "INSERT INTO orders(city) VALUES('Ulm')";
  });
  // And the fast verbs on the same session, where it matters:
  const auto count = db.scalar<std::int64_t>({"orders.in", "SELECT count(*) FROM orders WHERE city=:city"},
                                             hasten::param("city", "Ulm"));
  // [session]

  // [callable]
  const std::string made_elsewhere = "SELECT sum(x) FROM t WHERE id IN (17, 4)";
  const auto shape = hasten::fingerprint_of(made_elsewhere, hasten::sql_dialect::postgresql);
  const auto sum = monitor.track(shape.text, [&] { return other_library_sum(made_elsewhere, {1, 2, 3}); });
  // [callable]

  for (const hasten::statement_stats& each : monitor.statements())
    std::cout << each.name << ": " << each.calls << " calls, " << each.errors << " errors\n";
  return count == 1 && sum == 6 && plans.size() == 1 ? 0 : 1;
}
