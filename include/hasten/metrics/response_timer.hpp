// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/metrics/exemplar_store.hpp>
#include <hasten/metrics/histogram.hpp>
#include <hasten/metrics/route_timing.hpp>
#include <hasten/metrics/server_timing.hpp>
#include <hasten/metrics/slow_log.hpp>
#include <hasten/metrics/slow_reporter.hpp>
#include <hasten/metrics/stage_times.hpp>
#include <hasten/metrics/status_class.hpp>
#include <hasten/metrics/thread_shards.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// Times responses by route and class of status, and where inside them the time went, whatever the framework:
/// two clock readings and a few nanoseconds for each response, one more reading for each stage.
///
/// The routes are a closed set of templates ("GET /claims/{id}"), named once; never pass what a user sent.
/// What is started is always accounted for: a scope that is dropped, by an exception or a client that went
/// away, counts as aborted. The wrong tool for single functions called millions of times a second, where the
/// clock readings themselves would show.
///
/// Each scope is single-owner and may move from thread to thread.
///
/// Thread safety: thread-safe.
///
///     hasten::response_timer timer({.routes = {"GET /claims", "GET /claims/{id}"}});
///     auto scope = timer.start(1);
///     scope.stage("db");
///     auto claim = load(id);                   // if this throws, the response counts as aborted
///     scope.stage("serialise");
///     write(render(claim));
///     scope.finish(200);
///     std::cout << timer.route(1).answered().quantile(0.99) << " ns\n";
template <clock_source Clock = steady_clock_source, class WallClock = wall_clock_source>
class response_timer {
 public:
  /// How many stages there can be; the time of any other goes to one more, "other".
  static constexpr std::size_t stages_max = stage_times::stages_max - 1;

  struct options {
    /// The route templates; a route is known by its place in this list. 1 to 10,000.
    std::vector<std::string> routes = {};
    /// The names of the stages, each an HTTP token of 1 to 32 bytes, at most stages_max.
    std::vector<std::string> stages = {"queue", "cache", "db", "work", "serialise", "write"};
    /// Which responses slowest() keeps; see slow_log::options.
    slow_log::options slowest = {.entries_max = 100, .threshold = std::chrono::seconds(1)};
    /// Which responses are told as they end, to a log for instance; see slow_reporter::options. Nobody by default.
    typename slow_reporter<Clock>::options slow = {};
    /// As in histogram::options; each route and class of status in use has a histogram.
    histogram::options latency = {};
    /// How often an example of each bucket, with its trace, is replaced by a newer one; zero keeps none. Only responses
    /// with a scope::trace_id() can be examples.
    std::chrono::nanoseconds exemplar_every = std::chrono::seconds(1);
  };

  class scope;

  /// Throws: std::invalid_argument for an option out of range; std::bad_alloc.
  explicit response_timer(options chosen, Clock clock = {}, WallClock wall = {})
      : options_(checked(std::move(chosen))),
        words_each_(stage_words + 2 * (options_.stages.size() + 1)),
        clock_(std::move(clock)),
        wall_(std::move(wall)),
        counts_(options_.routes.size() * words_each_, options_.latency.threads_max),
        slowest_(options_.slowest),
        slow_(options_.slow, options_.routes.size(), clock_) {
    for (std::size_t i = 0; i < options_.routes.size() * status_classes; ++i)
      latencies_.emplace_back(options_.latency);
    for (std::size_t i = 0; i < options_.routes.size() * status_classes; ++i)
      examples_.emplace_back(options_.exemplar_every);
  }

  /// Begins a response of the route at that place in options::routes. Lifetime: the timer outlives the scope.
  [[nodiscard]] scope start(std::size_t route) noexcept { return start(route, clock_.now()); }

  /// As start(route), from a reading the caller has anyway, such as the arrival of the first byte.
  [[nodiscard]] scope start(std::size_t route, steady_time began) noexcept {
    HASTEN_EXPECTS(route < options_.routes.size(), "response_timer: the route is one of options::routes");
    counts_.add(word_of(route, started_word), 1);
    return scope(*this, route, began);
  }

