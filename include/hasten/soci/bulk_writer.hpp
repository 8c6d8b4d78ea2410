// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/bulk_rows.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/parameters.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/soci/savepoint.hpp>
#include <hasten/soci/transaction.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// A row that a bulk_writer could not write. Holds its place, not its data.
struct bulk_failure {
  std::uint64_t row = 0;  ///< counted from 0 over the life of the writer
  query_error_kind kind = query_error_kind::other;
};

/// What a bulk_writer has done.
struct bulk_report {
  std::uint64_t written = 0;
  std::uint64_t skipped = 0;                ///< met a row of the same key, with bulk_conflict::skip
  std::uint64_t failed = 0;                 ///< refused by a constraint, with bulk_errors::skip_row
  std::vector<bulk_failure> failures = {};  ///< the first of these, at most options::failures_max
  std::vector<std::uint64_t> skips = {};    ///< places of the first ones skipped, at most options::skips_max
};

/// What happens to a row whose unique key is in the table already.
enum class bulk_conflict {
  fail,  ///< an error like any other
  skip,  ///< the row in the table stays; the new one is counted as skipped
};

/// What happens when a constraint refuses a row.
enum class bulk_errors {
  stop,      ///< the error is thrown and the transaction it belongs to is rolled back
  skip_row,  ///< the row is noted and the others are written
};

/// Writes many rows into one table, in statements of many rows and transactions of many statements: in SQLite about a
/// quarter less work than one prepared INSERT after another, and several times faster than one transaction for each; in
/// PostgreSQL by a binary COPY, ten times faster than one prepared INSERT after another. COPY knows neither ON CONFLICT nor
/// RETURNING, and takes no value that the server would have to read (a text for an enumeration or an interval); then
/// INSERT statements of many rows serve, about half as fast.
///
/// `Row` has a field list; the columns are named in the same order. When the session is in a transaction already, its
/// owner decides when it ends; otherwise each `rows_per_transaction` rows are committed together.
/// The wrong tool for a handful of rows, and for changing rows that are there: see bulk_updater.
/// The session must outlive it.
/// Thread safety: single-owner.
///
///     hasten::bulk_writer<order> writer(*db, {.name = "orders.load", .table = "orders",
///                                             .columns = {"id", "status", "paid_cents"}});
///     for (order& each : source) writer.add(std::move(each));
///     const hasten::bulk_report& report = writer.finish();
template <mapped_row Row>
class bulk_writer {
 public:
  struct options {
    std::string name = "bulk";              ///< of the statement, for the monitor
    std::string table = {};                 ///< an identifier; it is quoted
    std::vector<std::string> columns = {};  ///< as many as `Row` has fields
    std::size_t rows_per_statement = 0;  ///< of an INSERT, 1..32766 / columns; zero: 100, or as many as fit
    std::size_t rows_per_transaction = 1000;  ///< 1..10000000
    bulk_conflict on_conflict = bulk_conflict::fail;
    bulk_errors on_error = bulk_errors::stop;
    std::size_t failures_max = 1000;  ///< failures described, 0..1000000; the rest is only counted
    /// Rows skipped whose places are told, 0..1000000; the rest is only counted. Zero: none, which costs nothing. Otherwise a
    /// statement of which some rows were skipped is undone and its rows are written one by one.
    std::size_t skips_max = 0;
    /// Called after each transaction, or each `rows_per_transaction` rows within one of the caller's. Empty: nobody.
    std::function<void(const bulk_report&)> on_progress = {};
  };

  /// Throws: std::invalid_argument for an option out of range.
  bulk_writer(monitored_session& session, options chosen)
      : session_(session),
        options_(checked(std::move(chosen))),
        table_(detail::quoted_identifier(options_.table)),
        names_(detail::quoted_identifiers(options_.columns)),
        many_text_(text_for(options_.rows_per_statement)),
        one_text_(text_for(1)) {}
  bulk_writer(const bulk_writer&) = delete;
  bulk_writer& operator=(const bulk_writer&) = delete;

  /// Rows that were added and not flushed are lost: call finish().
  ~bulk_writer() = default;

  /// Takes a row; writes when there are enough for a transaction. Throws: as write().
  void add(Row row) {
    buffer_.push_back(std::move(row));
    if (buffer_.size() >= options_.rows_per_transaction) flush();
  }

  /// Writes what add() took. Throws: as write(), and then the rows not yet written are dropped.
  void flush() {
    const std::vector<Row> rows = std::exchange(buffer_, {});
    write(rows);
  }

  /// Flushes. Returns: the report so far.
  const bulk_report& finish() {
    flush();
    return report_;
  }

  /// Writes rows that the caller holds, without copying them.
  /// Throws: query_error; with bulk_errors::skip_row not for a constraint. Transactions committed before stay.
  void write(std::span<const Row> rows) {
    while (!rows.empty()) {
      const auto part = rows.first(std::min(rows.size(), options_.rows_per_transaction));
      write_together(part);
      rows = rows.subspan(part.size());
      if (options_.on_progress) options_.on_progress(report_);
    }
  }

