// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/alert.hpp>
#include <hasten/metrics/health.hpp>
#include <hasten/metrics/process_stats.hpp>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

/// The checks that most services want, made of what they can read anyway. Each returns a health_check whose interval,
/// deadline and groups may still be changed.
namespace hasten {

/// A figure, and from where on it is worth a look or a failure.
struct level_limits {
  alert_when bad = alert_when::above;  ///< on which side of its limits a value is bad
  double warn = 0;
  double fail = 0;  ///< on the bad side of `warn`; infinite: it never fails
  std::string unit = {};
  std::string note = {};  ///< what a bad value means, in a few words
};

/// Judges a figure by two limits: the ratio of a pool in use, the age of the oldest task, the hit ratio of a cache. `read`
/// returns nothing where there are no data, which passes. Throws: std::invalid_argument for limits that contradict
/// themselves or nothing to read.
[[nodiscard]] inline health_check level_check(std::string name, std::function<std::optional<double>()> read,
                                              level_limits limits) {
  const auto worse = [bad = limits.bad](double value, double limit) {
    return bad == alert_when::above ? value > limit : value < limit;
  };
  if (!read) throw std::invalid_argument("level_check: \"" + name + "\" needs something to read");
  if (std::isnan(limits.warn) || std::isnan(limits.fail) || worse(limits.warn, limits.fail))
    throw std::invalid_argument("level_check: \"" + name + "\" fails on the good side of where it warns");
  health_check made;
  made.name = std::move(name);
  made.run = [read = std::move(read), limits = std::move(limits), worse] {
    const std::optional<double> value = read();
    check_result found{.observed = value, .unit = limits.unit};
    if (!value) {
      found.note = "no data";
    } else if (worse(*value, limits.fail)) {
      found.status = health_status::fail;
    } else if (worse(*value, limits.warn)) {
      found.status = health_status::warn;
    }
    if (found.status != health_status::pass) found.note = limits.note;
    return found;
  };
  return made;
}

/// Asks something that answers or throws, such as a database, and judges how long it took: beyond `warn` it warns.
/// Throws: std::invalid_argument without `ping`.
template <clock_source Clock = steady_clock_source>
[[nodiscard]] health_check ping_check(std::string name, std::function<void()> ping,
                                      std::chrono::nanoseconds warn, Clock clock = {}) {
  if (!ping) throw std::invalid_argument("ping_check: \"" + name + "\" needs something to ask");
  health_check made;
  made.name = std::move(name);
  made.run = [ping = std::move(ping), warn, clock] {
    const steady_time began = clock.now();
    ping();
    const auto took = std::chrono::nanoseconds(clock.now() - began);
    check_result found{.observed = std::chrono::duration<double, std::milli>(took).count(), .unit = "ms"};
    if (took > warn) {
      found.status = health_status::warn;
      found.note = "answers slowly";
    }
    return found;
  };
  return made;
}

/// Judges the size of a file that is to stay small, such as the write-ahead log of a database: one that nobody
/// checkpoints grows until the disk is full. A file that is not there passes.
[[nodiscard]] inline health_check file_size_check(std::string name, std::filesystem::path file,
                                                  double warn_bytes, double fail_bytes) {
  return level_check(std::move(name),
                     [file = std::move(file)]() -> std::optional<double> {
                       std::error_code missing;
                       const auto size = std::filesystem::file_size(file, missing);
                       return missing ? 0.0 : static_cast<double>(size);
                     },
                     {.warn = warn_bytes, .fail = fail_bytes, .unit = "By", .note = "the file grows"});
}

/// Judges the space that is left where a folder lies. One that cannot be asked about fails.
[[nodiscard]] inline health_check disk_space_check(std::string name, std::filesystem::path folder,
                                                   double warn_bytes, double fail_bytes) {
  auto made = level_check(std::move(name),
                          [folder = std::move(folder)]() -> std::optional<double> {
                            std::error_code failure;
                            const auto space = std::filesystem::space(folder, failure);
                            return failure ? 0.0 : static_cast<double>(space.available);
                          },
                          {.bad = alert_when::below,
                           .warn = warn_bytes,
                           .fail = fail_bytes,
                           .unit = "By",
                           .note = "the disk fills up"});
  made.interval = std::chrono::minutes(1);
  return made;
}

/// Judges the memory in use as a share of `limit_bytes`, that of the container for instance.
/// Throws: std::invalid_argument if the limit is 0.
[[nodiscard]] inline health_check memory_check(std::string name, std::uint64_t limit_bytes,
                                               double warn = 0.85, double fail = 0.97) {
  if (limit_bytes == 0) throw std::invalid_argument("memory_check: limit_bytes must be at least 1, got 0");
  auto made =
      level_check(std::move(name),
                  [limit_bytes]() -> std::optional<double> {
                    const auto used = read_process_stats();
                    if (!used) return std::nullopt;
                    return static_cast<double>(used->resident_bytes) / static_cast<double>(limit_bytes);
                  },
                  {.warn = warn, .fail = fail, .unit = "ratio", .note = "memory runs out"});
  made.critical = false;
  return made;
}

/// Judges the file descriptors in use as a share of those allowed: without one no connection is accepted.
[[nodiscard]] inline health_check file_descriptor_check(std::string name, double warn = 0.8,
                                                        double fail = 0.97) {
  return level_check(std::move(name),
                     []() -> std::optional<double> {
                       const auto used = read_process_stats();
                       if (!used || used->max_fds == 0) return std::nullopt;
                       return static_cast<double>(used->open_fds) / static_cast<double>(used->max_fds);
                     },
                     {.warn = warn, .fail = fail, .unit = "ratio", .note = "file descriptors run out"});
}

/// What the responses of the recent past were like.
struct response_levels {
  std::uint64_t count = 0;
  std::chrono::nanoseconds mean{0};
  double error_ratio = 0;  ///< answers that were the server's fault, of all
};

/// From where on responses are degraded. The defaults: an average of half a second, one error in a hundred.
struct response_limits {
  std::chrono::nanoseconds mean = std::chrono::milliseconds(500);
  double error_ratio = 0.01;
  std::uint64_t count_min = 20;  ///< with fewer responses nothing is said
};

/// The rule of thumb of many services: healthy while responses take less than the limit on average and errors stay within
/// their budget, degraded otherwise. It warns and never fails: nobody is served better by taking a slow server away.
/// Throws: std::invalid_argument without `read`.
[[nodiscard]] inline health_check response_check(std::string name, std::function<response_levels()> read,
                                                 response_limits limits = {}) {
  if (!read) throw std::invalid_argument("response_check: \"" + name + "\" needs something to read");
  health_check made;
  made.name = std::move(name);
  made.critical = false;
  made.run = [read = std::move(read), limits] {
    const response_levels now = read();
    check_result found{.observed = std::chrono::duration<double, std::milli>(now.mean).count(), .unit = "ms"};
    if (now.count < limits.count_min) {
      found.note = "too few responses";
    } else if (now.mean >= limits.mean) {
      found.status = health_status::warn;
      found.note = "responses are slow on average";
    } else if (now.error_ratio > limits.error_ratio) {
      found.status = health_status::warn;
      found.note = "more errors than the budget allows";
    }
    return found;
  };
  return made;
}

}  // namespace hasten
