// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/query/statement_cache.hpp>

#include <soci/session.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <string_view>

namespace hasten::detail {

inline constexpr bool has_postgresql = false;

/// Stands where a build without libpq would have its PostgreSQL. There is never one.
/// Thread safety: immutable.
class postgresql_link {
 public:
  struct options {
    std::size_t statements_max = 0;
    std::size_t rows_max = 0;
    unsigned prepare_after = 0;
    std::chrono::nanoseconds answer_max{};
    plan_book* plans = nullptr;
    std::chrono::nanoseconds explain_every{};
  };

  [[nodiscard]] static std::unique_ptr<postgresql_link> of(::soci::session&, query_monitor&, const options&) {
    return nullptr;
  }
  template <bool Streams, class... Anything>
  int run(const Anything&...);
  template <class Each>
  void script(std::string_view, std::string_view, Each&&) {}
  [[noreturn]] void rethrow(const ::soci::soci_error& failure, std::string_view) const { throw failure; }
  [[nodiscard]] bool in_transaction() const noexcept { return false; }
  [[nodiscard]] bool is_aborted() const noexcept { return false; }
  [[nodiscard]] bool settle(bool) noexcept { return true; }
  [[nodiscard]] statement_cache_stats statements() const noexcept { return {}; }
  void set_limits(steady_time, const std::stop_token&) noexcept {}
  [[nodiscard]] bool is_alive(std::chrono::nanoseconds, steady_time) noexcept { return true; }
  void set_read_only(bool, steady_time) {}
};

/// As above, for COPY.
/// Thread safety: immutable.
class postgresql_copy {};

}  // namespace hasten::detail
