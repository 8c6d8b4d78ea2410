// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/query/migration_plan.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/parameters.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What a database keeps of a read model beside its rows.
struct read_model_state {
  std::int64_t version = 0;  ///< grows by one with each refresh; zero: never filled
  std::int64_t rows = 0;
  std::int64_t watermark = 0;        ///< how far the sources were read
  std::int64_t refreshed_at_ms = 0;  ///< unix milliseconds, UTC, when the refresh began
  std::int64_t duration_us = 0;      ///< of the last refresh
  std::string definition = {};       ///< a checksum of what it was made by
  static constexpr auto fields = field_list(&read_model_state::version, &read_model_state::rows,
                                            &read_model_state::watermark, &read_model_state::refreshed_at_ms,
                                            &read_model_state::duration_us, &read_model_state::definition);

  /// Returns: how old what it shows may be; the longest time there is for one that was never filled.
  [[nodiscard]] std::chrono::milliseconds staleness(wall_time now) const noexcept {
    if (version == 0) return std::chrono::milliseconds::max();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()) -
           std::chrono::milliseconds(refreshed_at_ms);
  }
};

/// What one refresh did.
struct read_model_report {
  std::int64_t version = 0;
  bool rebuilt = false;       ///< all of it, not only what changed
  std::int64_t rows = 0;      ///< in the table afterwards
  std::int64_t replaced = 0;  ///< written by this refresh
  std::chrono::nanoseconds duration{};
};

/// The result of a SELECT kept in a table, for answers that are read far more often than what they are computed from
/// changes: sums by month, a joined list.
///
/// A rebuild computes all of it into a table beside, and swaps the two in the same transaction: readers see the old rows
/// or the new ones. With `key`, `changed` and `watermark`, a refresh computes only the rows of keys that changed since the
/// last one. A definition that was edited is rebuilt by itself. Callers who ask while a refresh runs share the next one, so that
/// what they wrote before asking is in it.
///
/// On PostgreSQL one without `changed` is a materialised view, refreshed concurrently where it has a `key`, which must be
/// unique; readers do not wait. With `changed` it is a table there too.
///
/// On SQLite who computes holds the write lock: the wrong tool for a SELECT that takes longer than writers can wait, and for
/// one that is fast enough as it is.
/// Thread safety: thread-safe.
///
///     hasten::read_model by_month({.name = "sales_by_month",
///         .select = "SELECT month, sum(cents) AS cents FROM orders GROUP BY month",
///         .indexes = {"cents"}, .key = {"month"},
///         .changed = "SELECT DISTINCT month FROM orders WHERE changed_at >= :watermark",
///         .watermark = "SELECT coalesce(max(changed_at), 0) FROM orders"});
///     by_month.refresh_if_older(pool, 60s, deadline);        // from whatever runs things regularly
///     auto top = db->all<row>({"sales.top", "SELECT month, cents FROM sales_by_month ORDER BY cents DESC LIMIT 3"});
class read_model {
 public:
  struct options {
    std::string name = {};    ///< of the table: a lower-case letter, then letters, digits and _, at most 48
    std::string select = {};  ///< one SELECT whose columns have names
    std::vector<std::string> indexes =
        {};  ///< each the columns of an index: "payer_id, day DESC"; at most 20
    /// Columns of `select` by which rows are replaced; needed with the next two.
    std::vector<std::string> key = {};
    // For refreshes of what changed: both or neither.
    std::string changed =
        {};  ///< a SELECT of the keys that changed since :watermark; better too many than too few
    std::string watermark = {};  ///< a SELECT of one integer that grows with each change of the sources
  };

  /// Throws: std::invalid_argument for an option out of range.
  explicit read_model(options chosen)
      : options_(checked(std::move(chosen))),
        definition_(definition_of(options_)),
        label_("read_model." + options_.name) {}
  read_model(const read_model&) = delete;
  read_model& operator=(const read_model&) = delete;

  /// Brings the table up to date: what changed, or all of it where that is not declared, was never done, or the
  /// definition is another one by now.
  /// Throws: query_error; error(errc::timeout) for who waited for another's refresh until `deadline`; errors of the pool.
  /// The table is then as it was. Blocks on: the writer, until `deadline`; another refresh, until `deadline`.
  read_model_report refresh(session_pool& pool, steady_time deadline) {
    return shared(pool, deadline, false);
  }

  /// As refresh(), but computes everything.
  read_model_report rebuild(session_pool& pool, steady_time deadline) { return shared(pool, deadline, true); }

  /// As refresh(), if the last one began at least `age` ago. Returns: nothing where it did not.
  std::optional<read_model_report> refresh_if_older(session_pool& pool, std::chrono::milliseconds age,
                                                    steady_time deadline) {
    {
      auto session = pool.read(deadline);
      if (state(*session).staleness(wall_clock_source::now()) < age) return std::nullopt;
    }
    return refresh(pool, deadline);
  }

