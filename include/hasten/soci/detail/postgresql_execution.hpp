// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/postgresql_connection.hpp>
#include <hasten/soci/detail/postgresql_error.hpp>
#include <hasten/soci/detail/postgresql_parameters.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

/// A statement that the server has read: what it calls it, and the types of what goes in and comes out.
/// Thread safety: single-owner.
class postgresql_statement {
 public:
  /// `forgotten` takes the name of a statement that is no longer wanted, until it can be told to the server.
  explicit postgresql_statement(std::vector<std::string>& forgotten) noexcept : forgotten_(&forgotten) {}
  postgresql_statement(postgresql_statement&& other) noexcept
      : server_name(std::exchange(other.server_name, {})),
        text(std::move(other.text)),
        names(std::move(other.names)),
        parameters(std::move(other.parameters)),
        columns(std::move(other.columns)),
        is_binary(other.is_binary),
        is_stale(other.is_stale),
        forgotten_(other.forgotten_) {}
  postgresql_statement& operator=(postgresql_statement&&) = delete;
  ~postgresql_statement() { forget(); }

  /// Gives up the name; the server is told later.
  void forget() noexcept {
    if (server_name.empty()) return;
    try {
      forgotten_->push_back(std::exchange(server_name, {}));
    } catch (const std::bad_alloc&) {
      server_name.clear();  // it stays on the server until the connection ends
    }
  }

  std::string server_name = {};  // empty: the one that has none, which the next one without a name replaces
  std::string text = {};         // with $1, $2 …
  std::vector<std::string> names = {};  // of the parameters; empty where they are numbered
  std::vector<Oid> parameters = {};
  std::vector<Oid> columns = {};
  bool is_binary = false;  // all columns are of types whose binary form is read here
  bool is_stale = false;   // to be prepared again before its next use

 private:
  std::vector<std::string>* forgotten_;
};

/// A column of the current row; no data is NULL.
struct postgresql_value {
  const char* data = nullptr;
  int size = 0;
  Oid type = 0;
  bool binary = false;
  [[nodiscard]] std::string_view text() const noexcept { return {data, static_cast<std::size_t>(size)}; }
};

/// One execution of a statement, with all of its rows at once or, where it streams, one by one.
/// Thread safety: single-owner.
class postgresql_execution {
 public:
  postgresql_execution(postgresql_connection& connection, const postgresql_statement& statement,
                       std::string_view name, bool streams) noexcept
      : connection_(connection), statement_(statement), name_(name), streams_(streams) {}
  postgresql_execution(const postgresql_execution&) = delete;
  postgresql_execution& operator=(const postgresql_execution&) = delete;
  ~postgresql_execution() {
    if (streams_ && !stream_.ended) drop_rest();
    connection_.stop_reading(stream_);
  }

  /// Sends the statement and receives the beginning of the answer. Returns: false if the server no longer knows it as it
  /// was prepared. Throws: query_error.
  [[nodiscard]] bool start(const postgresql_arguments& arguments, steady_time began) {
    connection_.make_free(name_);
    PGconn* const raw = connection_.raw();
    connection_.check_sent(
        PQsendQueryPrepared(raw, statement_.server_name.c_str(), arguments.count(), arguments.values(),
                            arguments.lengths(), arguments.formats(), statement_.is_binary ? 1 : 0),
        name_);
    if (streams_) {
      PQsetSingleRowMode(raw);
      connection_.read_from(stream_);
    }
    current_ = connection_.next(name_, began);
    const ExecStatusType status = PQresultStatus(current_.get());
    if (status == PGRES_SINGLE_TUPLE) return true;
    stream_.ended = true;
    connection_.stop_reading(stream_);
    if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      connection_.shut();
      throw query_error(query_error_kind::bad_statement,
                        std::string(name_) + ": COPY is not a statement to run here");
    }
    const postgresql_result failure = connection_.rest(name_);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) [[likely]] {
      if (failure != nullptr) throw_postgresql(raw, failure.get(), name_);
      return true;
    }
    if (status == PGRES_EMPTY_QUERY)
      throw query_error(query_error_kind::bad_statement,
                        std::string(name_) + ": there is no statement in the text");
    if (is_stale_plan(current_.get())) return false;
    throw_postgresql(raw, current_.get(), name_);
  }

  /// Returns: whether there is a row to read.
  [[nodiscard]] bool step() {
    if (++row_ < PQntuples(current_.get())) return true;
    if (!streams_ || !has_more()) return false;
    row_ = 0;
    current_ = take();
    if (current_ == nullptr) return false;
    const ExecStatusType status = PQresultStatus(current_.get());
    if (status == PGRES_SINGLE_TUPLE) return true;
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
      return false;  // the end; has_more() receives the rest
    throw_postgresql(connection_.raw(), current_.get(), name_);
  }

  /// Runs to the end and passes over the rows. Returns: how many rows were inserted, updated or deleted.
  std::uint64_t finish() {
    if (streams_)
      while (step()) {
      }
    const std::string_view done = PQcmdStatus(current_.get());
    bool changes = false;
    for (const std::string_view verb : {"INSERT", "UPDATE", "DELETE", "MERGE"})
      changes = changes || done.starts_with(verb);
    std::uint64_t rows = 0;
    const std::string_view count = PQcmdTuples(current_.get());
    if (changes) std::from_chars(count.data(), count.data() + count.size(), rows);
    return rows;
  }

  [[nodiscard]] postgresql_value value(int column) const noexcept {
    const PGresult* const result = current_.get();
    postgresql_value found{.data = nullptr,
                           .size = PQgetlength(result, row_, column),
                           .type = statement_.columns[static_cast<std::size_t>(column)],
                           .binary = statement_.is_binary};
    if (found.size != 0 || PQgetisnull(result, row_, column) == 0)
      found.data = PQgetvalue(result, row_, column);
    return found;
  }
  [[nodiscard]] int columns() const noexcept { return static_cast<int>(statement_.columns.size()); }
  [[nodiscard]] std::string_view column_name(int column) const noexcept {
    const char* const name = PQfname(current_.get(), column);
    return name == nullptr ? std::string_view() : name;
  }
  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] std::string_view command() const noexcept { return PQcmdStatus(current_.get()); }

  /// Nothing is held while the caller's code runs: the connection makes itself free when it is needed.
  void leave() noexcept {}
  void enter() noexcept {}

 private:
  [[nodiscard]] bool has_more() {
    if (!stream_.early.empty()) return true;
    return !stream_.ended;
  }

  [[nodiscard]] postgresql_result take() {
    if (!stream_.early.empty()) {
      postgresql_result first = std::move(stream_.early.front());
      stream_.early.pop_front();
      return first;
    }
    postgresql_result result = connection_.next(name_);
    if (result == nullptr || PQresultStatus(result.get()) != PGRES_SINGLE_TUPLE) {
      stream_.ended = true;
      connection_.stop_reading(stream_);
      if (result != nullptr) static_cast<void>(connection_.rest(name_));
    }
    return result;
  }

  // The visitor wants no more, or threw. What is under way must be received before the connection can be used again: a
  // cancellation would undo what the statement did.
  void drop_rest() noexcept {
    try {
      static_cast<void>(connection_.rest(name_));
    } catch (...) {
      connection_
          .shut();  // the session is replaced; the failure of the caller's own work is on its way already
    }
    stream_.ended = true;
  }

  postgresql_connection& connection_;
  const postgresql_statement& statement_;
  std::string_view name_;
  bool streams_;
  int row_ = -1;               // of the current result
  postgresql_result current_;  // null before start()
  postgresql_stream stream_;   // used where it streams
};

}  // namespace hasten::detail
