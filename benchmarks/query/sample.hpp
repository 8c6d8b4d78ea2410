// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/row_mapping.hpp>

#include <cstdint>
#include <string>

namespace hasten::bench {

/// The row that all contenders read: eight of the ten columns of the table.
struct sample_row {
  std::int64_t id = 0;
  std::string number;
  std::string status;
  std::string payer;
  std::string opened_on;
  std::int64_t owner = 0;
  double amount = 0;
  int lines = 0;
  static constexpr auto fields =
      field_list(&sample_row::id, &sample_row::number, &sample_row::status, &sample_row::payer,
                 &sample_row::opened_on, &sample_row::owner, &sample_row::amount, &sample_row::lines);
};

inline constexpr const char* sample_table =
    "CREATE TABLE sample(id INTEGER PRIMARY KEY, number TEXT NOT NULL, status TEXT NOT NULL, payer TEXT NOT "
    "NULL,"
    "opened_on TEXT NOT NULL, owner INTEGER NOT NULL, amount REAL NOT NULL, lines INTEGER NOT NULL,"
    "note TEXT NOT NULL, changed_by TEXT NOT NULL)";
inline constexpr const char* sample_point =
    "SELECT id, number, status, payer, opened_on, owner, amount, lines FROM sample WHERE id=?1";
inline constexpr const char* sample_page =
    "SELECT id, number, status, payer, opened_on, owner, amount, lines FROM sample WHERE id>?1 ORDER BY id "
    "LIMIT 100";
inline constexpr const char* sample_insert = "INSERT INTO sample VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)";

/// A whole row to insert, the same for all contenders.
struct sample_source {
  std::int64_t id = 0;
  std::string number = "C-2024-000001";
  std::string status = "open";
  std::string payer = "northern mutual insurance";
  std::string opened_on = "2024-05-06";
  std::int64_t owner = 4711;
  double amount = 1234.5;
  int lines = 3;
  std::string note = "a note of the sixty characters that a row of this kind has";
  std::string changed_by = "importer";
  static constexpr auto fields =
      field_list(&sample_source::id, &sample_source::number, &sample_source::status, &sample_source::payer,
                 &sample_source::opened_on, &sample_source::owner, &sample_source::amount,
                 &sample_source::lines, &sample_source::note, &sample_source::changed_by);

  void turn_to(std::int64_t row) {
    id = row;
    owner = row % 5000;
    amount = static_cast<double>(row % 100'000) / 7;
    lines = static_cast<int>(row % 9);
    number.replace(7, 6, std::to_string(100'000 + row % 900'000));
  }
};

}  // namespace hasten::bench
