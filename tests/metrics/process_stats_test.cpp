// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/process_stats.hpp>
// and what shows them
#include "support/temporary_folder.hpp"

#include <hasten/metrics/prometheus_text.hpp>

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

using namespace std::chrono_literals;

namespace {

// A directory that looks like /proc, gone with the test.
class false_proc {
 public:
  false_proc() : root_(std::filesystem::temp_directory_path() / ("hasten_proc_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(root_ / "self" / "fd");
  }
  false_proc(const false_proc&) = delete;
  false_proc& operator=(const false_proc&) = delete;
  ~false_proc() {
    std::error_code ignored;  // a left-over directory fails no test
    std::filesystem::remove_all(root_, ignored);
  }

  void write(const std::string& file, const std::string& text) const { std::ofstream(root_ / file) << text; }
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

}  // namespace

TEST_CASE("the figures are those of the kernel's files, whatever the program is called") {
  const false_proc proc;
  const auto tick = std::chrono::nanoseconds(1s) / sysconf(_SC_CLK_TCK);
  proc.write("self/stat",
             "4711 (a) b) S 1 4711 4711 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 1000 4096000 25 184\n");
  proc.write("self/status", "Name:\ta) b\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n");
  proc.write("stat", "cpu  1 2 3\nbtime 1700000000\nprocesses 5\n");
  for (const char* fd : {"0", "1", "2"}) proc.write(std::string("self/fd/") + fd, "");

  const auto used = hasten::read_process_stats(proc.root());
  REQUIRE(used);
  CHECK(used->cpu == 200 * tick);
  CHECK(used->threads == 7);
  CHECK(used->virtual_bytes == 4'096'000);
  CHECK(used->resident_bytes == 25 * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  CHECK(used->open_fds == 3);
  CHECK(used->max_fds > 0);
  CHECK(used->switches_voluntary == 12);
  CHECK(used->switches_forced == 3);
  CHECK(used->start_seconds > 1'700'000'000);
}

TEST_CASE("without such files nothing is known") {
  const false_proc proc;
  CHECK_FALSE(hasten::read_process_stats(proc.root()));
  proc.write("self/stat", "4711 (cut short) S 1");
  CHECK_FALSE(hasten::read_process_stats(proc.root()));
  CHECK_FALSE(hasten::read_process_stats("/nowhere"));
}

TEST_CASE("this very process uses something") {
  const auto used = hasten::read_process_stats();
  if (!used) SKIP("there is no /proc here");
  CHECK(used->resident_bytes > 0);
  CHECK(used->threads >= 1);
  CHECK(used->open_fds >= 1);
}

TEST_CASE("they are exposed under the names of Prometheus's client libraries") {
  hasten::process_stats used;
  used.cpu = 1500ms;
  used.threads = 3;
  used.switches_forced = 9;
  hasten::prometheus_text page;
  hasten::collect_process(page, used);
  const std::string& text = page.finish();
  CHECK(text.find("# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n") !=
        std::string::npos);
  CHECK(text.find("\nprocess_threads 3\n") != std::string::npos);
  CHECK(text.find("process_context_switches_total{type=\"involuntary\"} 9\n") != std::string::npos);
  CHECK(text.find("process_start_time_seconds") == std::string::npos);
}

TEST_CASE("the memory limit is the cgroup's, or else the machine's") {
  const temporary_folder root;
  CHECK(hasten::memory_limit_bytes(root.path()) == 0);
  std::filesystem::create_directories(root.path() / "proc");
  std::ofstream(root.path() / "proc" / "meminfo") << "MemTotal:       1000 kB\n";
  CHECK(hasten::memory_limit_bytes(root.path()) == 1'024'000);
  std::filesystem::create_directories(root.path() / "sys" / "fs" / "cgroup");
  std::ofstream(root.path() / "sys" / "fs" / "cgroup" / "memory.max") << "max\n";
  CHECK(hasten::memory_limit_bytes(root.path()) == 1'024'000);
  std::ofstream(root.path() / "sys" / "fs" / "cgroup" / "memory.max") << "512000\n";
  CHECK(hasten::memory_limit_bytes(root.path()) == 512'000);
}
