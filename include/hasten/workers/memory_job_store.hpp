// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>
#include <hasten/workers/job_bell.hpp>
#include <hasten/workers/job_store.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace hasten {

/// Jobs in memory: everything that a durable store does, except to survive the process.
///
/// For tests of code that uses jobs, and for work that may be lost with the process but wants retries, unique keys or a
/// schedule. The wrong tool for anything that somebody relies on.
/// Thread safety: thread-safe.
///
///     hasten::memory_job_store store;
///     store.enqueue({{hasten::new_job{.kind = "mail", .payload = hasten::encode(letter)}}}, clock.now());
class memory_job_store {
 public:
  struct options {
    std::size_t jobs_max = 100'000;  ///< in all states, 1..100000000; enqueue() refuses more
  };

  memory_job_store() : memory_job_store(options{}) {}
  /// Throws: std::invalid_argument for an option out of range.
  explicit memory_job_store(options chosen) : jobs_max_(chosen.jobs_max) {
    if (jobs_max_ < 1 || jobs_max_ > 100'000'000)
      throw std::invalid_argument("memory_job_store: jobs_max must be 1..100000000, got " +
                                  std::to_string(jobs_max_));
  }

  /// Throws: std::invalid_argument for a job out of range; error(errc::overloaded) at jobs_max.
  std::vector<enqueued_job> enqueue(std::span<const new_job> jobs, wall_time now) {
    for (const new_job& each : jobs) validate(each);
    std::vector<enqueued_job> made;
    made.reserve(jobs.size());
    {
      const std::lock_guard lock(mutex_);
      if (jobs.size() > jobs_max_ - std::min(jobs_max_, jobs_.size()))
        throw error(errc::overloaded, "memory_job_store: as many jobs as it may hold");
      for (const new_job& each : jobs) made.push_back(add(each, now));
    }
    bell_.ring();
    return made;
  }

  [[nodiscard]] std::vector<job_record> take(const job_wish& wish) {
    const std::lock_guard lock(mutex_);
    make_due(wish.now);
    std::vector<std::pair<turn, job_id>> found;
    for (const job_room& room : wish.rooms) {
      const auto ready = ready_.find(room.kind);
      if (ready == ready_.end()) continue;
      std::size_t left = std::min(room.count, wish.count_max);
      for (auto each = ready->second.begin(); each != ready->second.end() && left-- > 0; ++each)
        found.emplace_back(*each, std::get<2>(*each));
    }
    std::sort(found.begin(), found.end());
    found.resize(std::min(found.size(), wish.count_max));
    std::vector<job_record> taken;
    taken.reserve(found.size());
    for (const auto& each : found) {
      job_record& job = jobs_.at(each.second);
      move(job, job_event::take);
      ++job.attempt;
      ++job.ticket;
      job.taken_at = detail::whole_ms(wish.now);
      job.lease_until = detail::whole_ms(wish.lease_until);
      job.worker = wish.worker;
      job.progress = 0;
      taken.push_back(job);
    }
    return taken;
  }

  std::vector<beat_answer> extend(std::span<const job_beat> beats, wall_time lease_until) {
    const std::lock_guard lock(mutex_);
    std::vector<beat_answer> answers;
    answers.reserve(beats.size());
    for (const job_beat& each : beats) {
      job_record* const job = held(each.lease);
      if (job == nullptr) {
        answers.push_back(beat_answer::lost);
        continue;
      }
      job->lease_until = detail::whole_ms(lease_until);
      if (each.progress) job->progress = *each.progress;
      answers.push_back(job->cancel_requested ? beat_answer::cancel_requested : beat_answer::held);
    }
    return answers;
  }

  /// Throws: std::invalid_argument for an event that does not end an attempt.
  std::vector<bool> settle(std::span<const job_settlement> ends, wall_time now) {
    for (const job_settlement& each : ends) static_cast<void>(detail::settled_state(each.event));
    std::vector<bool> done;
    done.reserve(ends.size());
    const std::lock_guard lock(mutex_);
    for (const job_settlement& each : ends) {
      job_record* const job = held(each.lease);
      done.push_back(job != nullptr);
      if (job == nullptr) continue;
      const job_event event = detail::settled_event(each.event, job->cancel_requested);
      if (event == job_event::fail || event == job_event::snooze)
        job->scheduled_at = detail::whole_ms(each.at);
      if (event == job_event::snooze) --job->attempt;
      if (event == job_event::succeed) {
        job->result = each.result;
        job->progress = 1;
      }
      if (!each.reason.empty()) job->reason = detail::kept_reason(each.reason);
      move(*job, event, now);
    }
    return done;
  }

