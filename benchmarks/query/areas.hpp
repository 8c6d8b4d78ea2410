// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <support/interleave.hpp>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

namespace hasten::bench {

/// A folder for the files of this run, removed at the end.
class workplace {
 public:
  workplace()
      : folder_(std::filesystem::temp_directory_path() / ("hasten_bench_" + std::to_string(::getpid()))) {
    std::filesystem::create_directory(folder_);
  }
  workplace(const workplace&) = delete;
  workplace& operator=(const workplace&) = delete;
  ~workplace() {
    std::error_code ignored;  // what cannot be removed lies in the temporary folder
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string file(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

/// Many threads that each commit one row at a time.
void compare_writers(interleave& bench, const workplace& place);

/// Statements on a PostgreSQL server that is started for it.
void compare_postgresql(interleave& bench);

/// Rows into a table with many indexes and rules.
void measure_import(interleave& bench, const workplace& place);

}  // namespace hasten::bench
