// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/backoff.hpp>
#include <hasten/core/clock.hpp>
#include <hasten/core/codec.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/workers/detail/job_desk.hpp>
#include <hasten/workers/detail/thread_name.hpp>
#include <hasten/workers/job_handler.hpp>
#include <hasten/workers/job_runner_options.hpp>
#include <hasten/workers/job_runner_stats.hpp>
#include <hasten/workers/job_store.hpp>
#include <hasten/workers/schedule.hpp>
#include <hasten/workers/task_options.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hasten {

/// What drain() achieved.
struct job_drain_report {
  std::uint64_t settled = 0;  ///< jobs that ended and were settled, given back ones included
  std::size_t left = 0;       ///< still running; their leases run out, and somebody rescues them
};

/// Runs the jobs of a store on a worker pool: takes as many as it may, keeps their leases alive, settles them together,
/// rescues those of runners that vanished, and makes periodic ones.
///
/// Each job runs at least once. It runs again if its process dies before it is settled, so its effects belong into the
/// transaction that settles it (job_outcome::settled) or must bear being repeated. One thread of its own does all the
/// talking to the store; while there is nothing to do it sleeps until the next job is due. When the store fails it is asked
/// again, after growing pauses. When the calendar clock is set, no job that is alive is rescued.
///
/// Handlers are added before start(). The wrong tool for work that nobody would miss after a crash: post that to the pool.
/// Store and pool must outlive it. The destructor drains without waiting for handlers; their results are then lost, and
/// what they refer to must outlive the pool.
/// Thread safety: stats() is for any thread; the rest is single-owner.
///
///     hasten::job_runner<hasten::sql_job_store> runner(store, pool, {.name = "server-1"});
///     runner.add<std::int64_t>("invoice", [&](hasten::job_context& job, std::int64_t order) {
///       send_invoice(order, job.stop());
///     });
///     runner.repeat("nightly", hasten::schedule("0 3 * * *"), {.kind = "cleanup"});
///     runner.start();
///     auto report = runner.drain(hasten::steady_clock_source::now() + 10s);
template <job_store Store, clock_source Clock = steady_clock_source, wall_source Wall = wall_clock_source>
class job_runner {
 public:
  using options = job_runner_options;

  /// Throws: std::invalid_argument for an option out of range.
  job_runner(Store& store, worker_pool& pool, options chosen, Clock clock = {}, Wall wall = {})
      : store_(store),
        pool_(pool),
        options_(detail::checked(std::move(chosen), pool.threads())),
        clock_(clock),
        wall_(wall),
        desk_(std::make_shared<desk>(store.watch(), clock, wall)),
        jumps_(options_.lease / 4),
        random_(std::random_device{}()) {
    desk_->finished.reserve(options_.in_hand_max);
    upkeep_due_ = clock_.now();
  }
  job_runner(const job_runner&) = delete;
  job_runner& operator=(const job_runner&) = delete;

  ~job_runner() {
    if (!is_drained_) drain(clock_.now());
  }

  /// Says how jobs of `kind` are run: `handler(job_context&, const Payload&)` returns nothing, a result to keep, or a
  /// job_outcome; what it throws is a failed attempt. It runs on the pool's threads, several at once.
  /// Throws: std::invalid_argument for a kind that is no kind or known already, or an option out of range.
  template <encodable Payload, class Handler>
    requires std::invocable<Handler&, job_context&, const Payload&>
  void add(std::string kind, Handler handler, job_kind_options chosen = {}) {
    HASTEN_EXPECTS(!is_running(), "job_runner: handlers are added before start()");
    validate_job_kind(kind);
    if (find(kind) != nullptr)
      throw std::invalid_argument("job_runner: the kind " + kind + " has a handler already");
    chosen = detail::checked(chosen);
    desk_->kinds.push_back(
        std::make_unique<detail::job_kind>(std::move(kind), chosen, backoff(chosen.delays),
                                           detail::job_function_of<Payload>(std::move(handler))));
  }

  /// Makes `what` whenever `when` says, once among all runners that use the name; what was missed while no runner ran is
  /// made at most once. The job's own key and time are not used.
  /// Throws: std::invalid_argument for a job out of range or a name that is not 1..64 of the characters of a kind.
  void repeat(const std::string& name, schedule when, new_job what) {
    HASTEN_EXPECTS(!is_running(), "job_runner: schedules are added before start()");
    validate_job_kind(name);
    validate(what);
    const auto first = when.next(wall_.now());
    periodic_.push_back({name, std::move(when), std::move(what), first});
  }

