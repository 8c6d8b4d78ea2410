// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/metrics/slow_log.hpp>
#include <hasten/query/open_transactions.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_stats.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// The counters of one statement name; made by a query_monitor and valid as long as it.
/// Thread safety: thread-safe.
class statement_meter {
 public:
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  template <clock_source Clock>
  friend class basic_query_monitor;

  statement_meter(std::string_view name, std::size_t hash, unsigned precision_bits,
                  std::chrono::nanoseconds threshold)
      : name_(name),
        hash_(hash),
        latency_(histogram::options{.precision_bits = precision_bits}),
        threshold_(threshold.count()) {}

  const std::string name_;
  const std::size_t hash_;
  histogram latency_;  // its count is the number of executions
  std::atomic<std::int64_t> last_{0};
  std::atomic<std::uint64_t> rows_{0};
  std::atomic<std::uint64_t> slow_{0};
  std::array<std::atomic<std::uint64_t>, query_error_kinds> errors_{};
  std::atomic<std::int64_t> threshold_;  // ns; from here on it is slow
  bool adapts_ = false;                  // set before others see the meter
  // The monitor's report_mutex_ guards these two.
  steady_time second_began_{};
  std::uint64_t reports_this_second_ = 0;
};

/// Times and counts statements by name, keeps the slowest, and reports slow ones as they happen.
///
/// It knows nothing of any database: wrap whatever runs the statement. A statement is known by a short static
/// NAME, never by its text, so that no value can reach a log or a metric; beyond `statements_max` names the
/// rest is counted as "other". Monitoring never changes a result: what the callable returns or throws passes
/// through.
///
/// The wrong tool for tracing single requests, and for names made at run time.
/// Thread safety: thread-safe.
///
///     hasten::query_monitor monitor({.slow_threshold = 50ms, .on_slow = [](const hasten::slow_query& slow) {
///       std::clog << slow.name << " took " << slow.duration.count() << " ns\n";
///     }});
///     auto total = monitor.track("orders.total", [&] { return database.query("SELECT sum(cents) ..."); });
///     for (const hasten::statement_stats& each : monitor.statements()) print(each);
template <clock_source Clock = steady_clock_source>
class basic_query_monitor {
 public:
  struct options {
    std::chrono::nanoseconds slow_threshold =
        std::chrono::milliseconds(100);  ///< ≥ 0; zero: everything is slow
    std::size_t statements_max = 1000;   ///< distinct names, 1..100000; the rest is "other"
    std::size_t slow_max = 100;          ///< slowest executions kept, 1..10000
    /// Called in the thread of a slow execution, after it finished. It may use the monitor; what it throws is
    /// counted and dropped. Empty: nobody is told.
    std::function<void(const slow_query&)> on_slow = {};
    query_observer observer = {};           ///< is told of every execution; empty: nobody is
    std::uint64_t reports_per_second = 10;  ///< on_slow at most so often, 1..1000000; the rest is counted
    /// Of these at most so many for one statement, so that the noisiest does not hide the others, 1..1000000.
    std::uint64_t reports_per_statement = 1'000'000;
    /// Thresholds of their own for some names, each ≥ 0.
    std::map<std::string, std::chrono::nanoseconds, std::less<>> slow_thresholds = {};
    /// Above 0: adapt() makes a statement slow from so many times its own 99th percentile on, 1..1000.
    double slow_factor = 0;
    std::uint64_t adaptive_calls_min = 1000;  ///< a statement with fewer executions is not adapted to, ≥ 100
    /// What takes less is never slow by adapt(), 0..slow_threshold.
    std::chrono::nanoseconds adaptive_least = std::chrono::milliseconds(1);
    unsigned precision_bits = 4;  ///< of the histograms, 2..10: 4 means 3 % and 5 KiB a thread and statement
  };

  /// One execution under way: starts the clock when made, counts when destroyed.
  /// Thread safety: single-owner.
  class call {
   public:
    call(const call&) = delete;
    call& operator=(const call&) = delete;
    ~call() { monitor_.finish(meter_, monitor_.clock_.now() - began_, rows_, failed_, kind_); }

    void add_rows(std::uint64_t count) noexcept { rows_ += count; }
    void fail(query_error_kind kind) noexcept {
      failed_ = true;
      kind_ = kind;
    }

   private:
    friend class basic_query_monitor;
    call(basic_query_monitor& monitor, statement_meter& meter, steady_time began) noexcept
        : monitor_(monitor), meter_(meter), began_(began) {
      if (monitor_.options_.observer.started) [[unlikely]]
        monitor_.tell_started(meter_);
    }

