// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/postgresql_api.hpp>

#include <soci/error.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hasten::detail {

struct postgresql_clear {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using postgresql_result = std::unique_ptr<PGresult, postgresql_clear>;

/// Returns: the kind of PostgreSQL's SQLSTATE.
[[nodiscard]] inline query_error_kind kind_of_sqlstate(std::string_view state) noexcept {
  using kind = query_error_kind;
  constexpr std::array<std::pair<std::string_view, kind>, 24> exact{{
      {"23505", kind::unique},
      {"23503", kind::foreign_key},
      {"23514", kind::check},
      {"23502", kind::not_null},
      {"40001", kind::serialization},
      {"40P01", kind::deadlock},
      {"40002", kind::constraint},
      {"40003", kind::connection_lost},
      {"55P03", kind::busy},
      {"57014", kind::cancelled},
      {"57P01", kind::connection_lost},
      {"57P02", kind::connection_lost},
      {"57P03", kind::database_down},
      {"57P05", kind::connection_lost},
      {"25P03", kind::connection_lost},
      {"25P02", kind::aborted},
      {"25006", kind::read_only},
      {"53100", kind::disk_full},
      {"53300", kind::too_many_connections},
      {"42501", kind::no_privilege},
      {"3D000", kind::database_down},
      {"XX001", kind::corrupt},
      {"XX002", kind::corrupt},
      {"26000", kind::stale_plan},
  }};
  for (const auto& [code, meaning] : exact)
    if (code == state) return meaning;
  const std::string_view family = state.substr(0, 2);
  if (family == "22") return kind::bad_value;
  if (family == "23") return kind::constraint;
  if (family == "08") return kind::connection_lost;
  if (family == "28") return kind::no_privilege;
  if (family == "42" || family == "0A" || family == "26" || family == "54") return kind::bad_statement;
  return kind::other;
}

[[nodiscard]] inline std::string_view field_of(const PGresult* result, int field) noexcept {
  const char* const text = PQresultErrorField(result, field);
  return text == nullptr ? std::string_view() : text;
}

/// Returns: whether the schema changed under a prepared statement, or the statement is gone. The name of the server's
/// function tells it in every language, where the state alone also stands for much else.
[[nodiscard]] inline bool is_stale_plan(const PGresult* result) noexcept {
  const std::string_view state = field_of(result, PG_DIAG_SQLSTATE);
  return state == "26000" ||
         (state == "0A000" && field_of(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery");
}

/// Returns: the failure that a result tells of. Of what the server said only the first sentence is kept, and not even
/// that where it quotes a value; its detail always does.
[[nodiscard]] inline query_error postgresql_failure(const PGconn* connection, const PGresult* result,
                                                    std::string_view statement) {
  const std::string name(statement);
  const std::string_view state = field_of(result, PG_DIAG_SQLSTATE);
  if (state.empty()) {
    const bool lost = PQstatus(connection) == CONNECTION_BAD;
    return {lost ? query_error_kind::connection_lost : query_error_kind::other, name, 0,
            PQerrorMessage(connection)};
  }
  const std::string_view said = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  query_error_kind kind = kind_of_sqlstate(state);
  if (kind == query_error_kind::cancelled && said.find("timeout") != std::string_view::npos)
    kind = query_error_kind::timeout;
  if (is_stale_plan(result)) kind = query_error_kind::stale_plan;
  return {kind, name, state, state.starts_with("22") ? std::string() : std::string(said)};
}

[[noreturn, gnu::noinline, gnu::cold]] inline void throw_postgresql(const PGconn* connection,
                                                                    const PGresult* result,
                                                                    std::string_view statement) {
  throw postgresql_failure(connection, result, statement);
}

/// Throws: SOCI's failure as a query_error. SOCI's what() quotes the bound values, so it must not get out.
[[noreturn]] inline void throw_soci_postgresql(const ::soci::soci_error& failure, PGconn* connection,
                                               std::string_view statement) {
  const std::string name(statement);
  if (const auto* const known = dynamic_cast<const ::soci::postgresql_soci_error*>(&failure)) {
    const std::string state = known->sqlstate();
    if (state.find_first_not_of(' ') != std::string::npos)
      throw query_error(kind_of_sqlstate(state), name, state, {});
  }
  throw query_error(
      PQstatus(connection) == CONNECTION_BAD ? query_error_kind::connection_lost : query_error_kind::other,
      name);
}

}  // namespace hasten::detail
