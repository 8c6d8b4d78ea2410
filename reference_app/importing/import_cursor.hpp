// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// How far an import came, as data_sources.last_cursor keeps it: committed with the rows before it, so that
/// what it says and what the database holds are always the same.
///
/// The digest is of the whole input: a file of the same name with one byte changed is another input, and is
/// read from its start. Thread safety: thread-compatible.
struct import_cursor {
  std::string digest;          ///< of the input files, as file_digest() gives it
  std::uint64_t records = 0;   ///< of the claims file: all before this count are dealt with
  std::uint64_t rejected = 0;  ///< rows refused so far, also in earlier runs over the same input
  bool complete = false;       ///< the input was read to its end

  [[nodiscard]] bool operator==(const import_cursor&) const = default;
};

/// Returns: "v1 sha256:… records=… rejected=… partial|complete".
[[nodiscard]] std::string to_text(const import_cursor& cursor);

/// Returns: the cursor; nothing for any other text, whose input is then read from its start.
[[nodiscard]] std::optional<import_cursor> parse_import_cursor(std::string_view text);

}  // namespace claims_app
