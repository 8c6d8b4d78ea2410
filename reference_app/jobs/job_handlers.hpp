// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"
#include "shared/idempotency.hpp"
#include "shared/json_writer.hpp"

#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/sql_job_store.hpp>
#include <hasten/workers/job_options.hpp>
#include <hasten/workers/job_record.hpp>

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace claims_app {

/// What a client starts by a POST, and then follows as a job.
struct job_trigger {
  std::string_view pattern;  // a literal
  hasten::new_job job;       // with a unique key: whoever asks while one is under way is told of that one
};

/// The routes of durable jobs: one job for clients, listing and mending for operators, and those that start one.
/// Thread safety: thread-safe; it outlives the handlers it gives out.
class job_handlers {
 public:
  struct parts {
    hasten::session_pool& sessions;  // of the store
    hasten::sql_job_store& store;
    idempotency_keys keys;
    std::vector<job_trigger> triggers;
    // Writes the value of a completed job's result, which it can read because it knows the kind.
    std::function<void(json_writer&, const hasten::job_record&)> write_result;
  };

  explicit job_handlers(parts given) : parts_(std::move(given)) {}

  /// Appends this slice's routes.
  void add_routes(std::vector<route>& routes);

 private:
  plan show(const request& what);
  plan list(const request& what);
  plan mend(const request& what, void (job_handlers::*how)(hasten::job_id));
  plan start(const request& what, const job_trigger& trigger);

  void retry(hasten::job_id id);
  void discard(hasten::job_id id);
  void cancel(hasten::job_id id);

  [[nodiscard]] hasten::job_record read(hasten::job_id id);
  void write(json_writer& json, const hasten::job_record& job) const;
  [[nodiscard]] answer answer_of(const hasten::job_record& job) const;

  parts parts_;
};

}  // namespace claims_app
