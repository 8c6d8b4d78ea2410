// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/session_pool.hpp>

#include <vector>

namespace claims_app {

/// What an operator sees of the database: its health, its sessions, every statement with its time and plan, what would
/// make it faster, and the upkeep, done when asked for. It shows names of statements, tables and indexes, and the shapes
/// of texts; no value. Thread safety: thread-safe.
class database_handlers {
 public:
  struct parts {
    hasten::session_pool& sessions;
    hasten::query_monitor& queries;
    hasten::plan_book& plans;
  };

  explicit database_handlers(parts given) : parts_(given) {}

  /// Appends this slice's routes, under /api/v1/admin/database and the older paths.
  void add_routes(std::vector<route>& routes);

 private:
  [[nodiscard]] plan health(const request& what) const;
  [[nodiscard]] plan metrics(const request& what) const;
  [[nodiscard]] plan queries(const request& what) const;
  [[nodiscard]] plan recommendations(const request& what) const;
  [[nodiscard]] plan optimize(const request& what) const;

  parts parts_;
};

}  // namespace claims_app
