// SPDX-License-Identifier: BSL-1.0
// What it costs to record a latency, to read its percentiles, and how far off they are; against what is used
// otherwise, interleaved in one process. Times are CPU time of the recording threads, medians over the
// rounds.
#include <hasten/core/clock.hpp>
#include <hasten/metrics/health.hpp>
#include <hasten/metrics/health_json.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/metrics/prometheus_text.hpp>
#include <hasten/metrics/registry.hpp>
#include <hasten/metrics/response_timer.hpp>
#include <hasten/metrics/server_timing.hpp>
#include <hasten/metrics/trace_context.hpp>

#include <metrics/peers.hpp>
#include <pthread.h>
#include <sched.h>
#include <support/interleave.hpp>

#include <algorithm>
#include <barrier>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using hasten::bench::interleave;

// CPU time of the calling thread: other work on the machine prolongs a run, but costs it nothing. Of a lock that is
// waited for, it sees the spinning and the system calls and not the sleep, which favours the peers that have one.
double cpu_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

template <class Work>
double cpu_microseconds_each(std::size_t repeats, Work&& work) {
  const double began = cpu_ns();
  for (std::size_t i = 0; i < repeats; ++i) work();
  return (cpu_ns() - began) / static_cast<double>(repeats) / 1000;
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
        const double began = cpu_ns();
        record_all(recorder, values.data(), records);
        costs[t] = (cpu_ns() - began) / static_cast<double>(records);
      });
  }
  double sum = 0;
  for (const double cost : costs) sum += cost;
  return sum / threads;
}

template <class Recorder, class... Arguments>
hasten::bench::contender recording(std::string name, unsigned threads, std::size_t records,
                                   const std::vector<std::uint64_t>& values, Arguments... arguments) {
  return {std::move(name), [threads, records, &values, recorder = std::make_shared<Recorder>(arguments...)] {
            return cost_of_record(*recorder, threads, records, values);
          }};
}

// Ours at the default precision first, prometheus-cpp last if it is there.
std::vector<hasten::bench::contender> recorders(unsigned threads, bool quick,
                                                const std::vector<std::uint64_t>& values) {
  const std::size_t fast = quick ? 4'000'000 : 10'000'000;
  const std::size_t slow = quick ? 500'000 : 2'000'000;
  using options = hasten::histogram::options;
  std::vector<hasten::bench::contender> all;
  all.push_back(recording<hasten::histogram>("hasten, P=5", threads, fast, values));
  all.push_back(
      recording<hasten::histogram>("hasten, P=7", threads, fast, values, options{.precision_bits = 7}));
  all.push_back(recording<hasten::histogram>("hasten, all threads share", threads, slow, values,
                                             options{.threads_max = 0}));
  all.push_back(recording<peers::atomic_array>("one atomic array", threads, slow, values));
  all.push_back(recording<peers::last_thousand>("mutex + last 1000", threads, slow, values));
#ifdef HASTEN_BENCH_PROMETHEUS
  all.push_back(recording<peers::prometheus_histogram>("prometheus-cpp Histogram", threads, slow, values));
#endif
  return all;
}

void bench_record(interleave& bench) {
  const auto values = lognormal(4096, 300e3, 0.9, 1);
  const auto one = bench.compare("record, 1 thread", "ns", recorders(1, bench.quick(), values));
  const auto two =
      bench.compare("record, 2 threads on one histogram", "ns", recorders(2, bench.quick(), values));
#ifdef HASTEN_BENCH_PROMETHEUS
  bench.ratio("metrics.record.1thread.vs_prometheus", one.front().median / one.back().median);
  bench.ratio("metrics.record.2threads.vs_prometheus", two.front().median / two.back().median);
#else
  bench.skip("metrics.record.1thread.vs_prometheus", "prometheus-cpp is not installed");
  bench.skip("metrics.record.2threads.vs_prometheus", "prometheus-cpp is not installed");
#endif
  bench.ratio("metrics.record.ns", std::max(one.front().median, two.front().median));
}

constexpr std::size_t repeats = 100;

