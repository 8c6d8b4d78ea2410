// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/sqlite_api.hpp>
#include <hasten/soci/detail/sqlite_error.hpp>
#include <hasten/soci/detail/sqlite_file.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

namespace hasten {

/// How far a copy has come.
struct backup_progress {
  std::uint64_t pages_done = 0;
  std::uint64_t pages = 0;  ///< of the database, as far as known by now
};

/// What a copy came to.
struct backup_report {
  std::uint64_t pages = 0;
  std::uint64_t bytes = 0;
  std::uint64_t steps = 0;  ///< between which others had their turn
  std::chrono::nanoseconds duration{};
};

/// Copies a SQLite database into a file while others read and write it, and puts such a file back.
///
/// save() copies page by page from one snapshot: what is committed while it runs is not in the copy, and does not make
/// it begin anew. Until it ends the write-ahead log cannot be emptied and grows by what is written. The copy is checked
/// and forced to the disk before it gets its name, so that a file of that name is a whole one.
///
/// Without a write-ahead log there is no snapshot: a commit by another connection makes the copy begin anew, and a
/// database that is written all the time runs into the deadline. The wrong tool for following a database all the time,
/// and for `:memory:`.
/// Thread safety: thread-compatible.
///
///     hasten::sqlite_backup copier;
///     copier.save("shop.db", "shop-monday.db", now + 5min);
///     copier.restore("shop-monday.db", "shop.db", now + 5min);   // refused while anybody has shop.db open
template <clock_source Clock = steady_clock_source>
class basic_sqlite_backup {
 public:
  struct options {
    std::size_t pages_per_step =
        256;  ///< copied at a stretch, 1..1000000; SQLite's pages have 4 KiB as a rule
    /// Called after each step, with nothing locked. What it throws ends the copy and reaches the caller. Empty: nobody.
    std::function<void(const backup_progress&)> on_progress = {};
  };

  basic_sqlite_backup() : basic_sqlite_backup(options{}) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit basic_sqlite_backup(options chosen, Clock clock = {})
      : options_(checked(std::move(chosen))), clock_(std::move(clock)) {}

  /// Copies `database` into `file`, which must not exist yet and gets the permissions of the database.
  /// Throws: std::invalid_argument if `file` exists; error(errc::timeout) at the deadline; query_error when the
  /// database cannot be read or the copy not be written; std::filesystem::filesystem_error. Nothing of the copy is left
  /// then. Blocks on: the disk; a step that is under way is finished.
  backup_report save(const std::filesystem::path& database, const std::filesystem::path& file,
                     steady_time deadline) const {
    if (std::filesystem::exists(file))
      throw std::invalid_argument("sqlite_backup: the file to write exists already");
    const steady_time began = clock_.now();
    const std::filesystem::path partial = with_suffix(file, ".partial");
    backup_report report = copy(database, partial, deadline);
    install(partial, file);
    report.duration = clock_.now() - began;
    return report;
  }

  /// Puts a copy in the place of `database`, after it passed SQLite's whole integrity check. What was there is kept
  /// beside it as `….before-restore`, in place of an older such file.
  /// Throws: query_error of kind corrupt when the copy is damaged or no database, of kind busy while another connection
  /// has the database open; otherwise as save(). The database is then as it was. Stop the server first: one that starts
  /// while this runs may find the old file.
  backup_report restore(const std::filesystem::path& file, const std::filesystem::path& database,
                        steady_time deadline) const {
    const steady_time began = clock_.now();
    detail::check_integrity(file, "integrity_check");
    const std::filesystem::path partial = with_suffix(database, ".restoring");
    refuse_if_used(database);
    backup_report report = copy(file, partial, deadline);
    refuse_if_used(database);
    set_aside(database);
    install(partial, database);
    report.duration = clock_.now() - began;
    return report;
  }

 private:
  static options checked(options chosen) {
    if (chosen.pages_per_step < 1 || chosen.pages_per_step > 1'000'000)
      throw std::invalid_argument("sqlite_backup: pages_per_step must be 1..1000000, got " +
                                  std::to_string(chosen.pages_per_step));
    return chosen;
  }

  static std::filesystem::path with_suffix(std::filesystem::path path, const char* suffix) {
    path += suffix;
    return path;
  }