    basic_query_monitor& monitor_;
    statement_meter& meter_;
    std::uint64_t rows_ = 0;
    bool failed_ = false;
    query_error_kind kind_ = query_error_kind::other;
    const steady_time began_;
  };

  basic_query_monitor() : basic_query_monitor(options{}) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit basic_query_monitor(options chosen, Clock clock = {})
      : options_(checked(std::move(chosen))),
        clock_(std::move(clock)),
        slowest_(slow_log::options{.entries_max = options_.slow_max}),
        table_(std::bit_ceil(options_.statements_max * 2 + 2)),
        other_("other", std::hash<std::string_view>()("other"), options_.precision_bits,
               options_.slow_threshold),
        slow_threshold_(options_.slow_threshold.count()),
        second_began_(clock_.now()) {}

  basic_query_monitor(const basic_query_monitor&) = delete;
  basic_query_monitor& operator=(const basic_query_monitor&) = delete;
  ~basic_query_monitor() = default;

  /// Runs `fn` and counts it under `statement_name`. Returns and throws: what `fn` does. Complexity: two
  /// readings of the clock, a look-up without a lock, and a few counters of the calling thread.
  template <class Fn>
  decltype(auto) track(std::string_view statement_name, Fn&& fn) {
    call self = start(statement_name);
    return run(self, std::forward<Fn>(fn));
  }

  /// Starts the clock of one execution; it is counted when the returned object dies.
  [[nodiscard]] call start(std::string_view statement_name) noexcept {
    return start(meter_of(statement_name));
  }
  [[nodiscard]] call start(statement_meter& meter) noexcept { return call(*this, meter, clock_.now()); }
  /// As above, for an execution that began before its counters were looked up.
  [[nodiscard]] call start(statement_meter& meter, steady_time began) noexcept {
    return call(*this, meter, began);
  }

  [[nodiscard]] steady_time now() const noexcept { return clock_.now(); }

  /// Returns: whether an execution that took so long is slow for this statement.
  [[nodiscard]] bool is_slow(const statement_meter& meter, std::chrono::nanoseconds took) const noexcept {
    return took.count() >= meter.threshold_.load(std::memory_order_relaxed);  // a level read by itself
  }

  /// Returns: the counters of a name, for callers who look it up once and keep it; those of "other" when
  /// there are too many names, or no memory for one more.
  [[nodiscard]] statement_meter& meter_of(std::string_view statement_name) noexcept {
    const std::size_t hash = std::hash<std::string_view>()(statement_name);
    if (statement_meter* const found = find(statement_name, hash)) return *found;
    return add(statement_name, hash);
  }

  /// Returns: what is known of every statement, in the order of their first execution. Blocks on: the
  /// registry's lock.
  [[nodiscard]] std::vector<statement_stats> statements() const {
    std::vector<statement_stats> all;
    for (const statement_meter* each : meters()) {
      all.push_back(read(*each));
      if (each == &other_ && all.back().calls == 0) all.pop_back();
    }
    return all;
  }

  [[nodiscard]] query_totals totals() const {
    query_totals sum;
    for (const statement_stats& each : statements()) {
      sum.calls += each.calls;
      sum.errors += each.errors;
      sum.rows += each.rows;
      sum.slow += each.slow;
      sum.time += std::chrono::nanoseconds(each.latency.sum());
      ++sum.statements;
    }
    sum.overflowed = other_.latency_.snapshot().count();
    sum.reports_suppressed = reports_suppressed_.load();
    sum.observer_failures = observer_failures_.load();
    return sum;
  }

  /// Sets the threshold of every statement that has none of its own and has run often enough: to
  /// options::slow_factor times its 99th percentile, between adaptive_least and slow_threshold. So a statement that
  /// takes 0.2 ms as a rule is told about when it takes 5. Call it now and then, every minute say.
  /// Returns: how many thresholds it set; none without a slow_factor. Complexity: a snapshot for each statement.
  std::size_t adapt() {
    if (options_.slow_factor == 0) return 0;
    std::size_t count = 0;
    const std::lock_guard lock(mutex_);
    for (const auto& each : owned_) {
      if (!each->adapts_) continue;
      const histogram_snapshot seen = each->latency_.snapshot();
      if (seen.count() < options_.adaptive_calls_min) continue;
      const double usual = static_cast<double>(seen.quantile(0.99)) * options_.slow_factor;
      const double most = static_cast<double>(slow_threshold_);
      const std::chrono::nanoseconds least =
          std::min(options_.adaptive_least, std::chrono::nanoseconds(slow_threshold_));
      each->threshold_.store(
          std::max<std::int64_t>(least.count(), static_cast<std::int64_t>(std::min(usual, most))),
          std::memory_order_relaxed);  // a level read by itself
      ++count;
    }
    return count;
  }