  /// Starts the runner's thread. Once.
  void start() {
    HASTEN_EXPECTS(!is_running() && !is_drained_, "job_runner: start() is called once");
    thread_ = std::thread([this] { run(); });
    detail::name_thread(thread_, options_.name.substr(0, 15));
  }

  /// Does once what the thread does all the time: settles, renews, rescues, takes. For programs with a loop of their own,
  /// and tests; not beside start().
  /// Returns: when there is something to do again, if nothing happens before. Blocks on: the store.
  steady_time run_once() {
    HASTEN_EXPECTS(!is_running(), "job_runner: run_once() is for a runner without a thread");
    return round();
  }

  /// Takes no more jobs, gives back those that have not begun, and waits for the others: in the second half of the time they
  /// are asked to stop. Idempotent.
  /// Blocks on: the handlers until `deadline`, and one call of the store beyond it.
  job_drain_report drain(steady_time deadline) {
    is_stopping_.store(true);
    desk_->watch.wake();
    if (thread_.joinable()) thread_.join();
    is_drained_ = true;
    const std::uint64_t before = settled_;
    const steady_time began = clock_.now();
    const steady_time half = deadline > began ? began + (deadline - began) / 2 : began;
    give_back_waiting();
    for (;;) {
      const steady_time now = clock_.now();
      if (now >= half)
        for (const auto& each : in_hand_) each->ask_to_stop(detail::stop_reason::draining);
      const steady_time next = round_safely();
      if (in_hand_.empty() || now >= deadline) break;
      desk_->watch.wait_until(std::min(next, now < half ? half : deadline));
    }
    return {.settled = settled_ - before, .left = in_hand_.size()};
  }

  [[nodiscard]] job_runner_stats stats() const {
    job_runner_stats now;
    const std::lock_guard lock(desk_->mutex);
    now = totals_;
    for (const auto& each : desk_->kinds)
      now.kinds.push_back(
          {each->name, each->in_hand, each->ends, each->wait.snapshot(), each->took.snapshot()});
    return now;
  }

  [[nodiscard]] const std::string& name() const noexcept { return options_.name; }

 private:
  using watch = decltype(std::declval<Store&>().watch());
  using desk = detail::job_desk<watch, Clock, Wall>;
  using job_ptr = std::shared_ptr<detail::job_in_hand>;

  struct periodic {
    std::string name;
    schedule when;
    new_job what;
    std::optional<wall_time> next;
  };

  static constexpr std::size_t upkeep_batch = 1000;
  static constexpr std::chrono::seconds progress_every{1};
  static constexpr std::chrono::milliseconds pool_pause{100};

  [[nodiscard]] bool is_running() const noexcept { return thread_.joinable(); }

  detail::job_kind* find(const std::string& name) noexcept {
    for (const auto& each : desk_->kinds)
      if (each->name == name) return each.get();
    return nullptr;
  }

  void run() {
    while (!is_stopping_.load()) {
      const steady_time next = round_safely();
      if (!is_stopping_.load()) desk_->watch.wait_until(next);
    }
  }

  steady_time round_safely() noexcept {
    try {
      return round();
    } catch (...) {  // no memory, or a watch that failed
      failed();
      return retry_at_;
    }
  }

  steady_time round() {
    const steady_time now = clock_.now();
    const wall_time today = wall_.now();
    if (jumps_.jumped(now, today)) meet_jump(now, today);
    collect(today);
    stop_overdue(now);
    if (now >= retry_at_)
      ask([&] {
        settle(today);
        if (now >= beat_due_) {
          beat(now, today, true);
        } else if (now >= progress_due_) {
          beat(now, today, false);
        }
        if (!is_drained_) {
          repeat_due(today);
          take(now, today);
        }
        settle(today);  // what found no room in the pool
        if (now >= upkeep_due_ && !is_drained_) keep_up(now, today);
      });
    return next_wake(now, today);
  }

  // Whatever the store throws is told and counted, and the store gets a pause.
  template <class Fn>
  void ask(Fn&& fn) {
    try {
      fn();
      failures_ = 0;
    } catch (...) {
      failed();
    }
  }

  void failed() noexcept {
    if (options_.on_error) options_.on_error(std::current_exception());
    retry_at_ = clock_.now() + pauses_.after(++failures_, random_);
    const std::lock_guard lock(desk_->mutex);
    ++totals_.store_failures;
  }

  // Leases in force look expired after a jump forward: everybody gets the time of one lease to renew theirs.
  void meet_jump(steady_time now, wall_time today) {
    beat_due_ = now;
    rescue_after_ = now + options_.lease;
    for (periodic& each : periodic_) each.next = each.when.next(today);
    const std::lock_guard lock(desk_->mutex);
    ++totals_.clock_jumps;
  }

