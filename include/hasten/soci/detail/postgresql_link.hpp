// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/placeholder_text.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/query/statement_cache.hpp>
#include <hasten/soci/detail/postgresql_columns.hpp>
#include <hasten/soci/detail/postgresql_connection.hpp>
#include <hasten/soci/detail/postgresql_copy.hpp>
#include <hasten/soci/detail/postgresql_execution.hpp>
#include <hasten/soci/detail/postgresql_explainer.hpp>
#include <hasten/soci/detail/postgresql_parameters.hpp>
#include <hasten/soci/detail/postgresql_types.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

inline constexpr bool has_postgresql = true;

/// What a monitored session has where its database is PostgreSQL: the connection and its prepared statements.
/// Thread safety: single-owner.
class postgresql_link {
 public:
  struct options {
    std::size_t statements_max = 256;
    std::size_t rows_max = 1'000'000;
    unsigned prepare_after = 2;
    std::chrono::nanoseconds answer_max{};
    plan_book* plans = nullptr;
    std::chrono::nanoseconds explain_every = std::chrono::minutes(10);
  };

  postgresql_link(PGconn* raw, query_monitor& monitor, const options& chosen)
      : connection_(raw, monitor, chosen.answer_max, chosen.rows_max),
        explainer_(connection_, monitor, chosen.plans, chosen.explain_every),
        prepare_after_(chosen.prepare_after),
        cache_({.statements_max = chosen.statements_max}) {}

  /// Returns: the link of a session that SOCI connected to PostgreSQL; null for any other session.
  [[nodiscard]] static std::unique_ptr<postgresql_link> of(::soci::session& session, query_monitor& monitor,
                                                           const options& chosen) {
    PGconn* const raw = postgresql_handle_of(session);
    return raw == nullptr ? nullptr : std::make_unique<postgresql_link>(raw, monitor, chosen);
  }

  [[nodiscard]] postgresql_connection& connection() noexcept { return connection_; }
  void set_limits(steady_time deadline, std::stop_token stop) noexcept {
    connection_.set_deadline(deadline);
    connection_.set_stop(std::move(stop));
  }
  [[noreturn]] void rethrow(const ::soci::soci_error& failure, std::string_view name) const {
    throw_soci_postgresql(failure, connection_.raw(), name);
  }
  [[nodiscard]] bool is_broken() const noexcept { return connection_.is_broken(); }
  [[nodiscard]] statement_cache_stats statements() const noexcept { return cache_.stats(); }

  /// Returns: whether a transaction is open, be it one that failed.
  [[nodiscard]] bool in_transaction() const noexcept {
    const PGTransactionStatusType status = PQtransactionStatus(connection_.raw());
    return status != PQTRANS_IDLE && status != PQTRANS_UNKNOWN;
  }

  [[nodiscard]] bool is_aborted() const noexcept {
    return PQtransactionStatus(connection_.raw()) == PQTRANS_INERROR;
  }

  /// Runs a statement: `bind(arguments, count)` writes its values, `body(call, execution)` reads its rows.
  template <bool Streams, class Guard, class Bind, class Body>
  auto run(query_monitor& monitor, const Guard& guarded, steady_time began, std::string_view name,
           std::string_view text, Bind& bind, Body& body) {
    cache::entry* const cached = cache_.take(text);
    if (cached != nullptr && cached->statement.meter->name() == name) [[likely]] {
      const keeper back(cache_, *cached);
      const postgresql_explainer::watch watch(explainer_, *cached->statement.meter, began, name, text,
                                              cached->statement.compiled, bind);
      auto call = monitor.start(*cached->statement.meter, began);
      return guarded(
          call, [&] { return execute<Streams>(call, cached->statement.compiled, began, name, bind, body); });
    }
    if (cached != nullptr) cache_.give_back(*cached);
    return run_slowly<Streams>(monitor, guarded, began, name, text, bind, body);
  }

  /// Returns: the types of the columns that `text`, a SELECT, would yield.
  [[nodiscard]] std::vector<Oid> column_types(std::string_view name, std::string_view text) {
    return read(name, text, false).columns;
  }

  /// Runs all statements of a text in one trip, as one transaction unless they say otherwise.
  template <class Each>
  void script(std::string_view name, std::string_view text, Each&& each) {
    if (text.find('\0') != std::string_view::npos)
      throw query_error(query_error_kind::bad_statement, std::string(name) + ": the text holds a NUL");
    connection_.run_simple(name, std::string(text), false, each);
  }

  /// Makes the session one that only reads, or one that may write.
  void set_read_only(bool wanted, steady_time deadline) {
    if (wanted == read_only_) return;
    const steady_time before = connection_.deadline();
    connection_.set_deadline(std::min(before, deadline));
    connection_.set_impatient(true);
    connection_.run_simple(
        "session.mode",
        wanted ? "SET default_transaction_read_only = on" : "SET default_transaction_read_only = off", true,
        ignore);
    connection_.set_impatient(false);
    connection_.set_deadline(before);
    read_only_ = wanted;
  }

