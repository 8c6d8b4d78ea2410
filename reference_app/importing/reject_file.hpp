// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace claims_app {

/// Where refused rows are told: file name, line number and reason, never a value of the row. The file is made
/// with the first refusal, for its owner alone, and added to by later runs.
///
/// Refusals are kept until write(), which the import calls before it commits the rows around them: a kill
/// between the two repeats some lines in the next run, and loses none. Thread safety: single-owner.
class reject_file {
 public:
  explicit reject_file(std::filesystem::path path);

  /// Keeps one refusal for write(), which it calls itself when a mebibyte is kept.
  void add(std::string_view file, std::uint64_t line, std::string_view reason);

  /// Appends what was kept and makes it durable.
  /// Throws: std::runtime_error if the file cannot be written.
  void write();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  struct closer {
    void operator()(std::FILE* file) const noexcept;
  };

  const std::filesystem::path path_;
  std::unique_ptr<std::FILE, closer> file_;  // null until there is something to write
  std::string pending_;                      // bounded by add()
};

}  // namespace claims_app