  /// Writes rows and reads what the database made of them: `expressions` is what stands behind RETURNING, such as "id". Not
  /// for rows taken by add(), and without a part for bulk_errors::skip_row: what a constraint refuses is thrown.
  /// Returns: a row for each one written, none for one skipped; no database promises their order, so let a column tell.
  /// Throws: query_error. Transactions committed before stay.
  template <owning_row Made>
  [[nodiscard]] std::vector<Made> write_returning(std::span<const Row> rows, std::string_view expressions) {
    const std::string returning = " RETURNING " + std::string(expressions);
    const std::string many = many_text_ + returning;
    const std::string one = one_text_ + returning;
    std::vector<Made> made;
    while (!rows.empty()) {
      const auto together = rows.first(std::min(rows.size(), options_.rows_per_transaction));
      std::optional<transaction> own;
      if (!session_.in_transaction()) own.emplace(session_);
      const std::size_t before = made.size();
      for (auto left = together; !left.empty();) {
        const auto part = left.first(part_of(left));
        read_into(made, {options_.name, part.size() == 1 ? one : many}, part);
        left = left.subspan(part.size());
      }
      if (own.has_value()) own->commit();
      report_.written += made.size() - before;
      report_.skipped += together.size() - (made.size() - before);
      rows = rows.subspan(together.size());
      if (options_.on_progress) options_.on_progress(report_);
    }
    return made;
  }

  [[nodiscard]] const bulk_report& report() const noexcept { return report_; }

 private:
  static constexpr std::size_t columns = detail::row_columns<Row>;
  static constexpr std::size_t rows_per_copy = 10'000;  // what is held in memory on its way

  static options checked(options chosen) {
    const std::string who = "bulk_writer";
    constexpr std::size_t rows_max = detail::bulk_parameters_max / columns;
    detail::check_bulk_names(who, chosen.table, chosen.columns, columns);
    detail::check_bulk_number(who, "rows_per_statement", chosen.rows_per_statement, 0, rows_max);
    detail::check_bulk_number(who, "rows_per_transaction", chosen.rows_per_transaction, 1, 10'000'000);
    detail::check_bulk_number(who, "failures_max", chosen.failures_max, 0, 1'000'000);
    detail::check_bulk_number(who, "skips_max", chosen.skips_max, 0, 1'000'000);
    if (chosen.rows_per_statement == 0) chosen.rows_per_statement = std::min(std::size_t{100}, rows_max);
    return chosen;
  }

  [[nodiscard]] std::string text_for(std::size_t rows) const {
    std::string text = "INSERT INTO " + table_ + "(" + names_ + ") VALUES";
    for (std::size_t place = 0; place < rows * columns; ++place) {
      text += place == 0 ? "(?" : place % columns == 0 ? "),(?" : ",?";
      text += std::to_string(place + 1);
    }
    text += ')';
    if (options_.on_conflict == bulk_conflict::skip) text += " ON CONFLICT DO NOTHING";
    return text;
  }

  void write_together(std::span<const Row> rows) {
    const bulk_report before = report_;
    std::optional<transaction> own;
    if (!session_.in_transaction()) own.emplace(session_);
    try {
      while (!rows.empty()) {
        const std::size_t many =
            copies() ? std::min(rows.size(), rows_per_copy) : options_.rows_per_statement;
        const auto part = rows.first(rows.size() >= many ? many : 1);
        if (session_.is_postgresql() && options_.on_error == bulk_errors::skip_row)
          write_or_halve(part);
        else
          write_statement(part);
        rows = rows.subspan(part.size());
      }
      if (own.has_value()) own->commit();
    } catch (...) {
      if (own.has_value()) report_ = before;  // what it counted is rolled back
      throw;
    }
  }

  // On SQLite a statement that fails undoes all its rows by itself, so that they can be tried one by one.
  void write_statement(std::span<const Row> rows) {
    try {
      store(rows);
    } catch (const query_error& failure) {
      if (options_.on_error == bulk_errors::stop || failure.code() != errc::constraint) throw;
      if (rows.size() > 1)
        for (const Row& each : rows) write_statement(std::span(&each, 1));
      else
        note(failure);
    }
  }

  // On PostgreSQL it undoes the transaction, unless a savepoint was set. One bad row among many is found by halves.
  void write_or_halve(std::span<const Row> rows) {
    {
      savepoint attempt(session_);
      try {
        store(rows);
        attempt.release();
        return;
      } catch (const query_error& failure) {
        if (failure.code() != errc::constraint) throw;
        attempt.rollback();
        if (rows.size() == 1) return note(failure);
      }
    }
    write_or_halve(rows.first(rows.size() / 2));
    write_or_halve(rows.subspan(rows.size() / 2));
  }

