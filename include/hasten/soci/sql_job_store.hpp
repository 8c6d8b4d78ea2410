// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/query/migration_plan.hpp>
#include <hasten/soci/detail/job_row.hpp>
#include <hasten/soci/detail/job_sql.hpp>
#include <hasten/soci/detail/postgresql_array.hpp>
#ifdef HASTEN_WITH_POSTGRESQL
#include <hasten/soci/detail/postgresql_listener.hpp>
#endif
#include <hasten/soci/monitored_session.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>
#include <hasten/workers/job_bell.hpp>
#include <hasten/workers/job_store.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace hasten {

/// Jobs in a table of a database, `hasten_jobs`, beside the data that they are about: SQLite, or PostgreSQL.
///
/// A job can be made in the transaction that makes the data it works on (enqueue_in), and settled in the one that
/// stores its effects (settle_in): then neither can be without the other, whenever the process dies. Programs that share
/// the database share the jobs. Whether there is anything to take is asked of a reading session, so that on SQLite the one
/// writing session is used only when there is; jobs of another process are seen within options::poll. On PostgreSQL
/// runners on several machines take jobs without waiting for one another, and options::listen tells them at once.
///
/// The table is the program's to make: add schema() to its migrations. The wrong tool for work by the hundred thousand per
/// second. The pool must outlive it.
/// Thread safety: thread-safe.
///
///     hasten::sql_job_store jobs(pool);
///     hasten::transaction sale(*db);
///     db->exec(add_order, customer, cents);
///     jobs.enqueue_in(*db, {.kind = "invoice", .payload = hasten::encode(db->last_insert_id())}, clock.now());
///     sale.commit();      // both or neither
///     jobs.announce();    // whoever waits need not wait for the next poll
class sql_job_store {
 public:
  struct options {
    std::chrono::nanoseconds session_wait = std::chrono::seconds(5);  ///< for a session, 1 ms..10 minutes
    /// How often a waiting runner looks for jobs that other processes made, 1 ms..10 minutes.
    std::chrono::nanoseconds poll = std::chrono::milliseconds(250);
    /// For PostgreSQL: the connection on which a waiting runner listens for new jobs, as libpq takes it; each watch() makes one.
    /// Empty: only the poll.
    std::string listen = {};
    std::size_t due_max = 1000;  ///< planned jobs that fall due in one take(), 1..100000
  };

  /// Throws: std::invalid_argument for an option out of range.
  sql_job_store(session_pool& pool, options chosen) : pool_(pool), options_(checked(chosen)) {}
  explicit sql_job_store(session_pool& pool) : sql_job_store(pool, options{}) {}
  sql_job_store(const sql_job_store&) = delete;
  sql_job_store& operator=(const sql_job_store&) = delete;

  /// Returns: the step of a schema's history that makes the table in SQLite.
  [[nodiscard]] static migration schema(int version) {
    return {.version = version,
            .name = "hasten_jobs",
            .up = detail::sqlite_job_schema,
            .down = "DROP TABLE hasten_jobs;"};
  }
  /// The same for PostgreSQL.
  [[nodiscard]] static migration postgresql_schema(int version) {
    migration step = schema(version);
    step.up = detail::postgresql_job_schema;
    return step;
  }

  /// Throws: std::invalid_argument for a job out of range; query_error, as all that follow.
  std::vector<enqueued_job> enqueue(std::span<const new_job> jobs, wall_time now) {
    for (const new_job& each : jobs) validate(each);
    if (jobs.empty()) return {};
    auto made = write_at_once([&](const monitored_session& db) { return is_one_statement(db, jobs); },
                              [&](monitored_session& db) { return add_all(db, jobs, now); });
    announce();
    return made;
  }

  /// Makes a job as part of the transaction that is open on `db`, a session of the same database.
  /// Throws: std::invalid_argument for a job out of range; query_error.
  enqueued_job enqueue_in(monitored_session& db, const new_job& job, wall_time now) {
    validate(job);
    require_transaction(db, "jobs.enqueue_in");
    return add(db, job, now);
  }

  /// Wakes the runners of this process: to be called after the commit of what enqueue_in() made. Who listens on
  /// PostgreSQL needs no waking.
  void announce() { bell_.ring(); }

