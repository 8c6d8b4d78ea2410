// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten::bench {

/// Makes the compiler believe that `value` is used, so that the work for it is not removed.
template <class T>
inline void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

/// Returns: what `work()` took, in nanoseconds per one of `operations`.
template <class Work>
[[nodiscard]] double nanoseconds_per(std::size_t operations, Work&& work) {
  const steady_time start = steady_clock_source::now();
  work();
  const std::chrono::duration<double, std::nano> took = steady_clock_source::now() - start;
  return took.count() / static_cast<double>(operations);
}

/// Returns: the processor time that `work()` took on this thread, in nanoseconds per one of `operations`.
/// Better than the wall clock for work on one thread that never waits: other programs do not count.
template <class Work>
[[nodiscard]] double cpu_nanoseconds_per(std::size_t operations, Work&& work) {
  const auto now = [] {
    timespec spent{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
    return static_cast<double>(spent.tv_sec) * 1e9 + static_cast<double>(spent.tv_nsec);
  };
  const double start = now();
  work();
  return (now() - start) / static_cast<double>(operations);
}

/// Who takes part in a comparison: `measure` runs it once and returns its figure, for example nanoseconds.
struct contender {
  std::string name;
  std::function<double()> measure;
};

/// What a contender achieved over all rounds.
struct outcome {
  std::string name;
  double median = 0;
  double least = 0;
  double most = 0;
};

/// Compares contenders in one process, in rounds of A B C A B C, so that what disturbs the machine disturbs
/// all of them alike, and takes medians. Prints a table per comparison and, at the end, the ratios.
///
///     hasten::bench::interleave bench(argc, argv);
///     const auto hit = bench.compare("hit", "ns", {{"ours", run_ours}, {"floor", run_floor}});
///     bench.ratio("cache.hit.u64.vs_floor", hit[0].median / hit[1].median);
///     return bench.finish();
class interleave {
 public:
  /// Takes `--quick` (fewer rounds) from the command line; other arguments end in a message and a failure.
  interleave(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      if (std::string_view(argv[i]) == "--quick")
        quick_ = true;
      else
        bad_argument_ = argv[i];
    }
#ifndef NDEBUG
    std::puts("warning: built with assertions; figures of a build without optimisation say nothing");
#endif
  }

  /// Whether a rough answer is wanted soon: less than a minute for a whole area.
  [[nodiscard]] bool quick() const noexcept { return quick_; }

  /// Runs a round to warm up, whose figures do not count, and then the rounds that do.
  std::vector<outcome> compare(const std::string& title, const std::string& unit,
                               const std::vector<contender>& contenders) {
    std::vector<std::vector<double>> figures(contenders.size());
    for (int round = -1; round < rounds(); ++round)
      for (std::size_t i = 0; i < contenders.size(); ++i) {
        const double figure = contenders[i].measure();
        if (round >= 0) figures[i].push_back(figure);
      }
    std::vector<outcome> outcomes;
    std::printf("\n%s (%s, median of %d rounds)\n", title.c_str(), unit.c_str(), rounds());
    for (std::size_t i = 0; i < contenders.size(); ++i) {
      std::sort(figures[i].begin(), figures[i].end());
      outcomes.push_back(
          {contenders[i].name, figures[i][figures[i].size() / 2], figures[i].front(), figures[i].back()});
      std::printf("  %-38s %12.2f   (%.2f .. %.2f)\n", outcomes[i].name.c_str(), outcomes[i].median,
                  outcomes[i].least, outcomes[i].most);
    }
    std::fflush(stdout);
    return outcomes;
  }

  /// Notes a figure of the list of bars, to be printed at the end.
  void ratio(const std::string& name, double value) {
    char line[64];
    std::snprintf(line, sizeof line, "%.4g", value);
    lines_.push_back("ratio " + name + " " + line);
  }

  /// Notes that a figure cannot be had here, and why.
  void skip(const std::string& name, const std::string& reason) {
    lines_.push_back("skip " + name + " " + reason);
  }

  /// Prints the noted lines. Returns: the exit status for main().
  [[nodiscard]] int finish() const {
    if (!bad_argument_.empty()) {
      std::fprintf(stderr, "unknown argument '%s'; there is --quick\n", bad_argument_.c_str());
      return 2;
    }
    std::puts("");
    for (const std::string& line : lines_) std::puts(line.c_str());
    return 0;
  }

  /// Returns: whether the command line was understood; if not, go straight to finish().
  [[nodiscard]] bool ready() const noexcept { return bad_argument_.empty(); }

 private:
  [[nodiscard]] int rounds() const noexcept { return quick_ ? 5 : 15; }

  bool quick_ = false;
  std::string bad_argument_;
  std::vector<std::string> lines_;
};

}  // namespace hasten::bench
