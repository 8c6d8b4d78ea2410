// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/metric_sink.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

namespace hasten {

/// What the process uses, as the kernel counts it.
///
/// Thread safety: thread-compatible.
struct process_stats {
  std::chrono::nanoseconds cpu{0};  ///< by all threads since the start
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;             ///< the soft limit
  double start_seconds = 0;              ///< of the calendar, since 1970; 0 if unknown
  std::uint64_t switches_voluntary = 0;  ///< the process waited for something
  std::uint64_t switches_forced = 0;     ///< somebody else had the core
};

namespace detail {

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// The number behind `name` at the beginning of a line; 0 if there is none.
inline std::uint64_t number_after(const std::string& text, const std::string& name) {
  const std::size_t found = text.starts_with(name) ? 0 : text.find('\n' + name);
  if (found == std::string::npos) return 0;
  std::istringstream rest(text.substr(text.find(name, found) + name.size()));
  std::uint64_t number = 0;
  rest >> number;
  return number;
}

}  // namespace detail

/// Reads what the process uses, from Linux's /proc. Costs some tens of microseconds and a few open files: for a
/// page that is asked for, not for each request.
/// Returns: nothing where there is no such file system. `proc` is where it is.
[[nodiscard]] inline std::optional<process_stats> read_process_stats(
    const std::filesystem::path& proc = "/proc") {
  const std::string stat = detail::text_of(proc / "self" / "stat");
  // The second field is the program's name in parentheses and may hold anything, so count from its end.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  std::uint64_t user = 0, system = 0, threads = 0, started = 0, virtual_bytes = 0, resident_pages = 0;
  fields >> user >> system;
  for (int field = 16; field < 20; ++field) fields >> skipped;
  fields >> threads >> skipped >> started >> virtual_bytes >> resident_pages;
  if (!fields) return std::nullopt;

  process_stats read;
  const auto ticks_per_second = static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK));
  read.cpu = std::chrono::nanoseconds((user + system) * (1'000'000'000 / ticks_per_second));
  read.resident_bytes = resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  read.virtual_bytes = virtual_bytes;
  read.threads = threads;
  if (const std::uint64_t boot = detail::number_after(detail::text_of(proc / "stat"), "btime "))
    read.start_seconds =
        static_cast<double>(boot) + static_cast<double>(started) / static_cast<double>(ticks_per_second);

  std::error_code none;
  for (std::filesystem::directory_iterator fd(proc / "self" / "fd", none), end; !none && fd != end;
       fd.increment(none))
    ++read.open_fds;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) read.max_fds = limit.rlim_cur;

  const std::string status = detail::text_of(proc / "self" / "status");
  read.switches_voluntary = detail::number_after(status, "voluntary_ctxt_switches:");
  read.switches_forced = detail::number_after(status, "nonvoluntary_ctxt_switches:");
  return read;
}

/// Returns: how much memory the process may use: what its cgroup (version 2) allows, or else what the machine has; 0 if
/// neither can be read. `root` is where both file systems are.
[[nodiscard]] inline std::uint64_t memory_limit_bytes(const std::filesystem::path& root = "/") {
  std::uint64_t limit = detail::number_after(detail::text_of(root / "proc" / "meminfo"), "MemTotal:") * 1024;
  std::istringstream allowed(detail::text_of(root / "sys" / "fs" / "cgroup" / "memory.max"));
  if (std::uint64_t bytes = 0; allowed >> bytes && (limit == 0 || bytes < limit))
    limit = bytes;  // "max" is no number
  return limit;
}

/// Writes them under the names that Prometheus's client libraries use: a collector for a registry.
///
///     metrics.add_collector([](hasten::metric_sink& sink) {
///       if (const auto used = hasten::read_process_stats()) hasten::collect_process(sink, *used);
///     });
inline void collect_process(metric_sink& sink, const process_stats& used) {
  const label_set none;
  const auto level = [&](const char* name, const char* help, double value) {
    sink.begin({name, help, metric_type::gauge});
    sink.level(none, value);
  };
  sink.begin({"process_cpu_seconds_total", "CPU time of all threads.", metric_type::counter});
  sink.level(none, std::chrono::duration<double>(used.cpu).count());
  level("process_resident_memory_bytes", "Memory in use.", static_cast<double>(used.resident_bytes));
  level("process_virtual_memory_bytes", "Address space in use.", static_cast<double>(used.virtual_bytes));
  level("process_threads", "Threads.", static_cast<double>(used.threads));
  level("process_open_fds", "File descriptors in use.", static_cast<double>(used.open_fds));
  level("process_max_fds", "File descriptors allowed.", static_cast<double>(used.max_fds));
  if (used.start_seconds > 0)
    level("process_start_time_seconds", "When the process began, since 1970.", used.start_seconds);
  sink.begin({"process_context_switches_total", "Times a thread left its core.", metric_type::counter});
  sink.count({{"type", "voluntary"}}, used.switches_voluntary);
  sink.count({{"type", "involuntary"}}, used.switches_forced);
}

}  // namespace hasten
