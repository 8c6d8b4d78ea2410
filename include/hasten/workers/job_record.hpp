// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/workers/job.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hasten {

/// Names a job within its store; given at enqueueing, never used again, and growing.
using job_id = std::int64_t;

/// A worker's right to one job. The ticket differs for each time that the job is taken, so that a worker which lost the
/// job, and does not know yet, cannot settle it any more.
struct job_lease {
  job_id id = 0;
  std::uint64_t ticket = 0;
  friend bool operator==(const job_lease&, const job_lease&) = default;
};

/// A job as its store holds it. Times have the precision of a millisecond.
struct job_record {
  job_id id = 0;
  std::string kind = {};
  job_state state = job_state::available;
  int priority = 0;
  unsigned attempt = 0;  ///< attempts begun; those that were snoozed are taken back
  unsigned attempts_max = 0;
  std::uint64_t ticket = 0;  ///< times it was ever taken; see job_lease
  wall_time created_at{};
  wall_time scheduled_at{};                    ///< it does not run before
  std::optional<wall_time> taken_at = {};      ///< the last time
  std::optional<wall_time> lease_until = {};   ///< while it runs
  std::optional<wall_time> finished_at = {};   ///< completed, cancelled or dead
  std::optional<wall_time> unique_until = {};  ///< see job_options::unique_for
  std::string unique_key = {};
  std::string worker = {};  ///< who took it last
  double progress = 0;      ///< 0..1, as its handler last reported
  bool cancel_requested = false;
  std::string reason = {};              ///< of the last failure; kept when a person has it tried again
  std::vector<std::byte> payload = {};  ///< not in listings
  std::vector<std::byte> result = {};   ///< what a completed job left behind; not in listings

  [[nodiscard]] job_lease lease() const noexcept { return {.id = id, .ticket = ticket}; }
};

}  // namespace hasten
