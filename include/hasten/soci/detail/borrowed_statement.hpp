// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_monitor.hpp>
#include <hasten/query/statement_cache.hpp>
#include <hasten/soci/detail/sqlite_statement.hpp>

#include <optional>
#include <utility>

namespace hasten::detail {

/// A statement of SQLite that is prepared, with the counters of the name it goes by.
struct prepared_statement {
  sqlite_statement compiled;
  statement_meter* meter;
};
using prepared_cache = statement_cache<prepared_statement>;

/// The prepared statement of one execution: from the cache and given back to it, or a throw-away one.
/// Thread safety: single-owner.
class borrowed_statement {
 public:
  borrowed_statement(prepared_cache& statements, prepared_cache::entry& entry) noexcept
      : cache_(&statements), entry_(&entry) {}
  explicit borrowed_statement(prepared_statement&& once) : once_(std::move(once)) {}
  borrowed_statement(const borrowed_statement&) = delete;
  borrowed_statement& operator=(const borrowed_statement&) = delete;
  ~borrowed_statement() {
    if (entry_ != nullptr) cache_->give_back(*entry_);
  }
  [[nodiscard]] prepared_statement& operator*() noexcept {
    return entry_ != nullptr ? entry_->statement : *once_;
  }

 private:
  prepared_cache* cache_ = nullptr;
  prepared_cache::entry* entry_ = nullptr;
  std::optional<prepared_statement> once_;
};

}  // namespace hasten::detail
