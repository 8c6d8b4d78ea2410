// SPDX-License-Identifier: BSL-1.0
// What it costs to record a latency, to read its percentiles, and how far off they are; against what is used
// otherwise, interleaved in one process. Times are CPU time of the recording threads, medians over the
// rounds.
#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram.hpp>

#include <metrics/peers.hpp>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

double now_ns() {
  return std::chrono::duration<double, std::nano>(hasten::steady_clock_source::now().time_since_epoch())
      .count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::uint64_t> lognormal(std::size_t count, double middle, double spread, unsigned seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> draw(std::log(middle), spread);
  std::vector<std::uint64_t> values(count);
  for (auto& value : values) value = static_cast<std::uint64_t>(draw(random)) + 1;
  return values;
}

// Short runs of two threads would otherwise often share one core, and never get in each other's way.
void stay_on_core(unsigned index) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(index % std::thread::hardware_concurrency(), &cores);
  pthread_setaffinity_np(pthread_self(), sizeof cores, &cores);
}

// A function of its own, so that nothing of the harness is read again in each turn.
template <class Recorder>
[[gnu::noinline]] void record_all(Recorder& recorder, const std::uint64_t* values, std::size_t records) {
  for (std::size_t i = 0; i < records; ++i) recorder.record(values[i % 4096]);
}

// ns for one record, on average over the threads.
template <class Recorder>
double cost_of_record(Recorder& recorder, unsigned threads, std::size_t records,
                      const std::vector<std::uint64_t>& values) {
  std::vector<double> costs(threads);
  std::barrier start(static_cast<std::ptrdiff_t>(threads));
  {
    std::vector<std::jthread> running;
    for (unsigned t = 0; t < threads; ++t)
      running.emplace_back([&, t] {
        stay_on_core(t);
        recorder.record(values[t]);  // the thread's first record may allocate
        start.arrive_and_wait();
        const double began = now_ns();
        record_all(recorder, values.data(), records);
        costs[t] = (now_ns() - began) / static_cast<double>(records);
      });
  }
  double sum = 0;
  for (const double cost : costs) sum += cost;
  return sum / threads;
}

struct subject {
  std::string name;
  std::function<double(unsigned threads)> run;
  std::vector<double> rounds[2] = {};  // by number of threads, less one

  [[nodiscard]] double cost(unsigned threads) const { return median(rounds[threads - 1]); }
};

template <class Recorder, class... Arguments>
subject recording(std::string name, std::size_t records, const std::vector<std::uint64_t>& values,
                  Arguments... arguments) {
  return {std::move(name),
          [records, &values, recorder = std::make_shared<Recorder>(arguments...)](unsigned threads) {
            return cost_of_record(*recorder, threads, records, values);
          }};
}

void bench_record(bool quick) {
  const auto values = lognormal(4096, 300e3, 0.9, 1);
  const std::size_t fast = quick ? 4'000'000 : 10'000'000;
  const std::size_t slow = quick ? 500'000 : 2'000'000;
  std::vector<subject> subjects;
  subjects.push_back(recording<hasten::histogram>("hasten, P=5", fast, values));
  subjects.push_back(recording<hasten::histogram>("hasten, P=7", fast, values,
                                                  hasten::histogram::options{.precision_bits = 7}));
  subjects.push_back(recording<hasten::histogram>("hasten, all threads share", slow, values,
                                                  hasten::histogram::options{.threads_max = 0}));
  subjects.push_back(recording<peers::atomic_array>("one atomic array", slow, values));
  subjects.push_back(recording<peers::last_thousand>("mutex + last 1000", slow, values));
#ifdef HASTEN_BENCH_PROMETHEUS
  subjects.push_back(recording<peers::prometheus_histogram>("prometheus-cpp Histogram", slow, values));
#endif
  const int rounds = quick ? 5 : 15;
  for (int round = 0; round < rounds; ++round)
    for (auto& each : subjects)
      for (const unsigned threads : {1U, 2U}) each.rounds[threads - 1].push_back(each.run(threads));

  std::printf("%-28s %14s %14s\n", "record, ns", "1 thread", "2 threads");
  for (const auto& each : subjects)
    std::printf("%-28s %14.2f %14.2f\n", each.name.c_str(), each.cost(1), each.cost(2));
  const subject& ours = subjects.front();
#ifdef HASTEN_BENCH_PROMETHEUS
  const subject& theirs = subjects.back();
  std::printf("ratio metrics.record.1thread.vs_prometheus %.4f\n", ours.cost(1) / theirs.cost(1));
  std::printf("ratio metrics.record.2threads.vs_prometheus %.4f\n", ours.cost(2) / theirs.cost(2));
#else
  std::puts("skip metrics.record.1thread.vs_prometheus prometheus-cpp is not installed");
  std::puts("skip metrics.record.2threads.vs_prometheus prometheus-cpp is not installed");
#endif
  std::printf("ratio metrics.record.ns %.2f\n", std::max(ours.cost(1), ours.cost(2)));
}

