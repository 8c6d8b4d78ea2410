// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

namespace claims_app {

/// Reads a file from its start to its end, decompressing it if it begins as a gzip file does, whatever its
/// name. Holds two buffers of fixed size, however large the file or its content.
///
/// Thread safety: single-owner.
///
///     claims_app::gz_source source("inpatient.csv.gz");
///     std::array<char, 65536> buffer;
///     while (const std::size_t count = source.read(buffer)) consume(buffer.data(), count);
class gz_source {
 public:
  /// Throws: bad_input if the file cannot be opened or is no regular file.
  explicit gz_source(const std::filesystem::path& path);
  gz_source(gz_source&&) noexcept;
  gz_source& operator=(gz_source&&) noexcept;
  ~gz_source();

  /// Fills the front of `buffer` with what comes next.
  /// Returns: how many bytes; 0 at the end only.
  /// Throws: bad_input if the file cannot be read, ends within a compressed stream, is corrupt, or goes on
  /// after the compressed stream with anything but another one. Every byte before that place was returned.
  [[nodiscard]] std::size_t read(std::span<char> buffer);

  /// Returns: how many bytes of the file itself were consumed; with size(), the progress.
  [[nodiscard]] std::uint64_t position() const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;  // null only when moved from
};

}  // namespace claims_app
