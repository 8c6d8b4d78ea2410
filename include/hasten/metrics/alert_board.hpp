// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/alert.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// A rule, and where its readings come from.
struct alert_source {
  alert_rule rule;
  /// Reads the value; quick, for it runs in tick(). One that throws gives no data and is counted.
  std::function<alert_reading()> read;
  /// The names of rules; while one of them fires, nobody is told of this one: a database that is down explains
  /// slow responses.
  std::vector<std::string> inhibited_by = {};
};

/// What somebody is to be told: that an alert fires, or that it is over.
struct alert_notice {
  std::uint64_t fingerprint = 0;  ///< of name and labels: the same alert has the same in every notice
  std::string name;
  std::string severity;
  std::string summary;
  label_set labels;
  bool firing = false;          ///< false: it is over
  std::optional<double> value;  ///< the latest
  wall_time at;
  wall_time starts_at = {};  ///< when it was told to fire
};

/// Keeps still about alerts for a while, during a deployment for instance.
struct alert_silence {
  std::string name = {};  ///< of the rule; empty for every rule
  label_set labels = {};  ///< those that the alert must have, among others
  steady_time until{};
  std::string reason = {};  ///< who and why
};

/// All alerts of a program: steps their machines and says, once for each, whom to tell what.
///
/// It has no thread and sends nothing: its owner ticks it with the time and hands the notices to a log or a
/// webhook. An alert that is silenced or inhibited is still followed; if it outlasts that, it is told then.
///
/// Thread safety: thread-safe.
///
///     hasten::alert_board alerts({{.rule = {.name = "SlowResponses", .raise = 0.2, .clear = 0.16, .hold = 2min},
///                                  .read = [&] { return p95_of(recent.last(1min)); }}});
///     for (const auto& notice : alerts.tick(clock.now(), wall_clock.now())) log(notice);   // every few seconds
class alert_board {
 public:
  struct options {
    /// How many notices are remembered. 1 to 100,000.
    std::size_t history_max = 500;
    /// How many silences there can be at once. 0 to 10,000.
    std::size_t silences_max = 100;
  };

  /// How one alert is now.
  struct status {
    alert_notice about;  ///< `at` is not set
    alert_state state = alert_state::inactive;
    steady_time since;
    bool silenced = false;
    bool inhibited = false;
  };

  explicit alert_board(std::vector<alert_source> sources) : alert_board(std::move(sources), options()) {}