// p50, p95 and p99 of a histogram into which eight threads recorded.
void bench_snapshot(interleave& bench) {
  const auto values = lognormal(4096, 300e3, 0.9, 2);
  hasten::histogram ours;
  peers::last_thousand theirs;
  {
    std::barrier all_recorded(8);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&] {
        for (const auto value : values) ours.record(value);
        all_recorded.arrive_and_wait();
      });
  }
  for (const auto value : values) theirs.record(value);

  const auto read = bench.compare(
      "p50, p95 and p99 of what 8 threads recorded", "us",
      {{"hasten, P=5",
        [&] {
          return cpu_microseconds_each(repeats, [&] {
            const auto taken = ours.snapshot();
            hasten::bench::keep(taken.quantile(0.5) + taken.quantile(0.95) + taken.quantile(0.99));
          });
        }},
       {"mutex + last 1000",
        [&] { return cpu_microseconds_each(repeats, [&] { hasten::bench::keep(theirs.quantiles()); }); }}});
  bench.ratio("metrics.snapshot.us", read.front().median);
}

// 100 histograms with 19 bounds and +Inf: writing them from snapshots, and taking the snapshots as well.
void bench_render(interleave& bench) {
  const auto values = lognormal(4096, 300e3, 0.9, 7);
  hasten::registry metrics;
  const auto family =
      metrics.histograms("http_server_request_duration_seconds", "Durations.", {"method", "route"});
  std::vector<std::pair<hasten::label_set, hasten::histogram_snapshot>> taken;
  const hasten::metric_description description("http_server_request_duration_seconds", "Durations.",
                                               hasten::metric_type::histogram);
  const auto bounds = hasten::bucket_bounds::seconds();
  for (int i = 0; i < 100; ++i) {
    const std::string route = "/api/v1/resource" + std::to_string(i) + "/{id}";
    const auto series = family->with({"GET", route});
    for (const auto value : values) series->record(value);
    taken.emplace_back(hasten::label_set{{"method", "GET"}, {"route", route}}, series->snapshot());
  }
  hasten::prometheus_text page;  // as a server keeps it
  std::vector<hasten::bench::contender> all;
  all.push_back({"hasten, write only", [&] {
                   return cpu_microseconds_each(repeats, [&] {
                     page.clear();
                     page.begin(description);
                     for (const auto& [labels, values_of] : taken)
                       page.distribution(labels, values_of, bounds);
                     hasten::bench::keep(page.finish().size());
                   });
                 }});
  all.push_back({"hasten, snapshots and writing", [&] {
                   return cpu_microseconds_each(repeats, [&] {
                     page.clear();
                     metrics.collect(page);
                     hasten::bench::keep(page.finish().size());
                   });
                 }});
#ifdef HASTEN_BENCH_PROMETHEUS
  const auto theirs = std::make_shared<peers::prometheus_page>(values);
  all.push_back({"prometheus-cpp, collect and serialise", [theirs] {
                   return cpu_microseconds_each(10, [&] { hasten::bench::keep(theirs->render()); });
                 }});
#endif
  all.push_back({"hasten, snapshots, fresh memory", [&] {
                   return cpu_microseconds_each(repeats, [&] {
                     hasten::prometheus_text fresh;
                     metrics.collect(fresh);
                     hasten::bench::keep(fresh.finish().size());
                   });
                 }});
  const auto rendered = bench.compare("a page of 100 histograms with 20 buckets", "us", all);
  bench.ratio("metrics.render.us", rendered.front().median);
}

