// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace hasten {

/// Reads the text of a cgroup v2 `cpu.max` file ("200000 100000": microseconds of CPU per period).
/// Returns: the whole threads that the quota keeps busy, rounded up, at least 1; nothing if there is no quota
/// ("max") or the text is not understood.
[[nodiscard]] inline std::optional<unsigned> threads_of_cpu_max(std::string_view text) noexcept {
  std::uint64_t quota = 0;
  std::uint64_t period = 0;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, quota);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, period);
  if (second.ec != std::errc() || period == 0) return std::nullopt;
  const std::uint64_t threads = std::max<std::uint64_t>(1, quota / period + (quota % period != 0 ? 1 : 0));
  return static_cast<unsigned>(std::min<std::uint64_t>(threads, 1'000'000));
}

namespace detail {

/// The quota of this process's control group and of every group around it: the tightest one counts.
inline std::optional<unsigned> threads_of_cgroup() {
  std::ifstream groups("/proc/self/cgroup");
  std::string path;
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) path = line.substr(3);  // the unified (v2) hierarchy
  }
  std::optional<unsigned> threads;
  for (;;) {
    if (path == "/") path.clear();
    std::ifstream file("/sys/fs/cgroup" + path + "/cpu.max");
    std::string text;
    if (std::getline(file, text)) {
      const auto limit = threads_of_cpu_max(text);
      if (limit) threads = std::min(threads.value_or(*limit), *limit);
    }
    if (path.empty()) return threads;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

inline unsigned threads_of_affinity() noexcept {
#ifdef __linux__
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<unsigned>(CPU_COUNT(&set));
#endif
  return std::thread::hardware_concurrency();
}

}  // namespace detail

/// How many threads this process can keep busy: the processors that it may run on, or fewer where a cgroup
/// quota allows less, as in a container.
/// Returns: at least 1.
[[nodiscard]] inline unsigned thread_budget() {
  const unsigned processors = std::max(1U, detail::threads_of_affinity());
  return std::min(processors, detail::threads_of_cgroup().value_or(processors));
}

}  // namespace hasten