  /// Goes by another options::slow_threshold from now on; statements with one of their own keep it, and what adapt()
  /// found out holds again from its next call on. Throws: std::invalid_argument if it is negative.
  void set_slow_threshold(std::chrono::nanoseconds threshold) {
    if (threshold.count() < 0)
      throw std::invalid_argument("query_monitor: slow_threshold must not be negative, got " +
                                  std::to_string(threshold.count()));
    const std::lock_guard lock(mutex_);
    slow_threshold_ = threshold.count();
    // relaxed: levels read by themselves
    other_.threshold_.store(threshold.count(), std::memory_order_relaxed);
    for (const auto& each : owned_)
      if (each->adapts_) each->threshold_.store(threshold.count(), std::memory_order_relaxed);
  }

  /// The transactions that are open at this moment.
  [[nodiscard]] open_transactions& transactions() noexcept { return transactions_; }
  [[nodiscard]] const open_transactions& transactions() const noexcept { return transactions_; }

  /// The slowest executions at or above their thresholds.
  [[nodiscard]] const slow_log& slowest() const noexcept { return slowest_; }

 private:
  static options checked(options chosen) {
    const auto refuse = [](const std::string& rule, auto got) {
      throw std::invalid_argument("query_monitor: " + rule + ", got " + std::to_string(got));
    };
    if (chosen.slow_threshold.count() < 0)
      refuse("slow_threshold must not be negative", chosen.slow_threshold.count());
    if (chosen.statements_max < 1 || chosen.statements_max > 100'000)
      refuse("statements_max must be 1..100000", chosen.statements_max);
    if (chosen.slow_max < 1 || chosen.slow_max > 10'000) refuse("slow_max must be 1..10000", chosen.slow_max);
    if (chosen.reports_per_second < 1 || chosen.reports_per_second > 1'000'000)
      refuse("reports_per_second must be 1..1000000", chosen.reports_per_second);
    if (chosen.reports_per_statement < 1 || chosen.reports_per_statement > 1'000'000)
      refuse("reports_per_statement must be 1..1000000", chosen.reports_per_statement);
    for (const auto& [name, threshold] : chosen.slow_thresholds)
      if (threshold.count() < 0) refuse("slow_thresholds must not be negative", threshold.count());
    if (chosen.slow_factor != 0 && !(chosen.slow_factor >= 1 && chosen.slow_factor <= 1000))
      refuse("slow_factor must be 0 or 1..1000", chosen.slow_factor);
    if (chosen.adaptive_calls_min < 100)
      refuse("adaptive_calls_min must be at least 100", chosen.adaptive_calls_min);
    if (chosen.adaptive_least.count() < 0 ||
        (chosen.slow_factor != 0 && chosen.adaptive_least > chosen.slow_threshold))
      refuse("adaptive_least must be 0..slow_threshold", chosen.adaptive_least.count());
    if (chosen.precision_bits < 2 || chosen.precision_bits > 10)
      refuse("precision_bits must be 2..10", chosen.precision_bits);
    return chosen;
  }

  template <class Fn>
  static decltype(auto) run(call& self, Fn&& fn) {
    try {
      return std::forward<Fn>(fn)();
    } catch (...) {
      self.fail(kind_of_current_exception());
      throw;
    }
  }

  // Open addressing; entries are only ever added, so a reader needs no lock.
  [[nodiscard]] statement_meter* find(std::string_view name, std::size_t hash) noexcept {
    const std::size_t mask = table_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      // acquire: pairs with the release in add(); the meter is complete before it is seen
      statement_meter* const candidate = table_[at].load(std::memory_order_acquire);
      if (candidate == nullptr) return nullptr;
      if (candidate->hash_ == hash && candidate->name_ == name) return candidate;
    }
  }

  [[gnu::noinline]] statement_meter& add(std::string_view name, std::size_t hash) noexcept {
    try {
      const std::lock_guard lock(mutex_);
      if (statement_meter* const found = find(name, hash)) return *found;
      if (owned_.size() >= options_.statements_max) return other_;
      const auto own = options_.slow_thresholds.find(name);
      const bool has_own = own != options_.slow_thresholds.end();
      owned_.push_back(std::unique_ptr<statement_meter>(
          new statement_meter(name, hash, options_.precision_bits,
                              has_own ? own->second : std::chrono::nanoseconds(slow_threshold_))));
      owned_.back()->adapts_ = !has_own;
      const std::size_t mask = table_.size() - 1;
      std::size_t at = hash & mask;
      while (table_[at].load(std::memory_order_relaxed) != nullptr)
        at = (at + 1) & mask;                                            // only add() writes
      table_[at].store(owned_.back().get(), std::memory_order_release);  // pairs with find()
      return *owned_.back();
    } catch (const std::bad_alloc&) {
      return other_;  // counted there as overflowed
    }
  }

  void finish(statement_meter& meter, std::chrono::nanoseconds took, std::uint64_t rows, bool failed,
              query_error_kind kind) noexcept {
    meter.latency_.record(took);
    meter.last_.store(took.count(), std::memory_order_relaxed);  // a gauge; nothing depends on its order
    if (rows != 0) meter.rows_.fetch_add(rows, std::memory_order_relaxed);  // a counter read for display only
    if (failed) meter.errors_[static_cast<std::size_t>(kind)].fetch_add(1);
    if (is_slow(meter, took)) [[unlikely]]
      report(meter, took, rows, failed);
    if (options_.observer.finished) [[unlikely]]
      tell_finished({.name = meter.name_, .duration = took, .rows = rows, .failed = failed, .kind = kind});
  }

  [[gnu::noinline]] void tell_started(const statement_meter& meter) noexcept {
    try {
      options_.observer.started(meter.name_);
    } catch (...) {
      observer_failures_.fetch_add(1);
    }
  }
  [[gnu::noinline]] void tell_finished(const finished_query& what) noexcept {
    try {
      options_.observer.finished(what);
    } catch (...) {
      observer_failures_.fetch_add(1);
    }
  }

  [[gnu::noinline]] void report(statement_meter& meter, std::chrono::nanoseconds took, std::uint64_t rows,
                                bool failed) noexcept {
    meter.slow_.fetch_add(1);
    const wall_time at = wall_clock_source::now();
    slowest_.record(meter.name_, took, at);
    if (!options_.on_slow) return;
    if (!may_report(meter)) {
      reports_suppressed_.fetch_add(1);
      return;
    }
    try {
      options_.on_slow(slow_query{
          .name = meter.name_,
          .duration = took,
          .at = at,
          .rows = rows,
          .failed = failed,
          .threshold = std::chrono::nanoseconds(meter.threshold_.load(std::memory_order_relaxed))});
    } catch (...) {
      observer_failures_.fetch_add(1);
    }
  }

  [[nodiscard]] bool may_report(statement_meter& meter) noexcept {
    const std::lock_guard lock(report_mutex_);
    const steady_time now = clock_.now();
    if (now - second_began_ >= std::chrono::seconds(1)) {
      second_began_ = now;
      reports_this_second_ = 0;
    }
    if (meter.second_began_ != second_began_) {
      meter.second_began_ = second_began_;
      meter.reports_this_second_ = 0;
    }
    if (reports_this_second_ >= options_.reports_per_second ||
        meter.reports_this_second_ >= options_.reports_per_statement)
      return false;
    ++reports_this_second_;
    ++meter.reports_this_second_;
    return true;
  }

  [[nodiscard]] std::vector<const statement_meter*> meters() const {
    std::vector<const statement_meter*> all;
    const std::lock_guard lock(mutex_);
    all.reserve(owned_.size() + 1);
    for (const auto& each : owned_) all.push_back(each.get());
    all.push_back(&other_);
    return all;
  }

  static statement_stats read(const statement_meter& meter) {
    statement_stats copy;
    copy.name = meter.name_;
    copy.latency = meter.latency_.snapshot();
    copy.calls = copy.latency.count();
    copy.rows = meter.rows_.load();
    copy.slow = meter.slow_.load();
    copy.last = std::chrono::nanoseconds(meter.last_.load());
    for (std::size_t kind = 0; kind < query_error_kinds; ++kind) {
      copy.errors_by_kind[kind] = meter.errors_[kind].load();
      copy.errors += copy.errors_by_kind[kind];
    }
    return copy;
  }

  const options options_;
  const Clock clock_;
  slow_log slowest_;
  open_transactions transactions_;
  std::vector<std::atomic<statement_meter*>>
      table_;  // never more than half full; entries never change once set
  statement_meter other_;
  mutable std::mutex mutex_;                             // guards the next two and the writes of table_
  std::vector<std::unique_ptr<statement_meter>> owned_;  // in the order of first use
  std::int64_t slow_threshold_;                          // nanoseconds
  std::mutex report_mutex_;                              // guards the next two; on_slow runs outside
  steady_time second_began_;
  std::uint64_t reports_this_second_ = 0;
  std::atomic<std::uint64_t> reports_suppressed_{0};
  std::atomic<std::uint64_t> observer_failures_{0};
};

/// The monitor that measures with the machine's clock.
using query_monitor = basic_query_monitor<>;

}  // namespace hasten
