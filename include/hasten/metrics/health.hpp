// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/metrics/health_report.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// One question about the system's health, asked again and again in the background.
struct health_check {
  /// What is checked: "database", "disk". Not empty, no two the same.
  std::string name;
  /// Finds out; may block and may throw. Runs on the executor, never twice at once.
  std::function<check_result()> run;
  /// From the end of one run to the start of the next. Above zero, up to a year.
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
  /// A run that takes longer counts as failed, even while it is still running. Above zero, up to a year.
  std::chrono::nanoseconds deadline = std::chrono::seconds(1);
  /// A result older than this makes the check warn; zero means three intervals and a deadline.
  std::chrono::nanoseconds stale_after{0};
  /// How many results in a row must be worse, or better, before the shown status follows. 1 to 100.
  unsigned worse_after = 2;
  unsigned better_after = 2;
  /// Whether its failure is a failure of the whole; otherwise it is a warning.
  bool critical = true;
  /// Whether it counts for these groups. It always counts for health_group::all.
  bool live = false;
  bool ready = true;
  bool startup = true;
};

/// Runs health checks in the background and answers at once with what they last found: a check that hangs for
/// thirty seconds delays nobody who asks, and shows as failed after its own deadline.
///
/// It has no thread: its owner calls tick() about once a second, and the checks run where the executor puts
/// them, such as a worker pool; an executor that runs them on the spot makes tick() wait for them. A status
/// changes only after some results in a row, so a single slow ping is not an alarm. The wrong tool for judging
/// single requests, and for history: alerts are made of metrics.
///
/// Thread safety: thread-safe.
///
///     hasten::health health({{.name = "database", .run = ping_database, .interval = 5s}},
///                           [&](std::function<void()> task) { pool.post(std::move(task)); });
///     health.tick();                                              // once a second
///     auto report = health.report(hasten::health_group::ready);   // at once, from any thread
template <clock_source Clock = steady_clock_source>
class health {
 public:
  /// Takes a task to run soon, on some thread; may throw if it cannot, or drop the task later: either counts as a
  /// failed run.
  using executor = std::function<void(std::function<void()>)>;

  /// Throws: std::invalid_argument for a check that breaks a rule of health_check, or without executor.
  /// Lifetime: what the checks refer to outlives their last run, which may end after this object.
  health(std::vector<health_check> checks, executor run_on, Clock clock = {})
      : state_(std::make_shared<state>(std::move(checks), std::move(clock))), run_on_(std::move(run_on)) {
    if (!run_on_) throw std::invalid_argument("health: an executor is needed");
  }

  /// Starts the checks that are due and gives up those that are beyond their deadline. Blocks on: the executor.
  void tick() {
    std::vector<std::size_t> due;
    {
      const std::lock_guard lock(state_->mutex);
      const steady_time now = state_->clock.now();
      for (std::size_t i = 0; i < state_->entries.size(); ++i)
        if (state_->starts(state_->entries[i], now)) due.push_back(i);
    }
    for (const std::size_t index : due) {
      std::shared_ptr<ticket> made;
      try {
        made = std::make_shared<ticket>(state_, index);
        run_on_([made] { made->run(); });
      } catch (...) {
        if (made != nullptr)
          made->give_up();
        else
          state_->not_started(index);
      }
    }
  }

  /// Returns: the health of a group as it is known now; its status is the worst of its checks. A check that has
  /// never run is a failure to those who wait for it (ready, startup), and none to others. Once startup has
  /// passed it stays so. Blocks on: a short lock, never on a check.
  [[nodiscard]] health_report report(health_group group = health_group::all) const {
    health_report made;
    const std::lock_guard lock(state_->mutex);
    const steady_time now = state_->clock.now();
    for (const entry& each : state_->entries) {
      if (!counts(each.check, group)) continue;
      made.components.push_back(state_->shown(each, now));
      const auto& component = made.components.back();
      health_status status = component.result.status;
      if (!component.known)
        status = group == health_group::ready || group == health_group::startup ? health_status::fail
                                                                                : health_status::pass;
      if (!component.critical) status = std::min(status, health_status::warn);
      made.status = std::max(made.status, status);
    }
    if (group == health_group::startup) {
      if (made.status != health_status::fail) state_->started = true;
      if (state_->started) made.status = health_status::pass;
    }
    if (group == health_group::ready && state_->draining) made.status = health_status::fail;
    return made;
  }

  /// From here on "ready" fails, so that no new requests are sent here while the old ones are finished.
  void drain() {
    const std::lock_guard lock(state_->mutex);
    state_->draining = true;
  }

 private:
  struct entry {
    health_check check;
    steady_time due;      // when to start next, or while running when to count it as failed once more
    steady_time started;  // of the run under way
    bool running = false;
    bool known = false;
    check_result result{};                       // shown
    health_status latest = health_status::pass;  // as the latest run said, before hysteresis
    std::uint64_t in_a_row = 0;
    steady_time finished;  // when there was a result last
    std::chrono::nanoseconds duration{0};
  };