  [[nodiscard]] std::vector<job_record> take(const job_wish& wish) {
    if (!has_work(wish)) return {};
    return write_at_once([](const monitored_session& db) { return db.is_postgresql(); },
                         [&](monitored_session& db) {
                           const detail::job_sql& sql = sql_for(db);
                           db.exec(sql.make_due, detail::to_unix_ms(wish.now), options_.due_max);
                           return db.is_postgresql() ? take_ready(db, wish) : take_chosen(db, wish);
                         });
  }

  std::vector<beat_answer> extend(std::span<const job_beat> beats, wall_time lease_until) {
    if (beats.empty()) return {};
    return write([&](monitored_session& db) {
      std::vector<beat_answer> answers;
      answers.reserve(beats.size());
      for (const job_beat& each : beats) {
        const auto cancel = db.maybe<bool>(sql_for(db).extend, each.lease.id, each.lease.ticket,
                                           detail::to_unix_ms(lease_until), each.progress);
        answers.push_back(!cancel   ? beat_answer::lost
                          : *cancel ? beat_answer::cancel_requested
                                    : beat_answer::held);
      }
      return answers;
    });
  }

  /// Throws: std::invalid_argument for an event that does not end an attempt.
  std::vector<bool> settle(std::span<const job_settlement> ends, wall_time now) {
    for (const job_settlement& each : ends) static_cast<void>(detail::settled_state(each.event));
    if (ends.empty()) return {};
    const bool all_plain = std::ranges::all_of(ends, is_plain);
    return write_at_once([&](const monitored_session& db) { return db.is_postgresql() && all_plain; },
                         [&](monitored_session& db) {
                           if (db.is_postgresql()) return settle_many(db, ends, now);
                           std::vector<bool> done;
                           for (const job_settlement& each : ends) done.push_back(settle_one(db, each, now));
                           return done;
                         });
  }

  /// Settles a job as part of the transaction that is open on `db`, with the effects of the job: they are stored once, or
  /// not at all. Throws: error(errc::timeout) if the lease is lost; then roll back.
  void settle_in(monitored_session& db, const job_settlement& end, wall_time now) {
    require_transaction(db, "jobs.settle_in");
    if (!settle_one(db, end, now)) throw error(errc::timeout, "settling a job whose lease is lost");
  }

  std::optional<job_state> cancel(job_id id, wall_time now) {
    return write([&](monitored_session& db) -> std::optional<job_state> {
      const auto state = state_of(db, id);
      if (!state || is_final(*state)) return state;
      if (*state == job_state::running) {
        db.exec(sql_for(db).ask_to_end, id);
        return state;
      }
      db.exec(sql_for(db).cancel, id, detail::to_unix_ms(now));
      return next_state(*state, job_event::cancel);
    });
  }

  rescue_report rescue(wall_time now, std::chrono::milliseconds lease_max, std::size_t count_max) {
    const auto expired = [&](monitored_session& db, const statement& what) {
      return db.all<std::tuple<job_id, unsigned, unsigned, bool>>(
          what, detail::to_unix_ms(now), detail::to_unix_ms(now + lease_max), count_max);
    };
    rescue_report report;
    {
      const session_lease db = pool_.read(deadline());
      if (expired(*db, sql_for(*db).expired).empty()) return report;
    }
    report = write([&](monitored_session& db) {
      rescue_report done;
      notify(db);
      for (const auto& [id, attempt, attempts_max, cancel] : expired(db, sql_for(db).choose_expired)) {
        const job_event event = cancel                    ? job_event::cancel
                                : attempt >= attempts_max ? job_event::abandon
                                                          : job_event::rescue;
        const job_state to = next_state(job_state::running, event).value();
        const auto finished = is_final(to) ? std::optional(detail::to_unix_ms(now)) : std::nullopt;
        db.exec(sql_for(db).rescue, id, to_string(to), job_worker_lost, finished);
        ++(is_final(to) ? done.ended : done.rescued);
      }
      return done;
    });
    if (report.rescued != 0) announce();
    return report;
  }

  bool retry(job_id id, wall_time now) {
    const bool done = write([&](monitored_session& db) {
      const auto state = state_of(db, id);
      const auto to = state ? next_state(*state, job_event::retry) : std::nullopt;
      notify(db);
      return to && db.exec(sql_for(db).retry, id, to_string(*to), detail::to_unix_ms(now)) == 1;
    });
    if (done) announce();
    return done;
  }

  bool discard(job_id id) {
    return write([&](monitored_session& db) { return db.exec(sql_for(db).discard, id) == 1; });
  }