  // As many as one statement takes; the last ones go one by one, so that there are two texts in all.
  [[nodiscard]] std::size_t part_of(std::span<const Row> rows) const noexcept {
    return rows.size() >= options_.rows_per_statement ? options_.rows_per_statement : 1;
  }

  // Either all of the rows are counted or, when it throws, none.
  void store(std::span<const Row> rows) {
    if (copies() && copy(rows)) return;
    const bulk_report before = session_.is_postgresql() ? report_ : bulk_report{};
    try {
      while (!rows.empty()) {
        const auto part = rows.first(part_of(rows));
        if (options_.skips_max != 0 && part.size() > 1)
          insert_telling(part);
        else
          count(insert(part), part.size());
        rows = rows.subspan(part.size());
      }
    } catch (...) {
      if (session_.is_postgresql()) report_ = before;  // a failure undoes the parts before it as well
      throw;
    }
  }

  [[nodiscard]] std::uint64_t insert(std::span<const Row> rows) {
    return session_.exec_bound({options_.name, rows.size() == 1 ? one_text_ : many_text_},
                               rows.size() * columns, [&](auto& run) { bind_rows(run, rows); });
  }

  void insert_telling(std::span<const Row> rows) {
    savepoint attempt(session_);
    const std::uint64_t written = insert(rows);
    const bool is_mixed = written != 0 && written != rows.size();
    if (is_mixed)
      attempt.rollback();
    else
      attempt.release();
    if (!is_mixed) return count(written, rows.size());
    for (const Row& each : rows) count(insert(std::span(&each, 1)), 1);
  }

  // Of a statement that skipped some rows but not all, it is not known which.
  void count(std::uint64_t written, std::size_t rows) {
    std::uint64_t place = report_.written + report_.skipped + report_.failed;
    for (std::uint64_t left = written == 0 ? rows : 0; left != 0; --left, ++place)
      if (report_.skips.size() < options_.skips_max) report_.skips.push_back(place);
    report_.written += written;
    report_.skipped += rows - written;
  }

  template <class Made>
  void read_into(std::vector<Made>& made, const statement& what, std::span<const Row> rows) {
    session_.run_given(
        what, rows.size() * columns, [&](auto& run) { bind_rows(run, rows); },
        [&made](query_monitor::call& call, auto& execution) {
          const std::size_t before = made.size();
          while (execution.step()) {
            if (made.size() == before) detail::check_columns<Made>(execution);
            detail::read_row(execution, made.emplace_back());
          }
          call.add_rows(made.size() - before);
        });
  }

  void note(const query_error& failure) {
    if (report_.failures.size() < options_.failures_max)
      report_.failures.push_back(
          {.row = report_.written + report_.skipped + report_.failed, .kind = failure.kind()});
    ++report_.failed;
  }

  // COPY knows no ON CONFLICT.
  [[nodiscard]] bool copies() const noexcept {
    return session_.is_postgresql() && options_.on_conflict == bulk_conflict::fail && !is_copy_refused_;
  }

  // Returns: false if a value has no binary form that the column takes; nothing was sent then.
  [[nodiscard]] bool copy(std::span<const Row> rows) {
    if constexpr (detail::has_postgresql)
      report_.written += session_.exec_link(
          options_.name, [&](auto& link) -> std::uint64_t { return copy_through(link, copy_, rows); });
    return !is_copy_refused_;
  }

  template <class Link, class Copy>
  [[nodiscard]] std::uint64_t copy_through(Link& link, std::optional<Copy>& copy, std::span<const Row> rows) {
    if (!copy.has_value())
      copy.emplace(options_.name,
                   link.column_types(options_.name, "SELECT " + names_ + " FROM " + table_ + " LIMIT 0"));
    copy->clear();
    for (const Row& each : rows) {
      copy->begin_row();
      int at = 0;
      detail::bind_row(*copy, at, each);
    }
    is_copy_refused_ = !copy->is_possible();
    if (is_copy_refused_) return 0;
    return copy->send(link.connection(), "COPY " + table_ + "(" + names_ + ") FROM STDIN (FORMAT binary)");
  }

  static void bind_rows(auto& run, std::span<const Row> rows) {
    int at = 0;
    for (const Row& each : rows) detail::bind_row(run, at, each);
  }

  monitored_session& session_;
  const options options_;
  const std::string table_;  // quoted, as are the names
  const std::string names_;  // of the columns, with commas between
  const std::string many_text_;
  const std::string one_text_;
  std::vector<Row> buffer_;  // shorter than rows_per_transaction between calls
  bulk_report report_;
  std::optional<detail::postgresql_copy> copy_;  // made at its first use
  bool is_copy_refused_ = false;                 // a value has no binary form: INSERT serves from then on
};

}  // namespace hasten