  /// Returns: whether the connection still works. A server that closed it is noticed without asking; it is asked only when
  /// nothing was heard of it for `after`, and has a second for its answer, or until `deadline`.
  [[nodiscard]] bool is_alive(std::chrono::nanoseconds after, steady_time deadline) noexcept {
    if (is_broken()) return false;
    // A look is a call of the system, a twentieth of a point query: not for what was in use a moment ago.
    const auto quiet = connection_.now() - last_used_;
    if (quiet < std::chrono::milliseconds(2) && quiet < after) return true;
    char next = 0;
    const auto peeked = ::recv(PQsocket(connection_.raw()), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    const bool is_quiet = peeked < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (peeked == 0 || (peeked < 0 && !is_quiet)) return false;
    if (is_quiet && quiet < after) return true;
    try {
      connection_.set_deadline(std::min(deadline, connection_.now() + std::chrono::seconds(1)));
      connection_.set_impatient(true);
      connection_.run_simple("session.validate", "", true, ignore);
    } catch (const error&) {
      return false;
    }
    connection_.set_impatient(false);
    connection_.set_deadline(steady_time::max());
    last_used_ = connection_.now();
    return !is_broken();
  }

  /// Makes the session fit for its next user. Returns: false if it should be thrown away. Blocks on: the server, for some
  /// seconds at most.
  [[nodiscard]] bool settle(bool plain_used) noexcept {
    try {
      connection_.set_deadline(connection_.now() + std::chrono::seconds(2));
      connection_.set_stop({});
      if (is_broken() || PQtransactionStatus(connection_.raw()) == PQTRANS_ACTIVE) return false;
      if (in_transaction()) connection_.run_simple("session.rollback", "ROLLBACK", true, ignore);
      if (plain_used) {
        connection_.run_simple("session.reset", "RESET ALL; SELECT pg_advisory_unlock_all()", true, ignore);
        read_only_ = false;
      }
      connection_.set_deadline(steady_time::max());
      last_used_ = connection_.now();
      return !is_broken();
    } catch (const error&) {
      return false;
    }
  }

 private:
  struct prepared {
    postgresql_statement compiled;
    statement_meter* meter;
  };
  using cache = statement_cache<prepared>;
  static constexpr auto ignore = [](const PGresult*) {};

  class keeper {
   public:
    keeper(cache& owner, cache::entry& entry) noexcept : owner_(owner), entry_(entry) {}
    keeper(const keeper&) = delete;
    keeper& operator=(const keeper&) = delete;
    ~keeper() { owner_.give_back(entry_); }

   private:
    cache& owner_;
    cache::entry& entry_;
  };

  // For a text that is not cached, that is being executed already, or that has another name by now.
  template <bool Streams, class Guard, class Bind, class Body>
  [[gnu::noinline]] auto run_slowly(query_monitor& monitor, const Guard& guarded, steady_time began,
                                    std::string_view name, std::string_view text, Bind& bind, Body& body) {
    statement_meter& meter = monitor.meter_of(name);
    std::optional<keeper> back;
    std::optional<prepared> once;
    postgresql_statement* compiled = nullptr;
    std::optional<postgresql_explainer::watch<Bind>> watch;
    auto call = monitor.start(meter, began);
    return guarded(call, [&] {
      cache::entry* kept = cache_.take(text);
      if (kept == nullptr) {
        once.emplace(prepared{read(name, text, is_frequent(text)), &meter});
        if (!once->compiled.server_name.empty()) kept = cache_.put_taken(text, std::move(*once));
      }
      if (kept != nullptr) {
        back.emplace(cache_, *kept);
        kept->statement.meter = &meter;
      }
      // put_taken() leaves what it does not keep.
      compiled = kept != nullptr ? &kept->statement.compiled : &once->compiled;
      watch.emplace(explainer_, meter, began, name, text, *compiled, bind);
      return execute<Streams>(call, *compiled, began, name, bind, body);
    });
  }

  template <bool Streams, class Bind, class Body>
  auto execute(query_monitor::call& call, postgresql_statement& compiled, steady_time began,
               std::string_view name, Bind& bind, Body& body) {
    if (compiled.is_stale) [[unlikely]]
      prepare_again(name, compiled);
    postgresql_execution execution(connection_, compiled, name, Streams);
    if (!start(execution, compiled, began, name, bind)) [[unlikely]] {
      compiled.is_stale = true;
      if (PQtransactionStatus(connection_.raw()) != PQTRANS_IDLE)
        throw query_error(query_error_kind::stale_plan, std::string(name));
      prepare_again(name, compiled);
      if (!start(execution, compiled, began, name, bind))
        throw query_error(query_error_kind::stale_plan, std::string(name));
    }
    return body(call, execution);
  }

  template <class Bind>
  static bool start(postgresql_execution& execution, const postgresql_statement& compiled, steady_time began,
                    std::string_view name, Bind& bind) {
    postgresql_arguments arguments(name, compiled.parameters, compiled.names);
    bind(arguments, arguments.count());
    return execution.start(arguments, began);
  }

  // A text that is used once is not worth a place among the prepared ones. What was seen is remembered by its hash; another
  // text with the same place only means one more or one fewer use without a name.
  [[nodiscard]] bool is_frequent(std::string_view text) noexcept {
    const std::size_t hash = std::hash<std::string_view>()(text);
    sighting& seen = seen_[hash % seen_.size()];
    if (seen.hash != hash) seen = {.hash = hash, .times = 0};
    return ++seen.times >= prepare_after_;
  }

  [[nodiscard]] postgresql_statement read(std::string_view name, std::string_view text, bool keep) {
    placeholder_text parsed = parse_placeholders(name, text, sql_dialect::postgresql);
    postgresql_statement compiled(forgotten_);
    compiled.text = std::move(parsed.text);
    compiled.names = std::move(parsed.names);
    prepare(name, compiled, keep ? next_name() : std::string());
    return compiled;
  }

  void prepare_again(std::string_view name, postgresql_statement& compiled) {
    const bool named = !compiled.server_name.empty();
    compiled.forget();
    prepare(name, compiled, named ? next_name() : std::string());
    compiled.is_stale = false;
  }

  [[nodiscard]] std::string next_name() { return "hasten_" + std::to_string(++names_given_); }

  // Has the server read the text and tell the types, in one trip; and forget the statements that fell out of the cache.
  void prepare(std::string_view name, postgresql_statement& compiled, std::string server_name) {
    connection_.make_free(name);
    PGconn* const raw = connection_.raw();
    std::size_t trips = 1;
    if (PQenterPipelineMode(raw) != 1) connection_.check_sent(0, name);
    if (PQtransactionStatus(raw) == PQTRANS_IDLE) {  // a failure within a transaction would undo it
      for (const std::string& each : std::exchange(forgotten_, {})) {
        connection_.check_sent(
            PQsendQueryParams(raw, ("DEALLOCATE " + each).c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0),
            name);
        connection_.check_sent(PQpipelineSync(raw), name);
        ++trips;
      }
    }
    connection_.check_sent(PQsendPrepare(raw, server_name.c_str(), compiled.text.c_str(), 0, nullptr), name);
    connection_.check_sent(PQsendDescribePrepared(raw, server_name.c_str()), name);
    connection_.check_sent(PQpipelineSync(raw), name);
    const postgresql_result failure = receive_description(name, compiled, trips);
    if (failure != nullptr) throw_postgresql(raw, failure.get(), name);
    compiled.server_name = std::move(server_name);
  }

  // Returns: the failure of the statement itself. What could not be forgotten was gone already.
  [[nodiscard]] postgresql_result receive_description(std::string_view name, postgresql_statement& compiled,
                                                      std::size_t trips) {
    PGconn* const raw = connection_.raw();
    postgresql_result failure;
    while (trips != 0) {
      postgresql_result result = connection_.next(name);
      if (result == nullptr) {
        if (connection_.is_broken()) throw query_error(query_error_kind::connection_lost, std::string(name));
        continue;
      }
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_PIPELINE_SYNC) {
        --trips;
      } else if (status == PGRES_FATAL_ERROR) {
        if (trips == 1) failure = std::move(result);
        if (connection_.is_broken()) return failure != nullptr ? std::move(failure) : std::move(result);
      } else if (trips == 1 && status == PGRES_COMMAND_OK) {
        take_types(*result, compiled);
      }
    }
    if (PQexitPipelineMode(raw) != 1) connection_.shut();
    return failure;
  }

  static void take_types(const PGresult& described, postgresql_statement& compiled) {
    compiled.parameters.clear();
    for (int at = 0; at < PQnparams(&described); ++at)
      compiled.parameters.push_back(PQparamtype(&described, at));
    compiled.columns.clear();
    for (int at = 0; at < PQnfields(&described); ++at) compiled.columns.push_back(PQftype(&described, at));
    compiled.is_binary = std::all_of(compiled.columns.begin(), compiled.columns.end(), is_known_binary);
  }

  struct sighting {
    std::size_t hash = 0;
    unsigned times = 0;
  };

  postgresql_connection connection_;
  postgresql_explainer explainer_;
  unsigned prepare_after_;
  bool read_only_ = false;
  steady_time last_used_ = connection_.now();
  std::uint64_t names_given_ = 0;
  std::array<sighting, 256> seen_{};
  std::vector<std::string> forgotten_;  // names of statements that the server may drop; outlives the cache
  cache cache_;
};

}  // namespace hasten::detail