  std::size_t remove_finished(const job_retention& retention, wall_time now, std::size_t count_max) {
    const auto before = [&](std::chrono::milliseconds keep) {  // zero: nothing is that old
      return keep.count() == 0 ? std::numeric_limits<std::int64_t>::min() : detail::to_unix_ms(now - keep);
    };
    const std::int64_t completed = before(retention.completed);
    const std::int64_t cancelled = before(retention.cancelled);
    const std::int64_t dead = before(retention.dead);
    return write([&](monitored_session& db) {
      return static_cast<std::size_t>(db.exec(sql_for(db).remove_finished,
                                              std::max({completed, cancelled, dead}), completed, cancelled,
                                              dead, detail::to_unix_ms(now), count_max));
    });
  }

  [[nodiscard]] std::optional<job_record> get(job_id id) {
    const session_lease db = pool_.read(deadline());
    auto row = db->maybe<detail::job_row>(sql_for(*db).get, id);
    if (!row) return std::nullopt;
    return (*std::move(row)).record();
  }

  /// Throws: std::invalid_argument for a size out of range.
  [[nodiscard]] std::vector<job_record> list(const job_query& query) {
    detail::check_page(query);
    std::vector<job_record> page;
    const session_lease db = pool_.read(deadline());
    for (auto& row :
         db->all<detail::job_row>(sql_for(*db).list, to_string(query.state), query.before, query.size))
      page.push_back(std::move(row).record());
    return page;
  }

  [[nodiscard]] std::optional<wall_time> next_due() {
    const session_lease db = pool_.read(deadline());
    const auto ms = db->maybe<std::int64_t>(sql_for(*db).first_due);
    if (!ms) return std::nullopt;
    return detail::from_unix_ms(*ms);
  }

  [[nodiscard]] job_counts counts(std::size_t count_max) {
    auto db = pool_.read(deadline());
    job_counts found;
    for (std::size_t i = 0; i < found.by_state.size(); ++i)
      found.by_state[i] =
          db->scalar<std::size_t>(sql_for(*db).count, to_string(static_cast<job_state>(i)), count_max);
    return found;
  }

  /// A runner's way of waiting: for this process's bell or the server's word, and for the next poll.
  /// Thread safety: thread-safe; one thread waits.
  class watch_type {
   public:
    void wait_until(steady_time deadline) {
      const steady_time next = std::min(deadline, steady_clock_source::now() + poll_);
#ifdef HASTEN_WITH_POSTGRESQL
      if (listener_ != nullptr) return listener_->wait_until(next);
#endif
      bell_.wait_until(next);
    }
    void wake() {
#ifdef HASTEN_WITH_POSTGRESQL
      if (listener_ != nullptr) return listener_->wake();
#endif
      bell_.wake();
    }

   private:
    friend class sql_job_store;
    watch_type(job_bell& bell, const options& chosen) : bell_(bell), poll_(chosen.poll) {
#ifdef HASTEN_WITH_POSTGRESQL
      if (!chosen.listen.empty())
        listener_ = std::make_unique<detail::postgresql_listener>(chosen.listen, "hasten_jobs");
#endif
    }
    bell_watch bell_;
    std::chrono::nanoseconds poll_;
#ifdef HASTEN_WITH_POSTGRESQL
    std::unique_ptr<detail::postgresql_listener> listener_;  // null: nobody listens
#endif
  };
  [[nodiscard]] watch_type watch() { return {bell_, options_}; }

 private:
  using turn = std::tuple<int, std::int64_t, job_id>;  // priority, time, id: who is next