  /// Adds to a stage of a response that has been finished: the time its last bytes took to be written.
  void spent(std::size_t route, std::string_view stage, std::chrono::nanoseconds duration) noexcept {
    HASTEN_EXPECTS(route < options_.routes.size(), "response_timer: the route is one of options::routes");
    const std::size_t word = word_of(route, stage_words + 2 * stage_of(stage));
    counts_.add(word, 1);
    counts_.add(word + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0)));
  }

  /// Returns: everything counted for one route so far. Throws: std::bad_alloc.
  [[nodiscard]] route_timing route(std::size_t route) const {
    HASTEN_EXPECTS(route < options_.routes.size(), "response_timer: the route is one of options::routes");
    route_timing taken;
    taken.route = options_.routes[route];
    for (std::size_t i = 0; i < status_classes; ++i)
      latencies_[route * status_classes + i].snapshot_into(taken.by_class[i]);
    taken.in_flight = in_flight(route);
    for (std::size_t i = 0; i <= options_.stages.size(); ++i) {
      const std::size_t word = word_of(route, stage_words + 2 * i);
      taken.stages.push_back({std::string(stage_name(i)), counts_.sum(word),
                              std::chrono::nanoseconds(static_cast<std::int64_t>(counts_.sum(word + 1)))});
    }
    return taken;
  }

  /// Returns: route() of each, in the order of options::routes. Throws: std::bad_alloc.
  [[nodiscard]] std::vector<route_timing> routes() const {
    std::vector<route_timing> all;
    all.reserve(options_.routes.size());
    for (std::size_t i = 0; i < options_.routes.size(); ++i) all.push_back(route(i));
    return all;
  }

  /// Returns: recent responses of the route and class with their traces, at most one for each bucket that durations are
  /// exposed by, ascending. Throws: std::bad_alloc. Blocks on: a short lock.
  [[nodiscard]] std::vector<exemplar> exemplars(std::size_t route, status_class result) const {
    HASTEN_EXPECTS(route < options_.routes.size(), "response_timer: the route is one of options::routes");
    return examples_[route * status_classes + static_cast<std::size_t>(result)].kept();
  }

  /// Returns: how many responses of the route are started and neither finished nor aborted.
  [[nodiscard]] std::uint64_t in_flight(std::size_t route) const noexcept {
    // This order: whatever is seen as ended is then also seen as started, so the answer is never negative.
    const std::uint64_t ended = counts_.sum(word_of(route, ended_word));
    return counts_.sum(word_of(route, started_word)) - ended;
  }

  /// Returns: the log of the slowest responses: route template, status and stages, nothing else.
  [[nodiscard]] const slow_log& slowest() const noexcept { return slowest_; }
  [[nodiscard]] slow_log& slowest() noexcept { return slowest_; }

  /// Returns: who tells of slow responses, for its counters.
  [[nodiscard]] const slow_reporter<Clock>& slow() const noexcept { return slow_; }

  /// As slow_reporter::set_threshold().
  void set_slow_threshold(std::chrono::nanoseconds threshold) { slow_.set_threshold(threshold); }

  /// Returns: the names of the routes and of the stages, as given.
  [[nodiscard]] const std::vector<std::string>& route_names() const noexcept { return options_.routes; }

 private:
  static constexpr std::size_t started_word = 0;
  static constexpr std::size_t ended_word = 1;
  static constexpr std::size_t stage_words = 2;  // from here on for each stage: how often, nanoseconds

  static options checked(options chosen) {
    if (chosen.routes.empty() || chosen.routes.size() > 10'000)
      throw std::invalid_argument("response_timer: routes must be 1..10000, got " +
                                  std::to_string(chosen.routes.size()));
    if (chosen.stages.size() > stages_max)
      throw std::invalid_argument("response_timer: stages must be 0.." + std::to_string(stages_max) +
                                  ", got " + std::to_string(chosen.stages.size()));
    for (const auto& name : chosen.stages)
      if (!is_server_timing_name(name))
        throw std::invalid_argument("response_timer: a stage must be an HTTP token of 1..32 bytes, got \"" +
                                    name + "\"");
    return chosen;
  }

  [[nodiscard]] std::size_t word_of(std::size_t route, std::size_t word) const noexcept {
    return route * words_each_ + word;
  }

  // The place of "other" is behind the last stage.
  [[nodiscard]] std::size_t stage_of(std::string_view name) const noexcept {
    std::size_t i = 0;
    while (i < options_.stages.size() && options_.stages[i] != name) ++i;
    return i;
  }
  [[nodiscard]] std::string_view stage_name(std::size_t stage) const noexcept {
    return stage < options_.stages.size() ? std::string_view(options_.stages[stage]) : "other";
  }

  void ended(const scope& response, std::chrono::nanoseconds total, status_class result,
             unsigned status) noexcept {
    const std::size_t series = response.route_ * status_classes + static_cast<std::size_t>(result);
    latencies_[series].record(total);
    examples_[series].offer(static_cast<std::uint64_t>(total.count()), response.trace_id_,
                            response.began_ + total, wall_);
    for (std::size_t i = 0; i <= options_.stages.size(); ++i) {
      if (!response.times_.seen(i)) continue;
      const std::size_t word = word_of(response.route_, stage_words + 2 * i);
      counts_.add(word, 1);
      counts_.add(word + 1, static_cast<std::uint64_t>(response.times_.spent(i).count()));
    }
    counts_.add(word_of(response.route_, ended_word), 1);
    if (slowest_.wants(total) || slow_.wants(response.route_, total)) [[unlikely]]
      remember(response, total, result, status);
  }

  [[gnu::noinline]] void remember(const scope& response, std::chrono::nanoseconds total, status_class result,
                                  unsigned status) noexcept {
    try {
      std::string stages;
      append_stages(stages, response.times_);
      const std::string outcome =
          result == status_class::aborted ? std::string(to_string(result)) : std::to_string(status);
      slowest_.record(options_.routes[response.route_], total, wall_.now(),
                      stages.empty() ? outcome : outcome + ' ' + stages);
      if (slow_.wants(response.route_, total))
        slow_.report({.route = options_.routes[response.route_],
                      .status = result == status_class::aborted ? 0 : status,
                      .duration = total,
                      .stages = stages,
                      .trace_id = response.trace_id_});
    } catch (const std::bad_alloc&) {
      slowest_.lose();
    }
  }

  void append_stages(std::string& text, const stage_times& times) const {
    for (std::size_t i = 0; i <= options_.stages.size(); ++i)
      if (times.seen(i)) append_server_timing(text, stage_name(i), times.spent(i));
  }

  options options_;
  std::size_t words_each_;  // counters for each route
  Clock clock_;
  WallClock wall_;
  thread_shards counts_;                 // by route: started, ended, and the stages
  std::deque<histogram> latencies_;      // by route, then by class of status
  std::deque<exemplar_store> examples_;  // as above
  slow_log slowest_;
  slow_reporter<Clock> slow_;
};

