// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/import_cursor.hpp"
#include "importing/progress.hpp"
#include "importing/refusal.hpp"
#include "importing/reject_file.hpp"
#include "shared/claim_record.hpp"
#include "shared/claim_writer.hpp"
#include "shared/keyed_hash.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/transaction.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// What an import works with; all of it borrowed from whoever runs it.
struct import_environment {
  hasten::monitored_session& session;
  const keyed_hash& members;
  claim_writer::id_function new_id;
  std::function<hasten::wall_time()> wall_clock;
  std::function<hasten::steady_time()> steady_clock;
  reject_file& rejects;
  progress& shown;
};

/// What became of one input.
struct import_report {
  std::string source = {};          ///< name of the data source
  std::uint64_t inserted = 0;       ///< claims added by this run
  std::uint64_t already_there = 0;  ///< claims that an earlier run, or an earlier row, had brought
  std::uint64_t rejected = 0;       ///< rows refused, also by earlier runs over the same input
  std::uint64_t resumed_at = 0;     ///< records that an earlier run had dealt with
  std::uint64_t orphans = 0;        ///< transactions of no claim; only a run from the start knows
  bool was_complete = false;        ///< an earlier run had read all of it; nothing was read now
};

/// One input on its way into one data source: bounded transactions, each with the cursor that says how far it
/// came. Killed at any moment, the next run goes on behind the last commit.
///
/// Without finish() the last, uncommitted batch is rolled back. Thread safety: single-owner.
class import_run {
 public:
  struct input {
    std::string_view practice;
    std::string_view source;  ///< name of the data source
    std::string digest;       ///< of the files, as they are now
  };

  /// `batch_rows`: how many records one transaction holds, 1..100000.
  /// Throws: std::invalid_argument for a batch out of range.
  import_run(import_environment& environment, input of, std::size_t batch_rows);

  /// Returns: how many records are dealt with, to be skipped by who reads the input.
  [[nodiscard]] std::uint64_t records_done() const noexcept { return cursor_.records; }
  [[nodiscard]] bool is_complete() const noexcept { return cursor_.complete; }

  /// Inserts the claim of the record being dealt with.
  void accept(claim_record& claim);

  /// Tells why a row is refused.
  void reject(std::string_view file, std::uint64_t line, std::string_view reason);

  /// Goes on behind the record being dealt with, and commits when the batch is full.
  void advance();

  /// Commits the rest and marks the input complete.
  void finish();

  [[nodiscard]] import_report& report() noexcept { return report_; }

 private:
  [[nodiscard]] std::int64_t now_ms() const;
  void begin();
  void commit();

  import_environment& environment_;
  const std::size_t batch_rows_;
  claim_writer writer_;
  std::optional<hasten::transaction> transaction_;  // open while a batch is
  claim_writer::source source_;
  import_cursor cursor_;
  std::size_t pending_ = 0;  // records and refusals since the last commit
  import_report report_;
};

}  // namespace claims_app