  // Shared with the tasks, so that a run may end after the object that started it.
  struct state {
    state(std::vector<health_check> checks, Clock given) : clock(std::move(given)) {
      for (auto& check : checks) {
        checked(check);
        for (const entry& other : entries)
          if (other.check.name == check.name)
            throw std::invalid_argument("health: there are two checks \"" + check.name + "\"");
        entries.emplace_back().check = std::move(check);
        entries.back().due = clock.now();
      }
    }

    static void checked(health_check& check) {
      const auto refuse = [&](const char* rule) {
        throw std::invalid_argument("health: the check \"" + check.name + "\" " + rule);
      };
      if (check.name.empty()) refuse("needs a name");
      if (!check.run) refuse("needs something to run");
      constexpr std::chrono::nanoseconds year = std::chrono::hours(24 * 365);  // so that no sum overflows
      if (check.interval.count() <= 0 || check.deadline.count() <= 0 || check.interval > year ||
          check.deadline > year)
        refuse("needs an interval and a deadline above 0, up to a year");
      if (check.stale_after.count() < 0) refuse("has a negative stale_after");
      if (check.worse_after < 1 || check.worse_after > 100 || check.better_after < 1 ||
          check.better_after > 100)
        refuse("needs worse_after and better_after of 1..100");
      if (check.stale_after.count() == 0) check.stale_after = 3 * check.interval + check.deadline;
    }

    // Whether a run is to be started; gives up one that takes too long. Under the lock.
    bool starts(entry& each, steady_time now) {
      if (now < each.due) return false;
      if (each.running) {
        each.due = now + each.check.interval;
        take(each, {.status = health_status::fail, .note = "no answer within the deadline"}, now);
        return false;
      }
      each.running = true;
      each.started = now;
      each.due = now + each.check.deadline;
      return true;
    }

    void run(std::size_t index) {
      check_result found;
      try {
        // Only this task uses `run` while the check is marked as running.
        found = entries[index].check.run();
      } catch (const error& failure) {
        found = {.status = health_status::fail, .note = failure.what()};  // our own words, by contract
      } catch (...) {
        found = {.status = health_status::fail, .note = "the check threw an exception"};
      }
      finish(index, std::move(found));
    }

    void not_started(std::size_t index) {
      finish(index, {.status = health_status::fail, .note = "the check could not be started"});
    }

    void finish(std::size_t index, check_result found) {
      const std::lock_guard lock(mutex);
      entry& each = entries[index];
      const steady_time now = clock.now();
      each.duration = now - each.started;
      each.running = false;
      each.due = now + each.check.interval;
      if (each.duration > each.check.deadline && found.status != health_status::fail) {
        found.status = health_status::fail;
        found.note = "answered only after the deadline";
      }
      take(each, std::move(found), now);
    }

    // Hysteresis: the shown status follows the latest after enough of them in a row. Under the lock.
    static void take(entry& each, check_result found, steady_time now) {
      each.in_a_row = each.known && found.status == each.latest ? each.in_a_row + 1 : 1;
      each.latest = found.status;
      each.finished = now;
      const unsigned wanted =
          found.status > each.result.status ? each.check.worse_after : each.check.better_after;
      if (each.known && found.status != each.result.status && each.in_a_row < wanted)
        found.status = each.result.status;
      each.result = std::move(found);
      each.known = true;
    }

    [[nodiscard]] health_report::component shown(const entry& each, steady_time now) const {
      health_report::component made;
      made.name = each.check.name;
      made.result = each.result;
      made.critical = each.check.critical;
      made.known = each.known;
      made.running = each.running;
      made.in_a_row = each.in_a_row;
      made.duration = each.duration;
      if (each.running) made.duration = std::max<std::chrono::nanoseconds>(made.duration, now - each.started);
      if (each.known) {
        made.age = now - each.finished;
        made.stale = made.age > each.check.stale_after;
      }
      // What a run that hangs found before is not to be relied on, however short ago it was given up.
      if (each.running && now - each.started > each.check.deadline) made.stale = true;
      if (made.stale) made.result.status = std::max(made.result.status, health_status::warn);
      return made;
    }

    const Clock clock;
    std::mutex mutex;  // guards all below, except `run` of a check; no check and no executor runs under it
    std::vector<entry> entries;  // as many as were given, for good
    bool started = false;        // startup has passed
    bool draining = false;
  };

  // The right to run a check once. An executor that drops its task without running it (a queue that is emptied or
  // makes room) gives it up, so that the check is started again when it is next due.
  class ticket {
   public:
    ticket(std::shared_ptr<state> owner, std::size_t index) : owner_(std::move(owner)), index_(index) {}
    ticket(const ticket&) = delete;
    ticket& operator=(const ticket&) = delete;
    ~ticket() { give_up(); }

    void run() {
      if (!used_.exchange(true)) owner_->run(index_);
    }
    void give_up() {
      if (!used_.exchange(true)) owner_->not_started(index_);
    }

   private:
    const std::shared_ptr<state> owner_;
    const std::size_t index_;
    std::atomic<bool> used_{false};
  };

  static bool counts(const health_check& check, health_group group) noexcept {
    switch (group) {
      case health_group::all:
        return true;
      case health_group::live:
        return check.live;
      case health_group::ready:
        return check.ready;
      case health_group::startup:
        return check.startup;
    }
    return true;
  }

  std::shared_ptr<state> state_;
  executor run_on_;
};

}  // namespace hasten