/// One response being timed: made by response_timer::start(), ended by finish(), or counted as aborted when
/// it is destroyed before.
/// Thread safety: single-owner.
template <clock_source Clock, class WallClock>
class response_timer<Clock, WallClock>::scope {
 public:
  scope(scope&& other) noexcept
      : timer_(std::exchange(other.timer_, nullptr)),
        route_(other.route_),
        began_(other.began_),
        times_(other.times_),
        trace_id_(other.trace_id_) {}
  scope& operator=(scope&& other) noexcept {
    if (this != &other) {
      abandon();
      timer_ = std::exchange(other.timer_, nullptr);
      route_ = other.route_;
      began_ = other.began_;
      times_ = other.times_;
      trace_id_ = other.trace_id_;
    }
    return *this;
  }
  scope(const scope&) = delete;
  scope& operator=(const scope&) = delete;
  ~scope() { abandon(); }

  /// Ends the stage before and begins the one named; coming back to a stage adds to it. The time of a name
  /// that is not in options::stages counts as "other".
  void stage(std::string_view name) noexcept { stage(name, timer().clock_.now()); }

  /// As stage(name), from a reading the caller has anyway.
  void stage(std::string_view name, steady_time now) noexcept { times_.begin(timer().stage_of(name), now); }

  /// Adds time that was measured elsewhere, such as the wait in another thread's queue; ends no stage.
  void spent(std::string_view name, std::chrono::nanoseconds duration) noexcept {
    times_.add(timer().stage_of(name), duration);
  }

  /// Ends the response. A status outside 100..599 counts as a server's error.
  /// Returns: how long it took, for an access log to use.
  std::chrono::nanoseconds finish(unsigned status) noexcept { return finish(status, timer().clock_.now()); }

  /// As finish(status), from a reading the caller has anyway, such as the end of the write.
  std::chrono::nanoseconds finish(unsigned status, steady_time now) noexcept {
    return end(status_class_of(status), status, now);
  }

  /// Names the trace that this response belongs to, for the report of a slow one and for exemplars.
  /// Lifetime: `id` outlives the scope.
  void trace_id(std::string_view id) noexcept { trace_id_ = id; }

  /// Returns: whether the scope still times a response: neither finished nor moved from.
  [[nodiscard]] bool is_open() const noexcept { return timer_ != nullptr; }

  /// Returns: the value of a Server-Timing header for the time so far, in milliseconds, such as
  /// "total;dur=12.400, db;dur=9.800". It tells outsiders where time goes: send it to those who may know.
  [[nodiscard]] std::string server_timing_value() const {
    const response_timer& owner = timer();
    const steady_time now = owner.clock_.now();
    stage_times so_far = times_;
    so_far.end(now);
    std::string value;
    append_server_timing(value, "total", now - began_);
    owner.append_stages(value, so_far);
    return value;
  }

  /// Appends the stages so far to the value of a Server-Timing header, without reading the clock: the one under way
  /// is not among them.
  void append_stages(std::string& value) const { timer().append_stages(value, times_); }

 private:
  friend response_timer;

  scope(response_timer& timer, std::size_t route, steady_time began) noexcept
      : timer_(&timer), route_(route), began_(began) {}

  [[nodiscard]] response_timer& timer() const noexcept {
    HASTEN_EXPECTS(timer_ != nullptr, "response_timer: a scope ends once, and is not used after that");
    return *timer_;
  }

  void abandon() noexcept {
    if (timer_ != nullptr) end(status_class::aborted, 0, timer_->clock_.now());
  }

  std::chrono::nanoseconds end(status_class result, unsigned status, steady_time now) noexcept {
    response_timer& owner = timer();
    timer_ = nullptr;
    times_.end(now);
    const auto total = std::max(std::chrono::nanoseconds(now - began_), std::chrono::nanoseconds(0));
    owner.ended(*this, total, result, status);
    return total;
  }

  response_timer* timer_;  // null once ended or moved from
  std::size_t route_;
  steady_time began_;
  stage_times times_;
  std::string_view trace_id_;  // perhaps empty
};

}  // namespace hasten