  void collect(wall_time today) {
    std::vector<job_ptr> ended;
    {
      const std::lock_guard lock(desk_->mutex);
      ended.assign(desk_->finished.begin(), desk_->finished.end());
      desk_->finished.clear();
    }
    for (const job_ptr& each : ended) {
      auto end = detail::verdict(*each, today, random_);
      if (each->is_lost || !end)
        drop(each, nullptr, each->is_lost);
      else
        hold(each, *std::move(end));
    }
  }

  void hold(const job_ptr& job, job_settlement end) {
    ended_.push_back(job);
    ends_.push_back(std::move(end));
  }

  void settle(wall_time today) {
    if (ends_.empty()) return;
    const std::vector<bool> done = store_.settle(ends_, today);
    for (std::size_t i = 0; i < done.size(); ++i) drop(ended_[i], &ends_[i], !done[i]);
    ends_.clear();
    ended_.clear();
  }

  void drop(const job_ptr& job, const job_settlement* end, bool is_lost) {
    {
      const std::lock_guard lock(desk_->mutex);
      if (is_lost)
        ++job->kind.ends.lost;
      else
        detail::count_end(*job, end);
      --job->kind.in_hand;
      --totals_.in_hand;
      if (job->is_overdue) --totals_.overdue;
    }
    if (!is_lost) ++settled_;
    in_hand_.erase(job);
  }

  void stop_overdue(steady_time now) {
    for (const job_ptr& each : in_hand_) {
      if (each->is_overdue || now < overdue_at(*each)) continue;
      each->is_overdue = true;
      each->ask_to_stop(detail::stop_reason::timed_out);
      const std::lock_guard lock(desk_->mutex);
      ++totals_.overdue;
    }
  }

  static steady_time overdue_at(const detail::job_in_hand& job) {
    const steady_time started{steady_time::duration(job.started.load())};
    const auto timeout = job.kind.options.timeout;
    return started == steady_time{} || timeout.count() == 0 ? steady_time::max() : started + timeout;
  }

  // Renews all leases, or only those of jobs that have come further.
  void beat(steady_time now, wall_time today, bool all) {
    std::vector<job_ptr> asked;
    std::vector<job_beat> beats;
    for (const job_ptr& each : in_hand_) {
      if (each->is_overdue || each->is_lost) continue;
      const double progress = each->progress.load();
      const bool moved = progress != each->progress_stored;
      if (!all && !moved) continue;
      asked.push_back(each);
      beats.push_back({each->job.lease(), moved ? std::optional(progress) : std::nullopt});
    }
    if (!beats.empty()) {
      const auto answers = store_.extend(beats, today + lease());
      for (std::size_t i = 0; i < answers.size(); ++i) heed(*asked[i], beats[i], answers[i]);
    }
    progress_due_ = now + progress_every;
    if (all) beat_due_ = now + options_.lease / 3;
  }

  static void heed(detail::job_in_hand& job, const job_beat& beat, beat_answer answer) {
    if (beat.progress) job.progress_stored = *beat.progress;
    if (answer == beat_answer::lost) {
      job.is_lost = true;
      job.ask_to_stop(detail::stop_reason::lost);
    } else if (answer == beat_answer::cancel_requested) {
      job.ask_to_stop(detail::stop_reason::cancelled);
    }
  }

  void repeat_due(wall_time today) {
    for (periodic& each : periodic_) {
      if (!each.next || *each.next > today) continue;
      wall_time tick = *each.next;  // of those that were missed, the last
      auto next = each.when.next(tick);
      for (int i = 0; next && *next <= today && i < 100'000; ++i) {
        tick = *next;
        next = each.when.next(tick);
      }
      new_job made = each.what;
      made.options.at = {};
      made.options.unique_key = "every:" + each.name + ":" + std::to_string(detail::to_unix_ms(tick));
      made.options.unique_for = std::chrono::hours(25);  // an hour more than any clock is set back
      const bool is_new = store_.enqueue(std::array{made}, today).at(0).is_new;
      each.next = each.when.next(std::max(tick, today));
      const std::lock_guard lock(desk_->mutex);
      totals_.periodic += is_new ? 1 : 0;
    }
  }