  // A half-made copy, removed unless it is kept.
  class unfinished {
   public:
    explicit unfinished(std::filesystem::path path) : path_(std::move(path)) { remove(); }
    unfinished(const unfinished&) = delete;
    unfinished& operator=(const unfinished&) = delete;
    ~unfinished() {
      if (!kept_) remove();
    }
    void keep() noexcept { kept_ = true; }

   private:
    void remove() noexcept {
      for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
        std::error_code ignored;  // what is left over is overwritten by the next attempt
        std::filesystem::remove(path_.string() + suffix, ignored);
      }
    }
    std::filesystem::path path_;
    bool kept_ = false;
  };

  backup_report copy(const std::filesystem::path& from, const std::filesystem::path& to,
                     steady_time deadline) const {
    unfinished partial(to);
    backup_report report;
    {
      const detail::sqlite_file source(from, SQLITE_OPEN_READWRITE);
      source.hold_snapshot();
      const detail::sqlite_file target(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
      // Before the first page is in it: what is copied may be for few eyes.
      std::filesystem::permissions(to, std::filesystem::status(from).permissions());
      run(source.handle(), target.handle(), deadline, report);
    }
    detail::check_integrity(to, "quick_check");
    report.bytes = std::filesystem::file_size(to);
    detail::force_to_disk(to);
    partial.keep();
    return report;
  }

  void run(sqlite3* source, sqlite3* target, steady_time deadline, backup_report& report) const {
    struct finish {
      void operator()(sqlite3_backup* each) const noexcept { sqlite3_backup_finish(each); }
    };
    const std::unique_ptr<sqlite3_backup, finish> job(sqlite3_backup_init(target, "main", source, "main"));
    if (job == nullptr) detail::throw_sqlite(target, "sqlite_backup.begin", true);
    for (int code = SQLITE_OK; code != SQLITE_DONE;) {
      if (clock_.now() >= deadline) throw error(errc::timeout, "sqlite_backup");
      code = sqlite3_backup_step(job.get(), static_cast<int>(options_.pages_per_step));
      ++report.steps;
      report.pages = static_cast<std::uint64_t>(sqlite3_backup_pagecount(job.get()));
      if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        sqlite3_sleep(2);  // somebody writes without a write-ahead log
      else if (code != SQLITE_OK && code != SQLITE_DONE)
        throw query_error(detail::kind_of_sqlite(code, true), "sqlite_backup.step", code,
                          sqlite3_errstr(code));
      if (options_.on_progress)
        options_.on_progress(
            {.pages_done = report.pages - static_cast<std::uint64_t>(sqlite3_backup_remaining(job.get())),
             .pages = report.pages});
    }
  }

  // With a write-ahead log every open connection keeps a lock that leaving that mode needs; without one, only
  // connections at work do.
  static void refuse_if_used(const std::filesystem::path& database) {
    if (!std::filesystem::exists(database)) return;
    try {
      const detail::sqlite_file opened(database, SQLITE_OPEN_READWRITE);
      opened.run("PRAGMA journal_mode=DELETE", "restore.lock");
      opened.run("BEGIN EXCLUSIVE", "restore.lock");
    } catch (const query_error& failure) {
      if (failure.kind() == query_error_kind::busy)
        throw query_error(query_error_kind::busy, "sqlite_backup: the database to replace is in use",
                          failure.native_code());
      if (failure.kind() != query_error_kind::corrupt) throw;  // a damaged file is a reason to restore
    }
  }

  static void set_aside(const std::filesystem::path& database) {
    if (!std::filesystem::exists(database)) return;
    const std::filesystem::path kept = with_suffix(database, ".before-restore");
    for (const char* suffix :
         {"-wal", "-journal"}) {  // of a damaged file; beside the new one they would be replayed
      const std::filesystem::path beside = with_suffix(database, suffix);
      std::filesystem::remove(with_suffix(kept, suffix));
      if (std::filesystem::exists(beside)) std::filesystem::rename(beside, with_suffix(kept, suffix));
    }
    std::filesystem::remove(with_suffix(database, "-shm"));
    std::filesystem::remove(kept);
    std::filesystem::create_hard_link(database, kept);  // a link: the database has its name all the time
  }

  static void install(const std::filesystem::path& partial, const std::filesystem::path& file) {
    std::filesystem::rename(partial, file);
    detail::force_to_disk(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."));
  }

  const options options_;
  const Clock clock_;
};

/// The one that uses the machine's clock.
using sqlite_backup = basic_sqlite_backup<>;

}  // namespace hasten
