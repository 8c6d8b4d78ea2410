// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>
#include <hasten/soci/row_mapping.hpp>
#include <hasten/workers/job.hpp>
#include <hasten/workers/job_record.hpp>
#include <hasten/workers/job_store.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace hasten::detail {

/// A row of hasten_jobs, in the order in which every statement lists them.
struct job_row {
  job_id id = 0;
  std::string kind;
  std::string state;
  int priority = 0;
  unsigned attempt = 0;
  unsigned attempts_max = 0;
  std::uint64_t ticket = 0;
  std::int64_t created_at_ms = 0;
  std::int64_t scheduled_at_ms = 0;
  std::optional<std::int64_t> taken_at_ms;
  std::optional<std::int64_t> lease_until_ms;
  std::optional<std::int64_t> finished_at_ms;
  std::optional<std::int64_t> unique_until_ms;
  std::optional<std::string> unique_key;
  std::string worker;
  double progress = 0;
  bool cancel_requested = false;
  std::string reason;
  std::vector<std::byte> payload;
  std::vector<std::byte> result;

  static constexpr auto fields =
      field_list(&job_row::id, &job_row::kind, &job_row::state, &job_row::priority, &job_row::attempt,
                 &job_row::attempts_max, &job_row::ticket, &job_row::created_at_ms, &job_row::scheduled_at_ms,
                 &job_row::taken_at_ms, &job_row::lease_until_ms, &job_row::finished_at_ms,
                 &job_row::unique_until_ms, &job_row::unique_key, &job_row::worker, &job_row::progress,
                 &job_row::cancel_requested, &job_row::reason, &job_row::payload, &job_row::result);

  /// Throws: error(errc::bad_row) for a state that this program does not know.
  [[nodiscard]] job_record record() && {
    const auto known = job_state_from(state);
    if (!known) throw error(errc::bad_row, "sql_job_store: reading the state of a job");
    const auto time = [](const std::optional<std::int64_t>& ms) {
      return ms ? std::optional(from_unix_ms(*ms)) : std::nullopt;
    };
    job_record out;
    out.id = id;
    out.kind = std::move(kind);
    out.state = *known;
    out.priority = priority;
    out.attempt = attempt;
    out.attempts_max = attempts_max;
    out.ticket = ticket;
    out.created_at = from_unix_ms(created_at_ms);
    out.scheduled_at = from_unix_ms(scheduled_at_ms);
    out.taken_at = time(taken_at_ms);
    out.lease_until = time(lease_until_ms);
    out.finished_at = time(finished_at_ms);
    out.unique_until = time(unique_until_ms);
    if (unique_key) out.unique_key = *std::move(unique_key);
    out.worker = std::move(worker);
    out.progress = progress;
    out.cancel_requested = cancel_requested;
    out.reason = std::move(reason);
    out.payload = std::move(payload);
    out.result = std::move(result);
    return out;
  }
};

}  // namespace hasten::detail
