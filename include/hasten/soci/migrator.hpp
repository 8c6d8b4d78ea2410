// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/migration_plan.hpp>
#include <hasten/soci/detail/file_lock.hpp>
#include <hasten/soci/detail/migration_dialect.hpp>
#include <hasten/soci/detail/no_transaction_control.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/soci/sqlite_backup.hpp>
#include <hasten/soci/transaction.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

template <>
struct row_fields<applied_migration> {
  static constexpr auto value =
      field_list(&applied_migration::version, &applied_migration::name, &applied_migration::checksum,
                 &applied_migration::applied_at_ms, &applied_migration::duration_us);
};

/// One migration as a report shows it.
struct migration_step {
  int version = 0;
  std::string name = {};
  bool up = true;
  bool executed = true;  ///< false: only listed, or taken as done
  std::chrono::nanoseconds duration{};
};

/// What a migrator did, in order.
struct migration_report {
  std::vector<migration_step> steps = {};
  int version = 0;  ///< the version of the schema afterwards
};

/// Where a schema stands.
struct migration_status {
  std::vector<applied_migration> applied = {};  ///< in order of version
  std::vector<migration_step> pending = {};     ///< what apply() would do
  int version = 0;
};

/// Brings the schema of a SQLite or PostgreSQL database to the version that a program needs.
///
/// Each migration runs in one transaction together with its row in the table `hasten_migrations`, so that
/// after a crash both are there or neither is, and running again is all that it takes to go on. What was applied
/// is compared with what the program knows before anything runs. Several programs may start at once: one
/// migrates, the others wait and find nothing to do.
///
/// A step that cannot run in a transaction says so (see migration::no_transaction); its row is written after it. After a
/// crash in between it runs again. Programs keep out of each other's way by the write lock of SQLite, beside which such a
/// step takes a lock on the empty file `….migrating`, and by an advisory lock of PostgreSQL, where timeouts of statements do
/// not hold for migrations. While a step in C++ runs, it must neither begin nor end a transaction unless it is such a step.
/// Thread safety: single-owner.
///
///     hasten::migrator steps(*pool.write(deadline));
///     const auto report = steps.apply(known);        // or throws error(errc::migration_refused)
class migrator {
 public:
  struct options {
    int target = migration_newest;  ///< the version to reach, 0..newest; below the current one: undo
    /// Run everything in one transaction and roll it back. From a step that needs to be outside of one on, the
    /// steps are only listed.
    bool dry_run = false;
    out_of_order policy = out_of_order::refuse;
    /// SQLite: before the first step down, the database is copied into this file, which must not exist. Empty: no copy.
    std::filesystem::path backup = {};
    /// Bounds the wait for another program at a step without a transaction, and the time of the copy. Above 0.
    std::chrono::nanoseconds patience = std::chrono::minutes(10);
  };

  /// Works on a session that can write and that outlives this object.
  explicit migrator(monitored_session& session)
      : session_(session),
        texts_(session.is_postgresql() ? detail::postgresql_migration_texts
                                       : detail::sqlite_migration_texts) {}

  /// Runs the migrations between the current version and the target.
  /// Returns: what was done, nothing if the schema is at the target already.
  /// Throws: error(errc::migration_refused) as plan_migrations(), and when a migration tries to end its
  /// transaction; query_error when a migration fails, with those before it kept; what a step in C++ throws;
  /// sqlite_backup's errors; std::invalid_argument for an option out of range. Blocks on: the write lock, for at
  /// most the busy timeout; another program's step, for at most options::patience.
  migration_report apply(std::span<const migration> known, options chosen) {
    if (chosen.patience.count() <= 0)
      throw std::invalid_argument("migrator: patience must be above 0, got " +
                                  std::to_string(chosen.patience.count()) + " ns");
    if (session_.is_postgresql() && !chosen.backup.empty())
      throw std::invalid_argument("migrator: backup must be empty on PostgreSQL; use pg_dump");
    detail::check_known(known, chosen.policy);  // refuse bad steps before touching the database
    migration_report report;
    const auto alone = others_out(chosen.patience);
    transaction preparing(session_);
    session_.script("migrations.table", texts_.table);
    if (chosen.dry_run) {
      rehearse(known, chosen, report);
      preparing.rollback();
      return report;
    }
    preparing.commit();
    while (step(known, chosen, report)) {
    }
    return report;
  }
  migration_report apply(std::span<const migration> known) { return apply(known, options{}); }

