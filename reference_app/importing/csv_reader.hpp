// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// Reads comma-separated values as RFC 4180 has them: quoted fields may hold commas, line breaks and doubled
/// quotes; lines end with LF or CRLF. The first record names the columns. Empty lines are skipped, and so is
/// a byte order mark. A record that cannot be read is told and skipped; the ones after it are read.
///
/// Holds one record and one read-ahead, both bounded. The wrong tool for other separators.
/// Thread safety: single-owner.
///
///     claims_app::csv_reader reader([&](std::span<char> to) { return source.read(to); });
///     const auto id = reader.column("CLM_ID");
///     for (auto got = reader.next(); got != csv_reader::outcome::end; got = reader.next())
///       if (got == csv_reader::outcome::row) use(reader.fields()[*id]);
class csv_reader {
 public:
  struct options {
    std::size_t record_bytes_max = 256 * 1024;  ///< longer records are refused; 64..2^30
    std::size_t fields_max = 4096;              ///< more columns are refused; 1..1'000'000
  };
  /// Fills the front of the span and returns how many bytes; 0 at the end.
  using read_function = std::function<std::size_t(std::span<char>)>;

  enum class outcome {
    row,  ///< fields() holds one per column
    bad,  ///< reason() says why the record was skipped
    end,  ///< there is no more
  };

  /// Reads the header.
  /// Throws: std::invalid_argument for an option out of range or no function; bad_input if there is no header
  /// or a column occurs twice; whatever `read` throws.
  explicit csv_reader(read_function read) : csv_reader(std::move(read), options{}) {}
  csv_reader(read_function read, options opts);

  /// Goes on to the next record. What fields() gave before is gone.
  [[nodiscard]] outcome next();

  /// Returns: the position of the column of that name, if there is one.
  [[nodiscard]] std::optional<std::size_t> column(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }

  /// Lifetime: valid until next().
  [[nodiscard]] std::span<const std::string_view> fields() const noexcept { return fields_; }

  /// Returns: a short text without any of the data; empty unless next() said bad.
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

  /// Returns: the number of the line the record began on, counted from 1.
  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }

  /// Returns: how many records next() gave, good and bad.
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }

 private:
  [[nodiscard]] bool read_record();
  [[nodiscard]] bool fetch();
  [[nodiscard]] std::optional<std::size_t> find_record_end();
  void skip_line();
  void split(std::span<char> record);
  [[nodiscard]] bool split_quoted(std::span<char> record, std::size_t& at);
  void refuse(std::string reason);

  const options opts_;
  const read_function read_;  // never empty
  std::vector<std::string> columns_;
  std::vector<char> buffer_;  // record_bytes_max and one byte more, so that a record too long is noticed
  std::size_t begin_ = 0;     // of the record being read, in buffer_
  std::size_t end_ = 0;       // of what was fetched, in buffer_
  bool source_ended_ = false;
  std::vector<std::string_view> fields_;  // point into buffer_
  std::string reason_;
  std::uint64_t line_ = 0;
  std::uint64_t line_next_ = 1;  // of what lies at begin_
  std::uint64_t records_ = 0;
};

}  // namespace claims_app
