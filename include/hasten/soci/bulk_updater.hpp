// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/bulk_rows.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/parameters.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/soci/transaction.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// What a bulk_updater has done.
struct bulk_update_report {
  std::uint64_t changed = 0;                 ///< given rows whose key is in the table
  std::uint64_t missing = 0;                 ///< given rows whose key is not
  std::vector<std::uint64_t> missings = {};  ///< places of the first of these, at most options::missings_max
};

/// Changes many rows that are in a table, each found by its key, in transactions of many rows: in SQLite by one prepared
/// UPDATE after another, which is what it does fastest; in PostgreSQL by statements of many rows, which save the trips.
///
/// `Row` has a field list; the columns are named in the same order, those of the key among them. Of a row that is given
/// twice, the last one holds on both databases. When the session is in a transaction already, its owner decides when it
/// ends; otherwise each `rows_per_transaction` rows are committed together.
/// The wrong tool for one change of many rows, which is a single UPDATE, and where rows may have to be made: see bulk_writer.
/// The session must outlive it.
/// Thread safety: single-owner.
///
///     hasten::bulk_updater<price> prices(*db, {.name = "prices.load", .table = "prices",
///                                              .columns = {"id", "cents"}, .key = {"id"}});
///     const auto& report = prices.write(changed);
///     if (report.missing != 0) std::clog << report.missing << " prices are of nothing\n";
template <mapped_row Row>
class bulk_updater {
 public:
  struct options {
    std::string name = "bulk_update";       ///< of the statement, for the monitor
    std::string table = {};                 ///< an identifier; it is quoted
    std::vector<std::string> columns = {};  ///< as many as `Row` has fields
    std::vector<std::string> key = {};      ///< some of the columns, but not all; unique in the table
    std::size_t rows_per_statement = 0;     ///< PostgreSQL: 1..32766 / columns; zero: 100, or as many as fit
    std::size_t rows_per_transaction = 1000;  ///< 1..10000000
    std::size_t missings_max = 1000;          ///< places told of rows that are missing, 0..1000000
    /// Called after each transaction, or each `rows_per_transaction` rows within one of the caller's. Empty: nobody.
    std::function<void(const bulk_update_report&)> on_progress = {};
  };

  /// Throws: std::invalid_argument for an option out of range.
  bulk_updater(monitored_session& session, options chosen)
      : session_(session), options_(checked(std::move(chosen))) {}
  bulk_updater(const bulk_updater&) = delete;
  bulk_updater& operator=(const bulk_updater&) = delete;

  /// Changes rows that the caller holds. Returns: the report so far.
  /// Throws: query_error, and the transaction it happened in is undone; those committed before stay.
  const bulk_update_report& write(std::span<const Row> rows) {
    prepare();
    while (!rows.empty()) {
      const auto part = rows.first(std::min(rows.size(), options_.rows_per_transaction));
      write_together(part);
      rows = rows.subspan(part.size());
      if (options_.on_progress) options_.on_progress(report_);
    }
    return report_;
  }

  [[nodiscard]] const bulk_update_report& report() const noexcept { return report_; }

 private:
  static constexpr std::size_t columns = detail::row_columns<Row>;

  static options checked(options chosen) {
    const std::string who = "bulk_updater";
    constexpr std::size_t rows_max = detail::bulk_parameters_max / columns;
    detail::check_bulk_names(who, chosen.table, chosen.columns, columns);
    const auto is_column = [&](const std::string& name) {
      return std::count(chosen.columns.begin(), chosen.columns.end(), name) == 1;
    };
    if (chosen.key.empty() || chosen.key.size() >= columns ||
        !std::all_of(chosen.key.begin(), chosen.key.end(), is_column))
      throw std::invalid_argument(who + ": key must be some of the columns, but not all");
    detail::check_bulk_number(who, "rows_per_statement", chosen.rows_per_statement, 0, rows_max);
    detail::check_bulk_number(who, "rows_per_transaction", chosen.rows_per_transaction, 1, 10'000'000);
    detail::check_bulk_number(who, "missings_max", chosen.missings_max, 0, 1'000'000);
    if (chosen.rows_per_statement == 0) chosen.rows_per_statement = std::min(std::size_t{100}, rows_max);
    return chosen;
  }

  [[nodiscard]] bool is_key(std::size_t column) const {
    return std::find(options_.key.begin(), options_.key.end(), options_.columns[column]) !=
           options_.key.end();
  }

  // "left.a=right.a" for each column of the key, or a="b".a for each of the others.
  [[nodiscard]] std::string pairs(bool of_key, const std::string& left, const std::string& right) const {
    std::string text;
    for (std::size_t at = 0; at < columns; ++at) {
      if (is_key(at) != of_key) continue;
      const std::string name = detail::quoted_identifier(options_.columns[at]);
      text += text.empty() ? "" : of_key ? " AND " : ",";
      text += left + name + "=" + (right.empty() ? "?" + std::to_string(at + 1) : right + name);
    }
    return text;
  }