  /// Throws: std::invalid_argument for a rule that contradicts itself, a source without `read`, two alerts of
  /// one name and labels, or an option out of range.
  alert_board(std::vector<alert_source> sources, options chosen) : options_(chosen) {
    if (chosen.history_max < 1 || chosen.history_max > 100'000)
      throw std::invalid_argument("alert_board: history_max must be 1..100000, got " +
                                  std::to_string(chosen.history_max));
    if (chosen.silences_max > 10'000)
      throw std::invalid_argument("alert_board: silences_max must be 0..10000, got " +
                                  std::to_string(chosen.silences_max));
    for (auto& source : sources) {
      entry made{alert(source.rule), std::move(source.read), std::move(source.inhibited_by), 0, false, {}};
      made.fingerprint = fingerprint_of(made.machine.rule());
      const std::string& name = made.machine.rule().name;
      if (!made.read) throw std::invalid_argument("alert_board: \"" + name + "\" needs something to read");
      for (const entry& other : entries_)
        if (other.fingerprint == made.fingerprint)
          throw std::invalid_argument("alert_board: there are two alerts \"" + name +
                                      "\" with the same labels");
      entries_.push_back(std::move(made));
    }
  }

  /// Reads all values and steps all alerts. Returns: what is to be told now. `now` does not go back; ticks come
  /// from one thread at a time. Blocks on: the readings, then a short lock.
  std::vector<alert_notice> tick(steady_time now, wall_time at) {
    std::vector<alert_reading> readings;
    readings.reserve(entries_.size());
    for (const entry& each : entries_) readings.push_back(reading_of(each));  // no lock: `read` never changes

    const std::lock_guard lock(mutex_);
    std::erase_if(silences_, [&](const auto& each) { return each.second.until <= now; });
    for (std::size_t i = 0; i < entries_.size(); ++i) entries_[i].machine.step(now, readings[i]);
    std::vector<alert_notice> notices;
    for (entry& each : entries_) {
      const bool firing = each.machine.state() == alert_state::firing;
      // Who was told that it fires is also told that it is over, silence or not.
      if (firing == each.told || (firing && (silenced(each) || inhibited(each)))) continue;
      each.told = firing;
      if (firing) each.starts_at = at;
      notices.push_back(notice_of(each));
      notices.back().firing = firing;
      notices.back().at = at;
      history_.push_back(notices.back());
      if (history_.size() > options_.history_max) history_.pop_front();
    }
    return notices;
  }

  /// Keeps still about what matches, until its time. Returns: a number for unsilence(), or nothing at
  /// options::silences_max.
  std::optional<std::uint64_t> silence(alert_silence wanted) {
    const std::lock_guard lock(mutex_);
    if (silences_.size() >= options_.silences_max) return std::nullopt;
    silences_.emplace_back(++silence_last_, std::move(wanted));
    return silence_last_;
  }

  /// Returns: whether there was such a silence.
  bool unsilence(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    return std::erase_if(silences_, [&](const auto& each) { return each.first == number; }) != 0;
  }

  /// Returns: the silences that last, by number.
  [[nodiscard]] std::vector<std::pair<std::uint64_t, alert_silence>> silences() const {
    const std::lock_guard lock(mutex_);
    return silences_;
  }

  /// Returns: how each alert is, in the order given.
  [[nodiscard]] std::vector<status> current() const {
    const std::lock_guard lock(mutex_);
    std::vector<status> all;
    all.reserve(entries_.size());
    for (const entry& each : entries_) {
      all.push_back(
          {notice_of(each), each.machine.state(), each.machine.since(), silenced(each), inhibited(each)});
      all.back().about.firing = each.machine.state() == alert_state::firing;
    }
    return all;
  }

  /// Returns: what fires and has been told, as notices of `now`: for a receiver that has to be reminded, such as an
  /// Alertmanager, which takes what it no longer hears of for resolved.
  [[nodiscard]] std::vector<alert_notice> firing(wall_time now) const {
    const std::lock_guard lock(mutex_);
    std::vector<alert_notice> all;
    for (const entry& each : entries_) {
      if (!each.told) continue;
      all.push_back(notice_of(each));
      all.back().firing = true;
      all.back().at = now;
    }
    return all;
  }

  /// Returns: the rules, in the order given.
  [[nodiscard]] std::vector<alert_rule> rules() const {
    const std::lock_guard lock(mutex_);
    std::vector<alert_rule> all;
    for (const entry& each : entries_) all.push_back(each.machine.rule());
    return all;
  }

  /// Returns: the latest notices, the oldest first.
  [[nodiscard]] std::vector<alert_notice> history() const {
    const std::lock_guard lock(mutex_);
    return {history_.begin(), history_.end()};
  }

  /// Returns: how often a reading threw.
  [[nodiscard]] std::uint64_t read_failures() const noexcept { return read_failures_.load(); }

 private:
  struct entry {
    alert machine;
    std::function<alert_reading()> read;
    std::vector<std::string> inhibited_by;
    std::uint64_t fingerprint;
    bool told = false;      // the latest notice said that it fires
    wall_time starts_at{};  // of that notice
  };

  // FNV-1a over name and labels, sorted, each ended by a byte that no UTF-8 text has.
  static std::uint64_t fingerprint_of(const alert_rule& rule) {
    std::uint64_t hash = 14'695'981'039'346'656'037ULL;
    const auto add = [&](std::string_view text) {
      for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
      hash = (hash ^ 0xffU) * 1'099'511'628'211ULL;
    };
    add(rule.name);
    auto labels = rule.labels.labels();
    std::sort(labels.begin(), labels.end());
    for (const auto& [name, value] : labels) {
      add(name);
      add(value);
    }
    return hash;
  }

  alert_reading reading_of(const entry& each) {
    try {
      return each.read();
    } catch (...) {
      read_failures_.fetch_add(1);
      return {};
    }
  }

  [[nodiscard]] bool silenced(const entry& each) const {
    const alert_rule& rule = each.machine.rule();
    const auto& has = rule.labels.labels();
    return std::any_of(silences_.begin(), silences_.end(), [&](const auto& numbered) {
      const alert_silence& silence = numbered.second;
      const auto& wants = silence.labels.labels();
      return (silence.name.empty() || silence.name == rule.name) &&
             std::all_of(wants.begin(), wants.end(), [&](const auto& label) {
               return std::find(has.begin(), has.end(), label) != has.end();
             });
    });
  }

  [[nodiscard]] bool inhibited(const entry& each) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const entry& other) {
      return &other != &each && other.machine.state() == alert_state::firing &&
             std::find(each.inhibited_by.begin(), each.inhibited_by.end(), other.machine.rule().name) !=
                 each.inhibited_by.end();
    });
  }

  static alert_notice notice_of(const entry& each) {
    const alert_rule& rule = each.machine.rule();
    return {.fingerprint = each.fingerprint,
            .name = rule.name,
            .severity = rule.severity,
            .summary = rule.summary,
            .labels = rule.labels,
            .firing = false,
            .value = each.machine.value(),
            .at = {},
            .starts_at = each.starts_at};
  }

  options options_;
  mutable std::mutex mutex_;  // guards all below, except `read`; nothing of the caller's runs under it
  std::vector<entry> entries_;
  std::vector<std::pair<std::uint64_t, alert_silence>> silences_;
  std::uint64_t silence_last_ = 0;
  std::deque<alert_notice> history_;
  std::atomic<std::uint64_t> read_failures_{0};
};

}  // namespace hasten
