// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/soci/detail/postgresql_connection.hpp>
#include <hasten/soci/detail/postgresql_error.hpp>
#include <hasten/soci/detail/postgresql_literals.hpp>
#include <hasten/soci/detail/postgresql_parameters.hpp>
#include <hasten/soci/detail/postgresql_types.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::detail {

/// Rows in the binary form of COPY, made in memory and then sent in one go.
/// Thread safety: single-owner.
class postgresql_copy {
 public:
  /// `types`: of the columns, in their order.
  postgresql_copy(std::string_view name, std::vector<Oid> types) : name_(name), types_(std::move(types)) {
    clear();
  }

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] Oid type(int at) const noexcept { return types_[static_cast<std::size_t>(at) - 1]; }

  /// Returns: false if a value has no binary form here; what was made is then of no use.
  [[nodiscard]] bool is_possible() const noexcept { return possible_; }

  void clear() {
    buffer_.assign("PGCOPY\n\377\r\n\0", 11);
    put_word(std::uint32_t{0});  // no flags
    put_word(std::uint32_t{0});  // no extension
    kept_.clear();
    possible_ = true;
  }
  void begin_row() { put_word(static_cast<std::uint16_t>(types_.size())); }

  void put_null(int) { put_word(std::numeric_limits<std::uint32_t>::max()); }
  void put_bytes_of(int, const char* data, std::size_t size) {
    if (size > std::size_t{std::numeric_limits<int>::max()})
      throw_bad_parameter(name_, "a value is too long");
    put_word(static_cast<std::uint32_t>(size));
    buffer_.append(data, size);
  }
  template <class Unsigned>
  void put_number(int, Unsigned number) {
    put_word(std::uint32_t{sizeof number});
    put_word(number);
  }
  void put_literal(int at, std::string_view text) {
    const std::optional<std::string> wire = literal_wire(type(at), text);
    possible_ = possible_ && wire.has_value();
    if (wire.has_value())
      put_bytes_of(at, wire->data(), wire->size());
    else
      put_null(at);
  }
  [[nodiscard]] char* keep(std::size_t size) {
    kept_.push_back(std::make_unique<char[]>(size));
    return kept_.back().get();
  }

  /// Sends the rows to `text`, a COPY … FROM STDIN in the binary format. Returns: how many the server stored.
  /// Throws: query_error.
  std::uint64_t send(postgresql_connection& connection, const std::string& text) {
    put_word(std::uint16_t{0xffff});  // the end
    connection.make_free(name_);
    PGconn* const raw = connection.raw();
    connection.check_sent(PQsendQuery(raw, text.c_str()), name_);
    postgresql_result answer = connection.next(name_);
    if (PQresultStatus(answer.get()) != PGRES_COPY_IN) {
      static_cast<void>(connection.rest(name_));
      throw_postgresql(raw, answer.get(), name_);
    }
    constexpr std::size_t piece = std::size_t{1} << 18;
    for (std::size_t at = 0; at < buffer_.size(); at += piece) {
      const std::string_view part = std::string_view(buffer_).substr(at, piece);
      connection.put_copy_data(part, name_);
    }
    connection.end_copy(name_);
    answer = connection.next(name_);
    postgresql_result failure = connection.rest(name_);
    if (answer == nullptr || PQresultStatus(answer.get()) != PGRES_COMMAND_OK) failure = std::move(answer);
    if (failure != nullptr) throw_postgresql(raw, failure.get(), name_);
    return std::strtoull(PQcmdTuples(answer.get()), nullptr, 10);
  }

 private:
  template <class Unsigned>
  void put_word(Unsigned number) {
    char bytes[sizeof number];
    to_wire(bytes, number);
    buffer_.append(bytes, sizeof number);
  }

  std::string name_;
  std::vector<Oid> types_;
  std::string buffer_;
  std::vector<std::unique_ptr<char[]>> kept_;
  bool possible_ = true;
};
static_assert(postgresql_target<postgresql_copy>);

}  // namespace hasten::detail
