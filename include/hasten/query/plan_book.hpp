// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/query_plan.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// How a database runs one text of a statement, as it was last asked. A copy: it does not change any more.
struct captured_plan {
  std::string name = {};  ///< of the statement
  std::string text =
      {};  ///< as the program gave it, for planning it again; show fingerprint_of(text) instead
  query_plan plan = {};
  std::int64_t schema_version = 0;  ///< of the database when it was asked
  wall_time at{};                   ///< when it was asked
  std::uint64_t changes = 0;        ///< how often the plan became another one
};

/// A plan that was seen for the first time, or that is another one than before. Valid during the call only.
struct plan_event {
  const captured_plan& now;
  const query_plan* before = nullptr;  ///< null: the first one
};

/// The plans of all statements that a program runs, one for each text, and who is told when one changes.
///
/// A session asks wants() when it prepares a text, so each text is explained once for each version of the schema,
/// whichever session comes first. Texts beyond `plans_max` are not kept and counted. The wrong tool for texts with values
/// pasted into them, which are all different: they fill it.
/// Thread safety: thread-safe.
///
///     hasten::plan_book plans({.on_plan = [](const hasten::plan_event& event) {
///       if (!event.now.plan.is_good()) std::clog << event.now.name << ":\n" << to_text(event.now.plan);
///     }});
///     hasten::session_pool pool({.path = "shop.db", .session = {.plans = &plans}}, monitor);
class plan_book {
 public:
  struct options {
    std::size_t plans_max = 500;          ///< distinct texts, 1..100000
    std::size_t text_bytes_max = 65'536;  ///< longer texts are not kept, 1..1000000
    /// Called in the thread that prepared the statement, for each new plan and each change. It may use the book; what it
    /// throws is counted and dropped. Empty: nobody is told.
    std::function<void(const plan_event&)> on_plan = {};
  };

  plan_book() : plan_book(options{}) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit plan_book(options chosen) : options_(std::move(chosen)) {
    if (options_.plans_max < 1 || options_.plans_max > 100'000)
      throw std::invalid_argument("plan_book: plans_max must be 1..100000, got " +
                                  std::to_string(options_.plans_max));
    if (options_.text_bytes_max < 1 || options_.text_bytes_max > 1'000'000)
      throw std::invalid_argument("plan_book: text_bytes_max must be 1..1000000, got " +
                                  std::to_string(options_.text_bytes_max));
  }
  plan_book(const plan_book&) = delete;
  plan_book& operator=(const plan_book&) = delete;
  ~plan_book() = default;

  /// Returns: whether the plan of this text is not known yet for this version of the schema, and there is room for it.
  [[nodiscard]] bool wants(std::string_view name, std::string_view text, std::int64_t schema_version) {
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(key_view{name, text});
    if (found != plans_.end()) return found->second.schema_version != schema_version;
    if (plans_.size() < options_.plans_max && text.size() <= options_.text_bytes_max) return true;
    ++overflowed_;
    return false;
  }

  /// Keeps the plan of a text, and tells the observer if it is a new or another one. Texts that wants() would not have
  /// are passed over.
  void put(std::string_view name, std::string_view text, std::int64_t schema_version, query_plan plan) {
    captured_plan now;
    query_plan before;
    bool is_first = false;
    {
      const std::lock_guard lock(mutex_);
      auto found = plans_.find(key_view{name, text});
      if (found == plans_.end()) {
        if (plans_.size() >= options_.plans_max || text.size() > options_.text_bytes_max) return;
        is_first = true;
        found = plans_.emplace(key{std::string(name), std::string(text)}, captured_plan{}).first;
        found->second.name = name;
        found->second.text = text;
      }
      captured_plan& kept = found->second;
      const bool is_same = !is_first && same_steps(kept.plan, plan);
      before = std::exchange(kept.plan, std::move(plan));
      kept.schema_version = schema_version;
      kept.at = wall_clock_source::now();
      if (is_same) return;
      if (!is_first) ++kept.changes;
      if (!options_.on_plan) return;
      now = kept;
    }
    tell({.now = now, .before = is_first ? nullptr : &before});
  }

  /// Counts a plan that could not be had.
  void note_failure() noexcept { failures_.fetch_add(1); }

  /// Returns: all plans, by name and then by text.
  [[nodiscard]] std::vector<captured_plan> plans() const {
    std::vector<captured_plan> all;
    const std::lock_guard lock(mutex_);
    all.reserve(plans_.size());
    for (const auto& each : plans_) all.push_back(each.second);
    return all;
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return plans_.size();
  }
  /// Returns: how often a text was not kept, because there are too many or it is too long.
  [[nodiscard]] std::uint64_t overflowed() const {
    const std::lock_guard lock(mutex_);
    return overflowed_;
  }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(); }
  [[nodiscard]] std::uint64_t observer_failures() const noexcept { return observer_failures_.load(); }

 private:
  using key = std::pair<std::string, std::string>;  // name, text
  using key_view = std::pair<std::string_view, std::string_view>;
  struct by_name {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const noexcept {
      const int order = std::string_view(left.first).compare(right.first);
      return order != 0 ? order < 0 : std::string_view(left.second).compare(right.second) < 0;
    }
  };

  static bool same_steps(const query_plan& left, const query_plan& right) noexcept {
    if (left.steps.size() != right.steps.size()) return false;
    for (std::size_t at = 0; at < left.steps.size(); ++at)
      if (left.steps[at].detail != right.steps[at].detail) return false;
    return true;
  }

  void tell(const plan_event& event) noexcept {
    try {
      options_.on_plan(event);
    } catch (...) {
      observer_failures_.fetch_add(1);
    }
  }

  const options options_;
  mutable std::mutex mutex_;  // guards the next two; on_plan runs outside
  std::map<key, captured_plan, by_name> plans_;
  std::uint64_t overflowed_ = 0;
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> observer_failures_{0};
};

}  // namespace hasten