// p50, p95 and p99 of a histogram into which eight threads record.
void bench_snapshot(bool quick) {
  const auto values = lognormal(4096, 300e3, 0.9, 2);
  hasten::histogram recorder;
  peers::last_thousand theirs;
  {
    std::barrier all_recorded(8);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        for (const auto value : values) recorder.record(value);
        all_recorded.arrive_and_wait();
      });
  }
  for (const auto value : values) theirs.record(value);

  std::vector<double> ours_us;
  std::vector<double> theirs_us;
  std::uint64_t keep = 0;
  constexpr int repeats = 200;
  for (int round = 0; round < (quick ? 10 : 50); ++round) {
    double began = now_ns();
    for (int i = 0; i < repeats; ++i) {
      const auto taken = recorder.snapshot();
      keep += taken.quantile(0.5) + taken.quantile(0.95) + taken.quantile(0.99);
    }
    ours_us.push_back((now_ns() - began) / repeats / 1e3);
    began = now_ns();
    for (int i = 0; i < repeats; ++i) keep += theirs.quantiles();
    theirs_us.push_back((now_ns() - began) / repeats / 1e3);
  }
  std::printf("\n%-28s %14s\n", "p50, p95, p99, us", "8 threads' rows");
  std::printf("%-28s %14.2f\n%-28s %14.2f   (checksum %llu)\n", "hasten, P=5", median(ours_us),
              "mutex + last 1000", median(theirs_us), static_cast<unsigned long long>(keep));
  std::printf("ratio metrics.snapshot.us %.2f\n", median(ours_us));
}

double worst_error_percent(std::string_view name, std::vector<std::uint64_t> values) {
  hasten::histogram recorder;
  for (const auto value : values) recorder.record(value);
  std::sort(values.begin(), values.end());
  const auto taken = recorder.snapshot();
  double worst = 0;
  std::printf("%-28s", std::string(name).c_str());
  for (const double q : {0.5, 0.9, 0.95, 0.99, 0.999}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(values.size())));
    const auto exact = static_cast<double>(values[rank - 1]);
    const double percent = 100 * (static_cast<double>(taken.quantile(q)) - exact) / exact;
    std::printf(" %+7.2f", percent);
    worst = std::max(worst, std::abs(percent));
  }
  std::printf("\n");
  return worst;
}

void bench_error() {
  constexpr std::size_t count = 1'000'000;
  auto two_humps = lognormal(count, 80e3, 0.25, 3);
  const auto misses = lognormal(count, 20e6, 0.25, 4);
  for (std::size_t i = 0; i < count; i += 12) two_humps[i] = misses[i];
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> even(1e-9, 1.0);
  std::vector<std::uint64_t> heavy_tail(count);
  for (auto& value : heavy_tail)
    value = static_cast<std::uint64_t>(50e3 / std::pow(even(random), 1 / 1.2)) + 1;

  std::printf("\n%-28s %7s %7s %7s %7s %7s\n", "error in %, 1 M values", "p50", "p90", "p95", "p99", "p99.9");
  double worst = worst_error_percent("lognormal around 300 us", lognormal(count, 300e3, 0.9, 6));
  worst = std::max(worst, worst_error_percent("80 us hits, 20 ms misses", std::move(two_humps)));
  worst = std::max(worst, worst_error_percent("heavy tail above 50 us", std::move(heavy_tail)));
  std::printf("ratio metrics.error.max_percent %.3f\n", worst);
}

}  // namespace

int main(int argc, char** argv) {
  const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
  bench_record(quick);
  bench_snapshot(quick);
  bench_error();
}