  /// Undoes the last `count` steps. Otherwise as apply(); the target of `chosen` does not count.
  migration_report roll_back(std::span<const migration> known, std::size_t count, options chosen) {
    chosen.target = target_before(history(), count);
    return apply(known, std::move(chosen));
  }
  migration_report roll_back(std::span<const migration> known, std::size_t count) {
    return roll_back(known, count, options{});
  }

  /// Takes the steps up to `version` as applied without running them, for a database that got its tables in
  /// another way. Throws: error(errc::migration_refused) as plan_baseline(); query_error.
  migration_report baseline(std::span<const migration> known, int version,
                            out_of_order policy = out_of_order::refuse) {
    return rewrite([&](std::span<const applied_migration> applied, migration_report& report) {
      for (const migration* each : plan_baseline(known, applied, version, policy)) {
        session_.exec(add_history, each->version, each->name, checksum_of(*each), unix_milliseconds(), 0);
        report.steps.push_back({.version = each->version, .name = each->name, .executed = false});
      }
    });
  }

  /// Takes over the texts and names that the program has now for versions that are applied: for an edit that
  /// is known to change nothing. Runs none of them.
  /// Throws: error(errc::migration_refused) as plan_repair(); query_error.
  migration_report repair(std::span<const migration> known) {
    return rewrite([&](std::span<const applied_migration> applied, migration_report& report) {
      for (const migration* each : plan_repair(known, applied)) {
        session_.exec(mend_history, each->version, each->name, checksum_of(*each));
        report.steps.push_back({.version = each->version, .name = each->name, .executed = false});
      }
    });
  }

  /// Compares without changing anything. Throws: as apply() when the two do not agree.
  [[nodiscard]] migration_status status(std::span<const migration> known,
                                        out_of_order policy = out_of_order::refuse) {
    migration_status result;
    result.applied = history();
    for (const migration* each : plan_migrations(known, result.applied, migration_newest, policy).steps)
      result.pending.push_back({.version = each->version, .name = each->name, .executed = false});
    result.version = newest(result.applied);
    return result;
  }

  /// Tells of every version how it stands, also where apply() would refuse. Changes nothing; a session that can only
  /// read will do. Throws: query_error.
  [[nodiscard]] std::vector<migration_entry> list(std::span<const migration> known) {
    return list_migrations(known, history());
  }

 private:
  static constexpr statement read_history{
      "migrations.history",
      "SELECT version, name, checksum, applied_at_ms, duration_us FROM hasten_migrations ORDER BY version"};
  static constexpr statement add_history{"migrations.add",
                                         "INSERT INTO hasten_migrations VALUES(?1, ?2, ?3, ?4, ?5)"};
  static constexpr statement mend_history{
      "migrations.mend", "UPDATE hasten_migrations SET name=?2, checksum=?3 WHERE version=?1"};
  static constexpr statement remove_history{"migrations.remove",
                                            "DELETE FROM hasten_migrations WHERE version=?1"};

  std::vector<applied_migration> history() {
    if (!session_.one<bool>(texts_.exists)) return {};
    return session_.all<applied_migration>(read_history);
  }

  static int newest(std::span<const applied_migration> applied) {
    return applied.empty() ? 0 : applied.back().version;
  }

  // Changes the history alone, under the write lock.
  template <class Change>
  migration_report rewrite(Change&& change) {
    migration_report report;
    const auto alone = others_out(options{}.patience);
    transaction together(session_);
    session_.script("migrations.table", texts_.table);
    change(history(), report);
    report.version = newest(history());
    together.commit();
    return report;
  }

  // PostgreSQL: nobody else migrates while the result lives. SQLite: its write lock sees to that.
  std::optional<detail::migration_lock> others_out(std::chrono::nanoseconds patience) {
    using lock = std::optional<detail::migration_lock>;
    if (!session_.is_postgresql()) return lock();
    return lock(std::in_place, session_, steady_clock_source::now() + patience);
  }

  struct next_step {
    const migration* step = nullptr;  // null: nothing is left to do
    bool up = true;
  };

  next_step look(std::span<const migration> known, const options& chosen, migration_report& report) {
    const auto applied = session_.all<applied_migration>(read_history);
    const migration_plan plan = plan_migrations(known, applied, chosen.target, chosen.policy);
    report.version = newest(applied);
    return {.step = plan.steps.empty() ? nullptr : plan.steps.front(), .up = plan.up};
  }

  // Runs the next step. Returns: false when there was none.
  bool step(std::span<const migration> known, const options& chosen, migration_report& report) {
    // The history is read under the write lock: another program may be migrating too.
    transaction change(session_);
    const next_step next = look(known, chosen, report);
    if (next.step == nullptr) return false;
    if (runs_without_transaction(*next.step, next.up)) {
      change.rollback();
      step_outside(known, chosen, report);
      return true;
    }
    if (!next.up) back_up(chosen, report);
    run(next, true, report);
    change.commit();
    report.version = newest(history());
    return true;
  }

