// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/codec.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// When, how often and how urgently a job runs.
struct job_options {
  /// Among jobs of the same kind that are ready, the lowest number runs first; 1..9.
  int priority = 5;
  /// Not before this time; in the past, or not given: as soon as possible.
  wall_time at = {};
  /// Attempts in all, the first included, 1..1000: after that many failures the job is dead. Attempts that ended
  /// with the death of their worker count.
  unsigned attempts_max = 5;
  /// Up to 200 bytes; as long as there is an unfinished job of the same key, a further one is not made. Empty: none.
  /// Part of what people see in listings: never a person's data.
  std::string unique_key = {};
  /// The key also keeps others out for this long after the job was made, finished or not; 0..366 days.
  std::chrono::milliseconds unique_for{0};
};

/// A job as it is handed to a store. The payload is what encode() made of the kind's type.
struct new_job {
  std::string kind = {};  ///< 1..64 letters, digits, '.', '_' or '-': the same in every program that runs it
  std::vector<std::byte> payload = {};  ///< up to 1 MiB; large data belongs in a table, with its key here
  job_options options = {};
};

/// Returns: a job whose payload is `payload`, encoded.
template <encodable Payload>
[[nodiscard]] new_job make_job(std::string kind, const Payload& payload, job_options chosen = {}) {
  return {.kind = std::move(kind), .payload = encode(payload), .options = std::move(chosen)};
}

inline constexpr std::size_t job_kind_size_max = 64;
inline constexpr std::size_t job_payload_size_max = 1024 * 1024;
inline constexpr std::size_t job_unique_key_size_max = 200;

/// Throws: std::invalid_argument if `kind` cannot name a kind of job.
inline void validate_job_kind(std::string_view kind) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  if (kind.empty() || kind.size() > job_kind_size_max ||
      kind.find_first_not_of(letters) != std::string_view::npos)
    throw std::invalid_argument("new_job: kind must be 1..64 letters, digits, '.', '_' or '-'");
}

/// Throws: std::invalid_argument naming the field that is out of its range. Every store asks this first.
inline void validate(const new_job& job) {
  const auto require = [](bool is_good, const char* field_and_range, auto got) {
    if (!is_good)
      throw std::invalid_argument("new_job: " + std::string(field_and_range) + ", got " +
                                  std::to_string(got));
  };
  const job_options& chosen = job.options;
  validate_job_kind(job.kind);
  require(job.payload.size() <= job_payload_size_max, "payload must have 0..1048576 bytes",
          job.payload.size());
  require(chosen.priority >= 1 && chosen.priority <= 9, "priority must be 1..9", chosen.priority);
  require(chosen.attempts_max >= 1 && chosen.attempts_max <= 1000, "attempts_max must be 1..1000",
          chosen.attempts_max);
  require(chosen.unique_key.size() <= job_unique_key_size_max, "unique_key must have 0..200 bytes",
          chosen.unique_key.size());
  require(chosen.unique_for.count() >= 0 && chosen.unique_for <= std::chrono::hours(24 * 366),
          "unique_for must be 0..31622400000 ms", chosen.unique_for.count());
  if (chosen.unique_key.empty() && chosen.unique_for.count() != 0)
    throw std::invalid_argument("new_job: unique_for needs a unique_key");
}

}  // namespace hasten
