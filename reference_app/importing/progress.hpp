// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// How far a file was read, as progress shows it.
struct progress_counts {
  std::uint64_t bytes = 0;     ///< of the file as it lies there
  std::uint64_t bytes_of = 0;  ///< its size; 0 if unknown
  std::uint64_t rows = 0;      ///< read in this run
  std::uint64_t rejected = 0;
};

/// Tells a person how an import goes: one line that is rewritten on a terminal, a plain line now and then
/// elsewhere. It measures by the time it is given and never looks at a clock.
///
/// Thread safety: single-owner.
///
///     claims_app::progress shown(write_to_stderr, {.terminal = true});
///     shown.start("inpatient.csv.gz", clock.now());
///     shown.update({.bytes = 1 << 20, .bytes_of = 4 << 20, .rows = 90'000}, clock.now());
///     shown.finish({...}, clock.now());
class progress {
 public:
  struct options {
    bool terminal = false;  ///< rewrite one line; else add plain lines
    /// Least time between two lines. Zero chooses: 100 ms on a terminal, 5 s elsewhere. Not negative.
    std::chrono::nanoseconds interval = std::chrono::nanoseconds::zero();
  };
  using write_function = std::function<void(std::string_view)>;

  /// Throws: std::invalid_argument for an option out of range or no function.
  progress(write_function write, options opts);

  /// Begins a file; the rate is measured from here.
  void start(std::string_view name, hasten::steady_time now);

  /// Shows where the file stands, if the last line is old enough.
  void update(const progress_counts& counts, hasten::steady_time now);

  /// Shows the last line of the file, always.
  void finish(const progress_counts& counts, hasten::steady_time now);

 private:
  [[nodiscard]] std::string line(const progress_counts& counts, hasten::steady_time now) const;

  const write_function write_;
  const bool terminal_;
  const std::chrono::nanoseconds interval_;
  std::string name_;
  hasten::steady_time started_{};
  hasten::steady_time shown_{};
};

/// Returns: rows for each second; nothing while no time has passed.
[[nodiscard]] std::optional<double> rate_of(std::uint64_t rows, std::chrono::nanoseconds elapsed);

/// Returns: the time that is left if the rest goes as fast; nothing before anything was read.
[[nodiscard]] std::optional<std::chrono::seconds> time_left(const progress_counts& counts,
                                                            std::chrono::nanoseconds elapsed);

/// Returns: the number with commas between thousands.
[[nodiscard]] std::string with_thousands(std::uint64_t number);

}  // namespace claims_app