  void prepare() {
    if (!one_text_.empty()) return;
    if (session_.is_postgresql()) {
      read_types();
      many_text_ = text_for(options_.rows_per_statement);
      one_text_ = text_for(1);
    } else {
      one_text_ = "UPDATE " + detail::quoted_identifier(options_.table) + " SET " + pairs(false, "", "") +
                  " WHERE " + pairs(true, "", "");
    }
  }

  // Without the lengths, which would cut a text silently where the column itself refuses it.
  void read_types() {
    const std::string text =
        "SELECT format_type(a.atttypid, -1) FROM unnest(string_to_array(?1, chr(1))) WITH ORDINALITY AS "
        "n(name, at) JOIN pg_attribute AS a ON a.attname=n.name WHERE a.attrelid=to_regclass(?2) AND "
        "a.attnum>0 AND NOT a.attisdropped ORDER BY n.at";
    std::string names;
    for (const std::string& each : options_.columns) names += (names.empty() ? "" : "\1") + each;
    types_ = session_.all<std::string>({"bulk_update.types", text}, names,
                                       detail::quoted_identifier(options_.table));
    if (types_.size() != columns)
      throw query_error(query_error_kind::bad_statement, options_.name + ": the table has no such columns");
  }

  // Tells the places of the rows that are missing. The last one of each key is the one that counts.
  [[nodiscard]] std::string text_for(std::size_t rows) const {
    std::string values;
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t at = 0; at < columns; ++at) {
        values += (at != 0 ? "," : row != 0 ? ",(" : "(") + ("?" + std::to_string(row * columns + at + 1));
        if (row == 0) values += "::" + types_[at];
      }
      values += "," + std::to_string(row) + ")";
    }
    std::string last_of = detail::quoted_identifiers(options_.key);
    std::string told;
    for (const std::string& each : options_.key)
      told += (told.empty() ? "v." : ",v.") + detail::quoted_identifier(each);
    return "WITH given(" + detail::quoted_identifiers(options_.columns) + ",hasten_at) AS (VALUES" + values +
           "), done AS (UPDATE " + detail::quoted_identifier(options_.table) + " AS t SET " +
           pairs(false, "", "v.") + " FROM (SELECT DISTINCT ON (" + last_of + ") * FROM given ORDER BY " +
           last_of + ",hasten_at DESC) AS v WHERE " + pairs(true, "t.", "v.") + " RETURNING " + told +
           ") SELECT hasten_at FROM given WHERE NOT EXISTS(SELECT FROM done WHERE " +
           pairs(true, "done.", "given.") + ") ORDER BY hasten_at";
  }

  void write_together(std::span<const Row> rows) {
    const bulk_update_report before = report_;
    std::optional<transaction> own;
    if (!session_.in_transaction()) own.emplace(session_);
    try {
      while (!rows.empty()) {
        const bool many = session_.is_postgresql() && rows.size() >= options_.rows_per_statement;
        const auto part = rows.first(many ? options_.rows_per_statement : 1);
        if (session_.is_postgresql())
          change_many(part);
        else
          change_one(part.front());
        rows = rows.subspan(part.size());
      }
      if (own.has_value()) own->commit();
    } catch (...) {
      if (own.has_value()) report_ = before;  // what it counted is rolled back
      throw;
    }
  }

  void change_one(const Row& row) {
    const std::uint64_t changed =
        session_.exec_bound({options_.name, one_text_}, columns, [&](auto& run) { bind(run, row); });
    if (changed == 0)
      note_missing(report_.changed + report_.missing);
    else
      ++report_.changed;
  }

  void change_many(std::span<const Row> rows) {
    const std::uint64_t first = report_.changed + report_.missing;
    const std::uint64_t missing_before = report_.missing;
    session_.run_given(
        {options_.name, rows.size() == 1 ? one_text_ : many_text_}, rows.size() * columns,
        [&](auto& run) { bind_many(run, rows); },
        [&](query_monitor::call& call, auto& execution) {
          while (execution.step()) {
            std::int64_t place = 0;
            detail::read_row(execution, place);
            note_missing(first + static_cast<std::uint64_t>(place));
          }
          call.add_rows(rows.size() - (report_.missing - missing_before));
        });
    report_.changed += rows.size() - (report_.missing - missing_before);
  }

  void note_missing(std::uint64_t place) {
    if (report_.missings.size() < options_.missings_max) report_.missings.push_back(place);
    ++report_.missing;
  }

  static void bind(auto& run, const Row& row) {
    int at = 0;
    detail::bind_row(run, at, row);
  }
  static void bind_many(auto& run, std::span<const Row> rows) {
    int at = 0;
    for (const Row& each : rows) detail::bind_row(run, at, each);
  }

  monitored_session& session_;
  const options options_;
  std::string many_text_;  // PostgreSQL only
  std::string one_text_;   // empty before the first write()
  std::vector<std::string> types_;
  bulk_update_report report_;
};

}  // namespace hasten
