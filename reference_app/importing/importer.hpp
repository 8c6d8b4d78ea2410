// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/import_run.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace claims_app {

struct import_options {
  std::string source = {};        ///< name of the data source; empty: the importer's default
  std::size_t batch_rows = 1000;  ///< records of one transaction, 1..100000
  /// Synthea: claims held in memory for one pass over the transactions, 1..10'000'000; about 2 KiB each.
  std::size_t claims_held_max = 50'000;
};

/// Brings one file of DE-SynPUF inpatient claims into the data source named like the file. Reads it once, in
/// constant memory. What is there already stays as it is.
/// Throws: bad_input if the file cannot be read to its end; hasten::error if the database fails. Everything
/// committed before is kept, and the next run goes on behind it.
import_report import_desynpuf(import_environment& environment, const std::filesystem::path& file,
                              const import_options& options);

/// Brings Synthea's claims.csv and claims_transactions.csv, told apart by their headers, into the data source
/// "synthea". A claim appears with its final amounts or not at all: claims are held until their transactions
/// are read, `claims_held_max` at a time, with one pass over the transactions for each such group. A claim
/// with a refused transaction is refused.
/// Throws: as import_desynpuf().
import_report import_synthea(import_environment& environment, const std::filesystem::path& one_file,
                             const std::filesystem::path& other_file, const import_options& options);

}  // namespace claims_app
