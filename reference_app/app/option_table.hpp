// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace claims_app {

struct serve_config;

/// What a value has to be.
enum class option_kind : std::uint8_t {
  text,
  number,       ///< a whole number in a range
  choice,       ///< one of a few words
  yes_no,       ///< true or false; as a flag without a value: true
  secret,       ///< never a flag, for flags show in the list of processes; never shown
  secret_file,  ///< the file whose first line is the secret of the same name without "-file"
};

/// A value as its kind reads it.
struct option_value {
  std::string text;
  std::int64_t number = 0;
  bool yes = false;
};

/// One option of `serve`. All that is said of it anywhere comes from here: the flag, the variable, the member of the
/// configuration file, the help, the table of the guide.
struct option_row {
  std::string_view name;      // "cache-ttl": --cache-ttl, HASTEN_CACHE_TTL, "cache_ttl" in the file
  std::string_view fallback;  // the value that holds when nobody gives one, as a user would write it
  std::string_view meaning;
  option_kind kind = option_kind::text;
  std::int64_t least = 0;  // of a number
  std::int64_t most = 0;
  std::string_view choices = {};         // separated by blanks
  std::string_view other_variable = {};  // is read as well; the usual one wins
  bool is_reloadable = false;            // SIGHUP takes a new value over
  /// Puts the value where it is used. Throws: std::invalid_argument saying what it must be. Null: what takes it takes
  /// more than one.
  void (*take)(serve_config&, const option_value&) = nullptr;
};

/// Every option, in the order in which they are shown.
[[nodiscard]] std::span<const option_row> option_rows() noexcept;

/// Returns: null if there is no such option.
[[nodiscard]] const option_row* find_option(std::string_view name) noexcept;

[[nodiscard]] std::string flag_of(const option_row& row);      // "--cache-ttl"; empty for a secret
[[nodiscard]] std::string variable_of(const option_row& row);  // "HASTEN_CACHE_TTL"
[[nodiscard]] std::string key_of(const option_row& row);       // "cache_ttl"

/// Returns: what a value must be: "a whole number from 0 to 65535".
[[nodiscard]] std::string range_of(const option_row& row);

/// Reads a value as its kind wants it. Throws: std::invalid_argument, "must be " and range_of(), without the value.
[[nodiscard]] option_value read_option(const option_row& row, std::string_view text);

/// Returns: of `known` what is spelt most like `name`, or nothing if none is spelt alike. Complexity: linear in all
/// that is known.
[[nodiscard]] std::string_view nearest_name(std::string_view name, std::span<const std::string> known);

/// Returns: the table of the guide, in Markdown.
[[nodiscard]] std::string option_table_markdown();

}  // namespace claims_app