  std::optional<job_state> cancel(job_id id, wall_time now) {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return std::nullopt;
    job_record& job = found->second;
    if (job.state == job_state::running)
      job.cancel_requested = true;
    else if (next_state(job.state, job_event::cancel))
      move(job, job_event::cancel, now);
    return job.state;
  }

  rescue_report rescue(wall_time now, std::chrono::milliseconds lease_max, std::size_t count_max) {
    rescue_report report;
    {
      const std::lock_guard lock(mutex_);
      std::vector<job_id> expired;
      for (const job_id id : ids(job_state::running)) {
        if (expired.size() == count_max) break;
        const wall_time until = *jobs_.at(id).lease_until;
        if (until < now || until > now + lease_max) expired.push_back(id);
      }
      for (const job_id id : expired) {
        job_record& job = jobs_.at(id);
        const bool is_last = job.attempt >= job.attempts_max;
        job.reason = job_worker_lost;
        move(job,
             job.cancel_requested ? job_event::cancel
             : is_last            ? job_event::abandon
                                  : job_event::rescue,
             now);
        ++(job.state == job_state::available ? report.rescued : report.ended);
      }
    }
    if (report.rescued != 0) bell_.ring();
    return report;
  }

  bool retry(job_id id, wall_time now) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = jobs_.find(id);
      if (found == jobs_.end() || !next_state(found->second.state, job_event::retry)) return false;
      job_record& job = found->second;
      finished_.erase({*job.finished_at, id});
      job.finished_at.reset();
      job.attempt = 0;
      job.cancel_requested = false;
      job.progress = 0;
      job.scheduled_at = detail::whole_ms(now);
      move(job, job_event::retry);
    }
    bell_.ring();
    return true;
  }

  bool discard(job_id id) {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end() || !is_final(found->second.state)) return false;
    forget(found);
    return true;
  }

  std::size_t remove_finished(const job_retention& retention, wall_time now, std::size_t count_max) {
    const std::lock_guard lock(mutex_);
    std::vector<job_id> old;
    for (const auto& [at, id] : finished_) {
      if (old.size() == count_max) break;
      const job_record& job = jobs_.at(id);
      const auto keep = job.state == job_state::completed   ? retention.completed
                        : job.state == job_state::cancelled ? retention.cancelled
                                                            : retention.dead;
      const bool is_guarding = job.unique_until && *job.unique_until > now;
      if (keep.count() != 0 && at < now - keep && !is_guarding) old.push_back(id);
    }
    for (const job_id id : old) forget(jobs_.find(id));
    return old.size();
  }

  [[nodiscard]] std::optional<job_record> get(job_id id) const {
    const std::lock_guard lock(mutex_);
    const auto found = jobs_.find(id);
    if (found == jobs_.end()) return std::nullopt;
    return found->second;
  }

  /// Throws: std::invalid_argument for a size out of range.
  [[nodiscard]] std::vector<job_record> list(const job_query& query) const {
    detail::check_page(query);
    std::vector<job_record> page;
    const std::lock_guard lock(mutex_);
    const std::set<job_id>& all = ids(query.state);
    for (auto each = all.lower_bound(query.before); each != all.begin() && page.size() < query.size;) {
      page.push_back(jobs_.at(*--each));
      page.back().payload.clear();
      page.back().result.clear();
    }
    return page;
  }

  [[nodiscard]] std::optional<wall_time> next_due() const {
    const std::lock_guard lock(mutex_);
    if (planned_.empty()) return std::nullopt;
    return planned_.begin()->first;
  }

  [[nodiscard]] job_counts counts(std::size_t count_max) const {
    const std::lock_guard lock(mutex_);
    job_counts found;
    for (std::size_t i = 0; i < by_state_.size(); ++i)
      found.by_state[i] = std::min(count_max, by_state_[i].size());
    return found;
  }

  [[nodiscard]] bell_watch watch() { return bell_watch(bell_); }

 private:
  using turn = std::tuple<int, wall_time, job_id>;  // priority, time, id: who is next
  using job_map = std::map<job_id, job_record>;

  enqueued_job add(const new_job& what, wall_time now) {
    const job_options& chosen = what.options;
    if (!chosen.unique_key.empty()) {
      const auto [begin, end] = by_key_.equal_range(chosen.unique_key);
      for (auto each = begin; each != end; ++each) {
        const job_record& other = jobs_.at(each->second);
        if (!is_final(other.state) || (other.unique_until && *other.unique_until > now))
          return {.id = other.id, .is_new = false};
      }
    }
    job_record job;
    job.id = ++last_id_;
    job.kind = what.kind;
    job.payload = what.payload;
    job.priority = chosen.priority;
    job.attempts_max = chosen.attempts_max;
    job.created_at = detail::whole_ms(now);
    job.scheduled_at = detail::whole_ms(std::max(chosen.at, now));
    job.state = job.scheduled_at > now ? job_state::scheduled : job_state::available;
    job.unique_key = chosen.unique_key;
    if (chosen.unique_for.count() != 0) job.unique_until = job.created_at + chosen.unique_for;
    if (!job.unique_key.empty()) by_key_.emplace(job.unique_key, job.id);
    enter(jobs_.emplace(job.id, job).first->second);
    return {.id = last_id_, .is_new = true};
  }

  void make_due(wall_time now) {
    while (!planned_.empty() && planned_.begin()->first <= now)
      move(jobs_.at(planned_.begin()->second), job_event::due);
  }

  job_record* held(const job_lease& lease) {
    const auto found = jobs_.find(lease.id);
    if (found == jobs_.end()) return nullptr;
    job_record& job = found->second;
    return job.state == job_state::running && job.ticket == lease.ticket ? &job : nullptr;
  }

  // The caller has looked the step up; `now` is needed where it ends in a final state.
  void move(job_record& job, job_event event, wall_time now = {}) {
    leave(job);
    job.state = next_state(job.state, event).value();
    if (job.state != job_state::running) job.lease_until.reset();
    if (is_final(job.state)) job.finished_at = detail::whole_ms(now);
    enter(job);
  }

  void enter(const job_record& job) {
    by_state_[static_cast<std::size_t>(job.state)].insert(job.id);
    if (job.state == job_state::available) ready_[job.kind].insert(turn_of(job));
    if (job.state == job_state::scheduled) planned_.emplace(job.scheduled_at, job.id);
    if (is_final(job.state)) finished_.emplace(*job.finished_at, job.id);
  }

  void leave(const job_record& job) {
    by_state_[static_cast<std::size_t>(job.state)].erase(job.id);
    if (job.state == job_state::scheduled) planned_.erase({job.scheduled_at, job.id});
    if (job.state != job_state::available) return;
    const auto ready = ready_.find(job.kind);
    ready->second.erase(turn_of(job));
    if (ready->second.empty()) ready_.erase(ready);
  }

  void forget(job_map::iterator found) {
    const job_record& job = found->second;
    leave(job);
    finished_.erase({*job.finished_at, job.id});
    const auto [begin, end] = by_key_.equal_range(job.unique_key);
    const auto key = std::find_if(begin, end, [&](const auto& each) { return each.second == job.id; });
    if (key != end) by_key_.erase(key);
    jobs_.erase(found);
  }

  [[nodiscard]] const std::set<job_id>& ids(job_state state) const {
    return by_state_[static_cast<std::size_t>(state)];
  }

  static turn turn_of(const job_record& job) { return {job.priority, job.scheduled_at, job.id}; }

  const std::size_t jobs_max_;
  job_bell bell_;
  mutable std::mutex mutex_;  // guards all below; the bell is rung without it
  job_id last_id_ = 0;
  job_map jobs_;
  std::array<std::set<job_id>, 6> by_state_;
  std::map<std::string, std::set<turn>, std::less<>> ready_;  // available jobs by kind; no kind is empty
  std::set<std::pair<wall_time, job_id>> planned_;            // scheduled jobs
  std::set<std::pair<wall_time, job_id>> finished_;
  std::multimap<std::string, job_id, std::less<>> by_key_;
};
static_assert(job_store<memory_job_store>);

}  // namespace hasten
