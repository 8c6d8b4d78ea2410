// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/detail/sqlite_api.hpp>

#include <query/sample.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace hasten::bench {

/// The reference: SQLite's own interface, each statement prepared once, no monitoring, no checks.
class raw_database {
 public:
  explicit raw_database(const std::string& path) {
    require(sqlite3_open(path.c_str(), &handle_) == SQLITE_OK);
    for (const char* setting : {"PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL",
                                "PRAGMA cache_size=-131072", "PRAGMA mmap_size=268435456"})
      exec(setting);
  }
  raw_database(const raw_database&) = delete;
  raw_database& operator=(const raw_database&) = delete;
  ~raw_database() {
    for (sqlite3_stmt* each : {point_, page_, insert_}) sqlite3_finalize(each);
    sqlite3_close(handle_);
  }

  void exec(const char* text) {
    require(sqlite3_exec(handle_, text, nullptr, nullptr, nullptr) == SQLITE_OK);
  }

  [[nodiscard]] sample_row point(std::int64_t id) {
    if (point_ == nullptr) point_ = prepare(sample_point);
    sqlite3_bind_int64(point_, 1, id);
    require(sqlite3_step(point_) == SQLITE_ROW);
    sample_row row;
    read(point_, row);
    sqlite3_reset(point_);
    return row;
  }

  [[nodiscard]] std::vector<sample_row> page(std::int64_t after) {
    std::vector<sample_row> rows;
    if (page_ == nullptr) page_ = prepare(sample_page);
    sqlite3_bind_int64(page_, 1, after);
    while (sqlite3_step(page_) == SQLITE_ROW) read(page_, rows.emplace_back());
    sqlite3_reset(page_);
    return rows;
  }

  void insert(const sample_source& row) {
    if (insert_ == nullptr) insert_ = prepare(sample_insert);
    sqlite3_bind_int64(insert_, 1, row.id);
    bind(insert_, 2, row.number);
    bind(insert_, 3, row.status);
    bind(insert_, 4, row.payer);
    bind(insert_, 5, row.opened_on);
    sqlite3_bind_int64(insert_, 6, row.owner);
    sqlite3_bind_double(insert_, 7, row.amount);
    sqlite3_bind_int(insert_, 8, row.lines);
    bind(insert_, 9, row.note);
    bind(insert_, 10, row.changed_by);
    require(sqlite3_step(insert_) == SQLITE_DONE);
    sqlite3_reset(insert_);
  }

 private:
  static void require(bool condition) {
    if (condition) return;
    std::fputs("the reference itself failed\n", stderr);
    std::abort();
  }

  sqlite3_stmt* prepare(const char* text) {
    sqlite3_stmt* made = nullptr;
    require(sqlite3_prepare_v3(handle_, text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr) == SQLITE_OK);
    return made;
  }

  static void bind(sqlite3_stmt* to, int at, const std::string& text) {
    sqlite3_bind_text(to, at, text.data(), static_cast<int>(text.size()), nullptr);
  }

  static void text(sqlite3_stmt* from, int column, std::string& out) {
    out.assign(reinterpret_cast<const char*>(sqlite3_column_text(from, column)),
               static_cast<std::size_t>(sqlite3_column_bytes(from, column)));
  }

  static void read(sqlite3_stmt* from, sample_row& row) {
    row.id = sqlite3_column_int64(from, 0);
    text(from, 1, row.number);
    text(from, 2, row.status);
    text(from, 3, row.payer);
    text(from, 4, row.opened_on);
    row.owner = sqlite3_column_int64(from, 5);
    row.amount = sqlite3_column_double(from, 6);
    row.lines = sqlite3_column_int(from, 7);
  }

  sqlite3* handle_ = nullptr;
  sqlite3_stmt* point_ = nullptr;
  sqlite3_stmt* page_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
};

}  // namespace hasten::bench