  static options checked(options chosen) {
    const auto require = [](std::chrono::nanoseconds value, const char* field) {
      if (value < std::chrono::milliseconds(1) || value > std::chrono::minutes(10))
        throw std::invalid_argument("sql_job_store: " + std::string(field) +
                                    " must be 1000000..600000000000 ns, got " +
                                    std::to_string(value.count()));
    };
    require(chosen.session_wait, "session_wait");
    require(chosen.poll, "poll");
    if (chosen.due_max < 1 || chosen.due_max > 100'000)
      throw std::invalid_argument("sql_job_store: due_max must be 1..100000, got " +
                                  std::to_string(chosen.due_max));
    return chosen;
  }

  static void require_transaction(const monitored_session& db, const char* what) {
    if (!db.in_transaction())
      throw query_error(query_error_kind::bad_statement,
                        std::string(what) + ": the session has no transaction");
  }

  // In a transaction, unless `is_atomic(session)` says that `fn` needs none.
  template <class IsAtomic, class Fn>
  std::invoke_result_t<Fn&, monitored_session&> write_at_once(IsAtomic&& is_atomic, Fn&& fn) {
    session_lease db = pool_.write(deadline());
    if (is_atomic(*db)) return fn(*db);
    transaction change(*db);
    auto out = fn(*db);
    change.commit();
    return out;
  }
  template <class Fn>
  std::invoke_result_t<Fn&, monitored_session&> write(Fn&& fn) {
    return write_at_once([](const monitored_session& /*db*/) { return false; }, fn);
  }

  [[nodiscard]] steady_time deadline() const { return steady_clock_source::now() + options_.session_wait; }

  // Asked of a reading session, so that runners who wait do not contend for SQLite's write lock. Not on PostgreSQL: nobody
  // waits there, taking nothing costs as much as asking, and a reading session may be one of a replica, which is behind.
  bool has_work(const job_wish& wish) {
    if (pool_.is_postgresql()) return true;
    session_lease db = pool_.read(deadline());
    const auto due = db->maybe<std::int64_t>(sql_for(*db).first_due);
    if (due && *due <= detail::to_unix_ms(wish.now)) return true;
    return wish.count_max != 0 && std::ranges::any_of(wish.rooms, [&](const job_room& room) {
             return room.count != 0 && db->maybe<turn>(sql_for(*db).ready, room.kind, 1).has_value();
           });
  }

  static const detail::job_sql& sql_for(const monitored_session& db) noexcept {
    return db.is_postgresql() ? detail::postgresql_job_sql : detail::sqlite_job_sql;
  }

  static void notify(monitored_session& db) {
    if (db.is_postgresql()) db.exec(detail::postgresql_job_sql.notify);
  }

  static std::vector<job_record> take_chosen(monitored_session& db, const job_wish& wish) {
    const detail::job_sql& sql = sql_for(db);
    std::vector<turn> found;
    for (const job_room& room : wish.rooms) {
      if (room.count == 0) continue;
      auto some = db.all<turn>(sql.choose, room.kind, std::min(room.count, wish.count_max));
      found.insert(found.end(), some.begin(), some.end());
    }
    std::sort(found.begin(), found.end());
    found.resize(std::min(found.size(), wish.count_max));
    std::vector<job_record> taken;
    for (const turn& each : found)
      taken.push_back(db.one<detail::job_row>(sql.take, std::get<2>(each), detail::to_unix_ms(wish.now),
                                              detail::to_unix_ms(wish.lease_until), wish.worker)
                          .record());
    return taken;
  }

  static std::vector<job_record> take_ready(monitored_session& db, const job_wish& wish) {
    std::vector<job_room> rooms(wish.rooms.begin(), wish.rooms.end());
    std::erase_if(rooms, [](const job_room& room) { return room.count == 0; });
    std::vector<job_record> taken;
    if (rooms.empty() || wish.count_max == 0) return taken;
    const auto kinds =
        detail::postgresql_array(rooms, [](const job_room& room) { return detail::quoted(room.kind); });
    const auto counts = detail::postgresql_array(
        rooms, [&](const job_room& room) { return std::to_string(std::min(room.count, wish.count_max)); });
    for (auto& row : db.all<detail::job_row>(sql_for(db).take_ready, kinds, counts, wish.count_max,
                                             detail::to_unix_ms(wish.now),
                                             detail::to_unix_ms(wish.lease_until), wish.worker))
      taken.push_back(std::move(row).record());
    std::ranges::sort(taken, {}, [](const job_record& each) {
      return std::tuple(each.priority, each.scheduled_at, each.id);
    });
    return taken;
  }

  static bool is_plain(const job_settlement& end) noexcept {
    return end.event == job_event::succeed && end.result.empty() && end.reason.empty();
  }

  // What most jobs come to, success without a result, in one statement.
  static std::vector<bool> settle_many(monitored_session& db, std::span<const job_settlement> ends,
                                       wall_time now) {
    std::vector<bool> done(ends.size());
    std::vector<std::size_t> plain;
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (is_plain(ends[i]))
        plain.push_back(i);
      else
        done[i] = settle_one(db, ends[i], now);
    }
    if (plain.empty()) return done;
    const auto ids =
        detail::postgresql_array(plain, [&](std::size_t i) { return std::to_string(ends[i].lease.id); });
    const auto tickets =
        detail::postgresql_array(plain, [&](std::size_t i) { return std::to_string(ends[i].lease.ticket); });
    auto settled = db.all<job_id>(sql_for(db).settle_many, ids, tickets, detail::to_unix_ms(now));
    std::ranges::sort(settled);
    for (const std::size_t i : plain) done[i] = std::ranges::binary_search(settled, ends[i].lease.id);
    return done;
  }