  /// Returns: what the database keeps of it; version 0 if it was never filled. Throws: query_error.
  [[nodiscard]] read_model_state state(monitored_session& session) const {
    if (!session.one<bool>(session.is_postgresql() ? table_exists_postgresql : table_exists_sqlite))
      return {};
    return session.maybe<read_model_state>(read_state, options_.name).value_or(read_model_state{});
  }

  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }

 private:
  static constexpr statement table_exists_sqlite{
      "read_model.exists",
      "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE type='table' AND name='hasten_read_models')"};
  static constexpr statement table_exists_postgresql{"read_model.exists",
                                                     "SELECT to_regclass('hasten_read_models') IS NOT NULL"};
  static constexpr statement read_state{"read_model.state",
                                        "SELECT version, rows, watermark, refreshed_at_ms, duration_us, "
                                        "definition FROM hasten_read_models WHERE name=?1"};
  static constexpr statement write_state{
      "read_model.write_state",
      "INSERT INTO hasten_read_models VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT(name) DO UPDATE SET "
      "version=excluded.version, rows=excluded.rows, watermark=excluded.watermark, "
      "refreshed_at_ms=excluded.refreshed_at_ms, duration_us=excluded.duration_us, "
      "definition=excluded.definition"};

  static options checked(options chosen) {
    const auto refuse = [](const std::string& rule) { throw std::invalid_argument("read_model: " + rule); };
    const auto is_name_part = [](char each) {
      return (each >= 'a' && each <= 'z') || (each >= '0' && each <= '9') || each == '_';
    };
    if (chosen.name.empty() || chosen.name.size() > 48 || chosen.name[0] < 'a' || chosen.name[0] > 'z' ||
        !std::all_of(chosen.name.begin(), chosen.name.end(), is_name_part))
      refuse("name must be a lower-case letter, then letters, digits and _, 1..48, got " +
             std::to_string(chosen.name.size()) + " characters");
    if (chosen.select.empty()) refuse("select must not be empty");
    if (chosen.indexes.size() > 20)
      refuse("indexes must be 0..20, got " + std::to_string(chosen.indexes.size()));
    if (chosen.changed.empty() != chosen.watermark.empty())
      refuse("changed and watermark must be given together");
    if (chosen.key.empty() && !chosen.changed.empty()) refuse("key must be given with changed");
    return chosen;
  }

  static std::string definition_of(const options& chosen) {
    std::string text = chosen.select;
    for (const std::string& each : chosen.indexes) text += "\n" + each;
    for (const std::string& each : chosen.key) text += "\n" + each;
    return migration_checksum(text + "\n" + chosen.changed + "\n" + chosen.watermark);
  }

  // One refresh at a time. Who finds one running needs the next, which begins after the call and is one for all.
  read_model_report shared(session_pool& pool, steady_time deadline, bool all) {
    std::unique_lock lock(mutex_);
    wants_all_ = wants_all_ || all;
    const std::uint64_t wanted = begun_ + 1;
    while (ended_ < wanted) {
      if (!running_) return lead(pool, deadline, lock);
      if (done_.wait_until(lock, deadline) == std::cv_status::timeout && ended_ < wanted)
        throw error(errc::timeout, label_);
    }
    if (failure_ != nullptr) std::rethrow_exception(failure_);
    return last_;
  }

  read_model_report lead(session_pool& pool, steady_time deadline, std::unique_lock<std::mutex>& lock) {
    running_ = true;
    ++begun_;
    const bool all = std::exchange(wants_all_, false);
    lock.unlock();
    read_model_report report;
    std::exception_ptr failure;
    try {
      auto session = pool.write(deadline);
      report = run(*session, all);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    running_ = false;
    ended_ = begun_;
    last_ = report;
    failure_ = failure;
    done_.notify_all();
    if (failure != nullptr) std::rethrow_exception(failure);
    return report;
  }

  read_model_report run(monitored_session& session, bool all) const {
    const auto call = session.monitor().start(label_);
    const steady_time began = session.monitor().now();
    const std::int64_t now_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(wall_clock_source::now().time_since_epoch())
            .count();
    transaction change(session);
    prepare(session);
    read_model_state kept =
        session.maybe<read_model_state>(read_state, options_.name).value_or(read_model_state{});
    read_model_report report;
    report.rebuilt = all || options_.changed.empty() || kept.version == 0 || kept.definition != definition_;
    // Before the sources are looked at: what is written with this mark belongs to the next refresh too.
    const auto mark =
        options_.watermark.empty() ? 0 : session.scalar<std::int64_t>({label_, options_.watermark});
    ++kept.version;
    if (report.rebuilt)
      report.replaced = kept.rows = fill_anew(session, kept);
    else
      report.replaced = replace_changed(session, kept);
    const auto took = session.monitor().now() - began;
    session.exec(write_state, options_.name, kept.version, kept.rows, mark, now_ms,
                 std::chrono::duration_cast<std::chrono::microseconds>(took).count(), definition_);
    change.commit();
    report.version = kept.version;
    report.rows = kept.rows;
    report.duration = session.monitor().now() - began;
    return report;
  }

  static void prepare(monitored_session& session) {
    const std::string table =
        "CREATE TABLE IF NOT EXISTS hasten_read_models(name TEXT PRIMARY KEY, version BIGINT NOT NULL,"
        "rows BIGINT NOT NULL, watermark BIGINT NOT NULL, refreshed_at_ms BIGINT NOT NULL,"
        "duration_us BIGINT NOT NULL, definition TEXT NOT NULL);";
    // One refresh at a time among programs: SQLite's write lock does that by itself.
    const char* const lock =
        session.is_postgresql() ? "LOCK TABLE hasten_read_models IN SHARE ROW EXCLUSIVE MODE" : "";
    session.script("read_model.table", table + lock);
  }

  // Returns: how many rows there are. `kept` has the version to come.
  std::int64_t fill_anew(monitored_session& session, const read_model_state& kept) const {
    if (!session.is_postgresql() || !options_.changed.empty())
      session.script(label_, table_text(kept.version));
    else if (kept.version == 1 || kept.definition != definition_)
      session.script(label_, view_text(kept.version));
    else
      session.script(label_, "REFRESH MATERIALIZED VIEW " +
                                 std::string(options_.key.empty() ? "" : "CONCURRENTLY ") + options_.name);
    return session.scalar<std::int64_t>({label_, "SELECT count(*) FROM " + options_.name});
  }

  [[nodiscard]] std::string table_text(std::int64_t version) const {
    const std::string fresh = options_.name + "__new";
    return "DROP TABLE IF EXISTS " + fresh + "; CREATE TABLE " + fresh + " AS " + options_.select + ";" +
           indexes_text(fresh, version, "INDEX ") + "DROP TABLE IF EXISTS " + options_.name +
           "; ALTER TABLE " + fresh + " RENAME TO " + options_.name + ";";
  }

  [[nodiscard]] std::string view_text(std::int64_t version) const {
    return "DROP MATERIALIZED VIEW IF EXISTS " + options_.name + "; CREATE MATERIALIZED VIEW " +
           options_.name + " AS " + options_.select + ";" +
           indexes_text(options_.name, version, "UNIQUE INDEX ");
  }

  // Indexes keep their names when their table gets another one; the version keeps them apart from those of the old.
  [[nodiscard]] std::string indexes_text(const std::string& table, std::int64_t version,
                                         const char* of_key) const {
    const auto one = [&](const std::string& part, const std::string& list) {
      return "ix_" + options_.name + "_" + part + "_" + std::to_string(version) + " ON " + table + "(" +
             list + ");";
    };
    std::string text;
    for (std::size_t at = 0; at < options_.indexes.size(); ++at)
      text += "CREATE INDEX " + one(std::to_string(at), options_.indexes[at]);
    if (!options_.key.empty()) text += std::string("CREATE ") + of_key + one("key", columns());
    return text;
  }

  // Returns: how many rows were written.
  std::int64_t replace_changed(monitored_session& session, read_model_state& kept) const {
    const std::string changed = "hasten_changed_" + options_.name;
    session.script(label_, "CREATE TEMP TABLE IF NOT EXISTS " + changed + " AS SELECT " + columns() +
                               " FROM " + options_.name + " LIMIT 0;");
    session.exec({label_, "DELETE FROM " + changed});
    session.exec({label_, "INSERT INTO " + changed + " " + options_.changed},
                 param("watermark", kept.watermark));
    const std::string among = " WHERE (" + columns() + ") IN (SELECT " + columns() + " FROM " + changed + ")";
    const auto removed = session.exec({label_, "DELETE FROM " + options_.name + among});
    const auto added = session.exec({label_, "INSERT INTO " + options_.name + " SELECT * FROM (" +
                                                 options_.select + ") AS fresh" + among});
    kept.rows += static_cast<std::int64_t>(added) - static_cast<std::int64_t>(removed);
    return static_cast<std::int64_t>(added);
  }

  [[nodiscard]] std::string columns() const {
    std::string list;
    for (const std::string& each : options_.key) list += (list.empty() ? "" : ", ") + each;
    return list;
  }

  const options options_;
  const std::string definition_;
  const std::string label_;

  std::mutex mutex_;  // guards all below; no SQL runs under it
  std::condition_variable done_;
  std::uint64_t begun_ = 0;  // refreshes that were begun, and ended
  std::uint64_t ended_ = 0;
  bool running_ = false;
  bool wants_all_ = false;  // of the next one
  read_model_report last_;
  std::exception_ptr failure_;  // of the last one
};

}  // namespace hasten