  void step_outside(std::span<const migration> known, const options& chosen, migration_report& report) {
    std::optional<detail::file_lock> alone;
    if (!session_.is_postgresql())
      alone.emplace(database_path().string() + ".migrating", steady_clock_source::now() + chosen.patience);
    const next_step next = look(known, chosen, report);
    if (next.step == nullptr || !runs_without_transaction(*next.step, next.up)) return;  // somebody did it
    if (!next.up) back_up(chosen, report);
    run(next, false, report);
    report.version = newest(history());
  }

  // All steps in the transaction that is open, until one does not belong there.
  void rehearse(std::span<const migration> known, const options& chosen, migration_report& report) {
    for (;;) {
      const auto applied = session_.all<applied_migration>(read_history);
      const migration_plan plan = plan_migrations(known, applied, chosen.target, chosen.policy);
      report.version = newest(applied);
      if (plan.steps.empty()) return;
      if (runs_without_transaction(*plan.steps.front(), plan.up)) {
        for (const migration* each : plan.steps)
          report.steps.push_back(
              {.version = each->version, .name = each->name, .up = plan.up, .executed = false});
        return;
      }
      run({.step = plan.steps.front(), .up = plan.up}, true, report);
    }
  }

  void run(const next_step& next, bool inside, migration_report& report) {
    const migration& step = *next.step;
    const steady_time began = session_.monitor().now();
    if (inside)
      execute_inside(step, next.up);
    else
      execute_outside(step, next.up);
    const auto took = session_.monitor().now() - began;
    if (!inside && session_.in_transaction()) {
      static_cast<void>(session_.settle());
      detail::refuse_migration("version " + std::to_string(step.version) + " left a transaction open");
    }
    if (next.up) {
      session_.exec(add_history, step.version, step.name, checksum_of(step), unix_milliseconds(),
                    std::chrono::duration_cast<std::chrono::microseconds>(took).count());
    } else {
      session_.exec(remove_history, step.version);
    }
    report.steps.push_back({.version = step.version, .name = step.name, .up = next.up, .duration = took});
  }

  void execute(const migration& step, bool up) {
    const auto& code = up ? step.up_code : step.down_code;
    if (code)
      code(session_);
    else
      session_.script(up ? "migrations.up" : "migrations.down", up ? step.up : step.down);
  }

  void execute_inside(const migration& step, bool up) {
    const auto refuse = [&step] {
      detail::refuse_migration("version " + std::to_string(step.version) +
                               " begins or ends a transaction itself");
    };
    if (session_.is_postgresql()) {
      for (const std::string_view each : detail::split_script(up ? step.up : step.down))
        if (detail::controls_transaction(each)) refuse();
      session_.script("migrations.patience",
                      "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0");
      execute(step, up);
    } else {
      const detail::no_transaction_control guard(detail::sqlite_handle_of(session_.soci()));
      try {
        execute(step, up);
      } catch (const query_error& failure) {
        if (failure.native_code() != SQLITE_AUTH) throw;
        refuse();
      }
    }
    if (!session_.in_transaction()) refuse();
  }

  // PostgreSQL runs the statements of one text in a transaction, so each is sent by itself.
  void execute_outside(const migration& step, bool up) {
    if (!session_.is_postgresql()) return execute(step, up);
    session_.script("migrations.patience", "SET statement_timeout = 0");
    if (up ? step.up_code : step.down_code) {
      execute(step, up);
    } else {
      for (const std::string_view each : detail::split_script(up ? step.up : step.down))
        session_.script(up ? "migrations.up" : "migrations.down", each);
    }
    session_.script("migrations.patience", "RESET statement_timeout");
  }

  // The copy is of the state before the first step down: nobody else can write while this session holds the lock.
  void back_up(const options& chosen, const migration_report& report) {
    if (chosen.backup.empty() || !report.steps.empty()) return;
    sqlite_backup().save(database_path(), chosen.backup, steady_clock_source::now() + chosen.patience);
  }

  [[nodiscard]] std::filesystem::path database_path() {
    const char* const path = sqlite3_db_filename(detail::sqlite_handle_of(session_.soci()), "main");
    if (path == nullptr || *path == '\0') detail::refuse_migration("this needs a database in a file");
    return path;
  }

  static std::int64_t unix_milliseconds() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(wall_clock_source::now().time_since_epoch())
        .count();
  }

  monitored_session& session_;
  const detail::migration_texts& texts_;
};

}  // namespace hasten