  static std::optional<job_state> state_of(monitored_session& db, job_id id) {
    const auto name = db.maybe<std::string>(sql_for(db).state_of, id);
    return name ? job_state_from(*name) : std::nullopt;
  }

  static bool is_one_statement(const monitored_session& db, std::span<const new_job> jobs) {
    constexpr std::size_t payloads_max = 64UL * 1024 * 1024;  // twice that in one parameter
    std::size_t payloads = 0;
    for (const new_job& each : jobs) {
      if (!each.options.unique_key.empty()) return false;
      payloads += each.payload.size();
    }
    return jobs.size() == 1 || (db.is_postgresql() && payloads <= payloads_max);
  }

  static std::vector<enqueued_job> add_all(monitored_session& db, std::span<const new_job> jobs,
                                           wall_time now) {
    if (jobs.size() > 1 && db.is_postgresql() && is_one_statement(db, jobs)) return add_many(db, jobs, now);
    std::vector<enqueued_job> made;
    for (const new_job& each : jobs) made.push_back(add(db, each, now));
    return made;
  }

  static std::vector<enqueued_job> add_many(monitored_session& db, std::span<const new_job> jobs,
                                            wall_time now) {
    const auto number = [&](auto of) {
      return detail::postgresql_array(jobs, [&](const new_job& job) { return std::to_string(of(job)); });
    };
    auto ids = db.all<job_id>(
        sql_for(db).add_many, detail::to_unix_ms(now),
        detail::postgresql_array(jobs, [](const new_job& job) { return detail::quoted(job.kind); }),
        number([](const new_job& job) { return job.options.priority; }),
        number([](const new_job& job) { return job.options.attempts_max; }),
        number([&](const new_job& job) { return detail::to_unix_ms(std::max(job.options.at, now)); }),
        detail::postgresql_array(
            jobs, [](const new_job& job) { return detail::quoted(detail::hex_of(job.payload)); }));
    std::ranges::sort(ids);  // given in the order of the jobs, told in any
    std::vector<enqueued_job> made;
    for (const job_id each : ids) made.push_back({.id = each, .is_new = true});
    return made;
  }

  static enqueued_job add(monitored_session& db, const new_job& job, wall_time now) {
    const job_options& chosen = job.options;
    const std::int64_t created = detail::to_unix_ms(now);
    const std::int64_t scheduled = detail::to_unix_ms(std::max(chosen.at, now));
    std::optional<std::string_view> key;
    std::optional<std::int64_t> unique_until;
    if (!chosen.unique_key.empty()) {
      key = chosen.unique_key;
      // On SQLite nobody else writes; on PostgreSQL somebody else may be making a job of the same key just now.
      if (db.is_postgresql()) db.exec(sql_for(db).lock_key, *key);
      if (const auto holder = db.maybe<job_id>(sql_for(db).key_holder, *key, created))
        return {.id = *holder, .is_new = false};
      if (chosen.unique_for.count() != 0) unique_until = created + chosen.unique_for.count();
    }
    const job_state state = scheduled > created ? job_state::scheduled : job_state::available;
    const std::span<const std::byte> payload = job.payload;
    return {.id = db.scalar<job_id>(sql_for(db).add, job.kind, to_string(state), chosen.priority,
                                    chosen.attempts_max, created, scheduled, unique_until, key, payload),
            .is_new = true};
  }

  static bool settle_one(monitored_session& db, const job_settlement& end, wall_time now) {
    const job_state to = detail::settled_state(end.event);
    const bool again = to == job_state::scheduled;
    const bool succeeded = end.event == job_event::succeed;
    const std::span<const std::byte> result =
        succeeded ? std::span(end.result) : std::span<const std::byte>();
    return db.exec(sql_for(db).settle, end.lease.id, end.lease.ticket, again, to_string(to),
                   detail::to_unix_ms(now), detail::to_unix_ms(end.at),
                   end.event == job_event::snooze ? 1 : 0, detail::kept_reason(end.reason), result,
                   succeeded ? std::optional(1.0) : std::nullopt) == 1;
  }

  session_pool& pool_;
  const options options_;
  job_bell bell_;
};
static_assert(job_store<sql_job_store>);

}  // namespace hasten