  void take(steady_time now, wall_time today) {
    const std::size_t room = options_.in_hand_max - std::min(options_.in_hand_max, in_hand_.size());
    if (room == 0 || now < take_after_) return;
    std::vector<job_room> rooms;
    for (const auto& each : desk_->kinds) {
      const std::size_t most =
          each->options.concurrency == 0 ? options_.in_hand_max : each->options.concurrency;
      if (most > each->in_hand) rooms.push_back({each->name, std::min(room, most - each->in_hand)});
    }
    if (rooms.empty()) return;
    auto taken = store_.take({.rooms = rooms,
                              .count_max = room,
                              .now = today,
                              .lease_until = today + lease(),
                              .worker = options_.name});
    if (!taken.empty() && in_hand_.empty()) beat_due_ = now + options_.lease / 3;
    for (job_record& each : taken) hand_out(std::move(each), now, today);
  }

  void hand_out(job_record&& taken, steady_time now, wall_time today) {
    detail::job_kind& kind = *find(taken.kind);
    const auto job = std::make_shared<detail::job_in_hand>(kind, std::move(taken));
    in_hand_.insert(job);
    {
      const std::lock_guard lock(desk_->mutex);
      ++kind.in_hand;
      ++totals_.in_hand;
    }
    if (pool_.try_post({.lane = options_.lane}, detail::job_errand<desk>(desk_, job))) return;
    // The pool has no room, or is closed; its errand has given the job back.
    take_after_ = now + pool_pause;
    collect(today);
    if (const auto at = std::find(ended_.begin(), ended_.end(), job); at != ended_.end())
      ends_[static_cast<std::size_t>(at - ended_.begin())].at = today + pool_pause;
  }

  void give_back_waiting() {
    for (const job_ptr& each : in_hand_) {
      if (each->is_spoken_for.exchange(true)) continue;
      each->why.store(detail::stop_reason::draining);
      desk_->report(each);
    }
  }

  void keep_up(steady_time now, wall_time today) {
    std::size_t removed = 0;
    rescue_report rescued;
    if (now >= rescue_after_) rescued = store_.rescue(today, job_lease_max, upkeep_batch);
    removed = store_.remove_finished(options_.retention, today, upkeep_batch);
    upkeep_due_ = removed == upkeep_batch ? now : now + options_.upkeep;
    const std::lock_guard lock(desk_->mutex);
    totals_.rescued += rescued.rescued;
    totals_.ended_by_rescue += rescued.ended;
    totals_.removed += removed;
  }

  steady_time next_wake(steady_time now, wall_time today) {
    if (retry_at_ > now) return retry_at_;
    steady_time next = is_drained_ ? now + options_.upkeep : upkeep_due_;
    const auto at_wall = [&](wall_time when) {
      next = std::min(next, now + std::chrono::duration_cast<steady_time::duration>(when - today));
    };
    if (!in_hand_.empty()) {
      next = std::min({next, beat_due_, progress_due_ > now ? progress_due_ : now + progress_every});
      for (const job_ptr& each : in_hand_)
        if (!each->is_overdue) next = std::min(next, overdue_at(*each));
    }
    if (is_drained_) return next;
    for (const periodic& each : periodic_)
      if (each.next) at_wall(*each.next);
    if (now < take_after_) return std::min(next, take_after_);
    if (in_hand_.size() < options_.in_hand_max)
      ask([&] {
        if (const auto due = store_.next_due(); due && *due < today + options_.upkeep) at_wall(*due);
      });
    return next;
  }

  [[nodiscard]] wall_time::duration lease() const {
    return std::chrono::duration_cast<wall_time::duration>(options_.lease);
  }

  Store& store_;
  worker_pool& pool_;
  const options options_;
  const Clock clock_;
  const Wall wall_;
  const std::shared_ptr<desk> desk_;
  job_runner_stats totals_;  // guarded by the desk's lock; its kinds are empty
  std::atomic<bool> is_stopping_{false};

  // Below: of the runner's thread, or of its owner while there is none.
  detail::jump_watch jumps_;
  std::mt19937_64 random_;
  const backoff pauses_{{.first = std::chrono::milliseconds(20), .most = std::chrono::seconds(5)}};
  std::unordered_set<job_ptr> in_hand_;  // at most in_hand_max
  std::vector<job_settlement> ends_;     // how jobs in hand ended, to be settled
  std::vector<job_ptr> ended_;           // which jobs those are
  std::vector<periodic> periodic_;
  std::uint64_t settled_ = 0;
  std::uint64_t failures_ = 0;  // of the store in a row
  steady_time retry_at_{};      // the store is left alone until then
  steady_time beat_due_{};
  steady_time progress_due_{};
  steady_time upkeep_due_{};
  steady_time rescue_after_{};
  steady_time take_after_{};  // the pool had no room
  bool is_drained_ = false;
  std::thread thread_;
};

}  // namespace hasten