// What timing a response costs beside reading the clock, which anybody who times pays.
void bench_timer(interleave& bench) {
  constexpr std::size_t responses = 200'000;
  hasten::response_timer timer({.routes = {"GET /claims", "GET /claims/{id}"}});
  const auto each = [](auto&& work) {
    const double began = cpu_ns();
    for (std::size_t i = 0; i < responses; ++i) work(i);
    return (cpu_ns() - began) / static_cast<double>(responses);
  };
  std::vector<hasten::bench::contender> all;
  all.push_back({"two readings of the clock", [&] {
                   return each([](std::size_t) {
                     const auto began = hasten::steady_clock_source::now();
                     hasten::bench::keep(hasten::steady_clock_source::now() - began);
                   });
                 }});
  all.push_back({"start and finish", [&] {
                   return each([&](std::size_t i) {
                     auto scope = timer.start(i % 2);
                     hasten::bench::keep(scope.finish(200));
                   });
                 }});
  all.push_back({"with three stages, three more readings", [&] {
                   return each([&](std::size_t i) {
                     auto scope = timer.start(i % 2);
                     scope.stage("cache");
                     scope.stage("db");
                     scope.stage("serialise");
                     hasten::bench::keep(scope.finish(200));
                   });
                 }});
  // All that a server does about one request it answers from its cache: a trace of its own, its header, the header
  // Server-Timing, the histogram, and the time of the write. The server reads the clock once more without it too.
  std::mt19937_64 random(7);
  std::string header;
  std::string value;
  all.push_back({"the whole middleware of a cached request", [&] {
                   return each([&](std::size_t i) {
                     const auto began = hasten::steady_clock_source::now();
                     const auto trace = hasten::trace_context::begin(random);
                     header.clear();
                     trace.append_header(header);
                     auto scope = timer.start(i % 2, began);
                     scope.trace_id(std::string_view(header).substr(3, 32));
                     const auto ends = hasten::steady_clock_source::now();
                     value.clear();
                     hasten::append_server_timing(value, "total", ends - began);
                     value += ", cache;desc=hit";
                     hasten::bench::keep(scope.finish(200, ends));
                     timer.spent(i % 2, "write", hasten::steady_clock_source::now() - ends);
                     hasten::bench::keep(value.size() + header.size());
                   });
                 }});
  const auto found = bench.compare("timing a response", "ns", all);
  bench.ratio("timing.middleware.us", found.back().median / 1000);
}

// What an answer about health costs while one of twenty checks hangs: nobody waits for it, so it takes what the text takes.
void bench_health(interleave& bench) {
  std::vector<hasten::health_check> checks;
  for (int number = 0; number < 20; ++number)
    checks.push_back(
        {.name = "check " + std::to_string(number), .run = [] { return hasten::check_result(); }});
  std::function<void()> hanging;  // the first is taken and never run
  hasten::health health(std::move(checks), [&](std::function<void()> task) {
    if (hanging)
      task();
    else
      hanging = std::move(task);
  });
  health.tick();
  std::vector<hasten::bench::contender> all;
  all.push_back({"the report and its text", [&] {
                   constexpr int times = 1000;
                   const double began = cpu_ns();
                   for (int i = 0; i < times; ++i)
                     hasten::bench::keep(hasten::health_json(health.report()).size());
                   return (cpu_ns() - began) / times / 1000;
                 }});
  const auto found = bench.compare("health of 20 checks, one of which hangs", "us", all);
  bench.ratio("metrics.health.us", found.front().median);
}

double worst_error_percent(const char* name, std::vector<std::uint64_t> values) {
  hasten::histogram recorder;
  for (const auto value : values) recorder.record(value);
  std::sort(values.begin(), values.end());
  const auto taken = recorder.snapshot();
  double worst = 0;
  std::printf("  %-38s", name);
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

void bench_error(interleave& bench) {
  constexpr std::size_t count = 1'000'000;
  auto two_humps = lognormal(count, 80e3, 0.25, 3);
  const auto misses = lognormal(count, 20e6, 0.25, 4);
  for (std::size_t i = 0; i < count; i += 12) two_humps[i] = misses[i];
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> even(1e-9, 1.0);
  std::vector<std::uint64_t> heavy_tail(count);
  for (auto& value : heavy_tail)
    value = static_cast<std::uint64_t>(50e3 / std::pow(even(random), 1 / 1.2)) + 1;

  std::printf("\n%-40s %7s %7s %7s %7s %7s\n", "error in %, 1 M values", "p50", "p90", "p95", "p99", "p99.9");
  double worst = worst_error_percent("lognormal around 300 us", lognormal(count, 300e3, 0.9, 6));
  worst = std::max(worst, worst_error_percent("80 us hits, 20 ms misses", std::move(two_humps)));
  worst = std::max(worst, worst_error_percent("heavy tail above 50 us", std::move(heavy_tail)));
  bench.ratio("metrics.error.max_percent", worst);
}

}  // namespace

int main(int argc, char** argv) {
  interleave bench(argc, argv);
  if (bench.ready()) {
    bench_record(bench);
    bench_snapshot(bench);
    bench_render(bench);
    bench_timer(bench);
    bench_health(bench);
    bench_error(bench);
  }
  return bench.finish();
}
