// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/csv_reader.hpp"
#include "importing/gz_source.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace claims_app {

/// A CSV file, plain or compressed, opened at its first record. Thread safety: single-owner.
class input_file {
 public:
  /// Throws: bad_input as gz_source and csv_reader do, naming the file.
  explicit input_file(const std::filesystem::path& path);

  /// Goes on to the next record. Throws: bad_input, naming the file.
  [[nodiscard]] csv_reader::outcome next();

  /// Goes past `count` records, or to the end.
  void skip(std::uint64_t count);

  [[nodiscard]] const csv_reader& reader() const noexcept { return *reader_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return source_->position(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return source_->size(); }

 private:
  std::string name_;  // without its folder
  std::unique_ptr<gz_source> source_;
  std::unique_ptr<csv_reader> reader_;  // reads from source_
};

/// Returns: SHA-256 of the file as it lies there, in lower-case hexadecimal.
/// Throws: bad_input if it cannot be read.
[[nodiscard]] std::string file_digest(const std::filesystem::path& path);

/// Returns: the file's name without folder, ".gz" and ".csv": what a data source is called by default.
[[nodiscard]] std::string source_name(const std::filesystem::path& path);

}  // namespace claims_app
