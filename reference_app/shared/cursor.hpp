// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/keyed_hash.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Where a page ended: the sort key of its last row. Lists without a date leave `date` empty.
struct page_position {
  std::string date;  // 'YYYY-MM-DD' or empty
  std::int64_t row = 0;

  friend bool operator==(const page_position&, const page_position&) = default;
};

/// Turns a position into the opaque text that a client hands back for the next page.
///
/// The text holds a date and a row's number and nothing about anybody. It is signed together with the
/// filters it was made for, so one made up, altered or used with other filters is refused rather than
/// answered with rows from the wrong place. Thread safety: immutable.
///
///     const std::string next = cursors.encode(last_row, canonical_filters);
///     const auto position = cursors.decode(next, canonical_filters);   // nothing: refuse with 400
class cursor_codec {
 public:
  explicit cursor_codec(keyed_hash signature) : signature_(std::move(signature)) {}

  [[nodiscard]] std::string encode(const page_position& at, std::string_view filters) const;

  /// Returns: the position; nothing for a text that this codec did not write for these filters.
  [[nodiscard]] std::optional<page_position> decode(std::string_view text, std::string_view filters) const;

 private:
  [[nodiscard]] keyed_hash::digest sign(std::string_view payload, std::string_view filters) const;

  keyed_hash signature_;
};

}  // namespace claims_app
