// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/workers/job_store.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// What every job store promises, as cases. A store's test calls job_store_suite() with a way to make an empty store;
/// it runs once for each section.
namespace hasten::conformance {

using namespace std::chrono_literals;

template <class Store>
class job_store_cases {
 public:
  explicit job_store_cases(Store& store) : store_(store) {}

  void run() {
    enqueueing();
    unique_keys();
    claiming();
    leases();
    settling();
    cancelling();
    rescuing();
    retrying();
    cleaning();
    listing();
    waiting();
    contention();
  }

 private:
  static new_job of(std::string kind, job_options chosen = {}) {
    return {
        .kind = std::move(kind), .payload = {std::byte{1}, std::byte{0}, std::byte{255}}, .options = chosen};
  }
  enqueued_job put(const new_job& job) { return store_.enqueue(std::array{job}, clock_.now()).at(0); }
  job_id put_id(const std::string& kind, job_options chosen = {}) { return put(of(kind, chosen)).id; }

  std::vector<job_record> take(std::vector<job_room> rooms, std::size_t count_max = 100) {
    return store_.take({.rooms = rooms,
                        .count_max = count_max,
                        .now = clock_.now(),
                        .lease_until = clock_.now() + 30s,
                        .worker = "one"});
  }
  job_record take_one(const std::string& kind = "mail") {
    auto taken = take({{kind, 1}});
    REQUIRE(taken.size() == 1);
    return taken.front();
  }
  bool settle(job_settlement end) { return store_.settle(std::array{std::move(end)}, clock_.now()).at(0); }
  bool finish(const job_record& job) { return settle({.lease = job.lease()}); }
  job_id dead_job() {
    put_id("mail", {.attempts_max = 1});
    const job_record job = take_one();
    REQUIRE(settle({.lease = job.lease(), .event = job_event::exhaust, .reason = "no such street"}));
    return job.id;
  }
  job_record read(job_id id) {
    const auto found = store_.get(id);
    REQUIRE(found.has_value());
    return *found;
  }
  job_state state(job_id id) { return read(id).state; }

  void enqueueing() {
    SECTION("a job can be read back as it was enqueued") {
      const enqueued_job made = put(of("mail", {.priority = 2, .attempts_max = 7, .unique_key = "k"}));
      CHECK(made.is_new);
      const job_record job = read(made.id);
      CHECK(job.kind == "mail");
      CHECK(job.state == job_state::available);
      CHECK(job.priority == 2);
      CHECK(job.attempts_max == 7);
      CHECK(job.attempt == 0);
      CHECK(job.unique_key == "k");
      CHECK(job.payload == std::vector{std::byte{1}, std::byte{0}, std::byte{255}});
      CHECK(job.result.empty());
      CHECK(job.created_at == clock_.now());
      CHECK(job.scheduled_at == clock_.now());
      CHECK_FALSE(job.finished_at);
      CHECK_FALSE(job.lease_until);
      CHECK_FALSE(job.cancel_requested);
    }
    SECTION("an unknown job is nothing") {
      CHECK_FALSE(store_.get(4711));
      CHECK_FALSE(store_.cancel(4711, clock_.now()));
      CHECK_FALSE(store_.retry(4711, clock_.now()));
      CHECK_FALSE(store_.discard(4711));
    }
    SECTION("several jobs are made at once, in order, each with an id of its own") {
      const auto made = store_.enqueue(std::array{of("a"), of("b"), of("a")}, clock_.now());
      REQUIRE(made.size() == 3);
      CHECK(made[0].id < made[1].id);
      CHECK(made[1].id < made[2].id);
      CHECK(read(made[1].id).kind == "b");
    }
    SECTION("a job out of range is refused by name, and none of its batch is made") {
      using Catch::Matchers::Message;
      const auto refused = [&](const new_job& bad, const std::string& sentence) {
        CHECK_THROWS_MATCHES(store_.enqueue(std::array{of("good"), bad}, clock_.now()), std::invalid_argument,
                             Message(sentence));
      };
      refused(of("a", {.priority = 0}), "new_job: priority must be 1..9, got 0");
      refused(of("a", {.attempts_max = 0}), "new_job: attempts_max must be 1..1000, got 0");
      refused(of("a b"), "new_job: kind must be 1..64 letters, digits, '.', '_' or '-'");
      refused(of("a", {.unique_for = 1s}), "new_job: unique_for needs a unique_key");
      new_job large = of("a");
      large.payload.resize(job_payload_size_max + 1);
      refused(large, "new_job: payload must have 0..1048576 bytes, got 1048577");
      CHECK(store_.counts(10)[job_state::available] == 0);
    }
  }

  void unique_keys() {
    SECTION("a key keeps a second job out until the first is finished") {
      const enqueued_job first = put(of("mail", {.unique_key = "daily"}));
      const enqueued_job second = put(of("mail", {.unique_key = "daily"}));
      CHECK_FALSE(second.is_new);
      CHECK(second.id == first.id);
      const job_record running = take_one();
      CHECK_FALSE(put(of("mail", {.unique_key = "daily"})).is_new);
      REQUIRE(finish(running));
      CHECK(put(of("mail", {.unique_key = "daily"})).is_new);
      CHECK(put(of("mail", {.unique_key = "other"})).is_new);
    }
    SECTION("a key with a window also keeps out what comes after the first is finished, for so long") {
      put(of("mail", {.unique_key = "hourly", .unique_for = 1h}));
      REQUIRE(finish(take_one()));
      clock_.advance(59min);
      CHECK_FALSE(put(of("mail", {.unique_key = "hourly", .unique_for = 1h})).is_new);
      clock_.advance(1min);
      CHECK(put(of("mail", {.unique_key = "hourly", .unique_for = 1h})).is_new);
    }
    SECTION("a key counts within one batch, too") {
      const auto made = store_.enqueue(std::array{of("a", {.unique_key = "k"}), of("a", {.unique_key = "k"})},
                                       clock_.now());
      CHECK(made[0].is_new);
      CHECK_FALSE(made[1].is_new);
      CHECK(made[1].id == made[0].id);
    }
  }

  void claiming() {
    SECTION("the lowest priority comes first, then the earliest, then the oldest") {
      const job_id late = put_id("mail", {.priority = 5});
      const job_id urgent = put_id("mail", {.priority = 1});
      const job_id other_kind = put_id("fax", {.priority = 3});
      clock_.advance(1s);
      const job_id later = put_id("mail", {.priority = 5});
      std::vector<job_id> order;
      for (int i = 0; i < 4; ++i) order.push_back(take({{"mail", 9}, {"fax", 9}}, 1).at(0).id);
      CHECK(order == std::vector{urgent, other_kind, late, later});
      CHECK(take({{"mail", 9}}).empty());
    }
    SECTION("no more of a kind are taken than there is room for, nor of kinds that were not asked for") {
      for (int i = 0; i < 5; ++i) put_id("mail");
      for (int i = 0; i < 5; ++i) put_id("fax");
      put_id("telex");
      CHECK(take({{"mail", 2}, {"fax", 0}}).size() == 2);
      CHECK(take({{"mail", 9}, {"fax", 9}}, 4).size() == 4);
      CHECK(take({}).empty());
      CHECK(store_.counts(100)[job_state::available] == 5);
    }
    SECTION("a taken job carries its lease, its attempt and its payload") {
      put_id("mail");
      const job_record job = take_one();
      CHECK(job.state == job_state::running);
      CHECK(job.attempt == 1);
      CHECK(job.ticket == 1);
      CHECK(job.worker == "one");
      CHECK(job.lease_until == clock_.now() + 30s);
      CHECK(job.taken_at == clock_.now());
      CHECK(job.payload.size() == 3);
      const job_record stored = read(job.id);
      CHECK(stored.state == job_state::running);
      CHECK(stored.lease() == job.lease());
      CHECK(stored.lease_until == job.lease_until);
    }
    SECTION("a planned job is taken when its time has come, and not before") {
      const job_id id = put_id("mail", {.at = clock_.now() + 10s});
      CHECK(state(id) == job_state::scheduled);
      CHECK(store_.next_due() == clock_.now() + 10s);
      CHECK(take({{"mail", 1}}).empty());
      clock_.advance(10s);
      CHECK(take_one().id == id);
      CHECK_FALSE(store_.next_due());
    }
    SECTION("a job planned for the past is ready at once") {
      CHECK(state(put_id("mail", {.at = clock_.now() - 1h})) == job_state::available);
    }
  }

  void leases() {
    SECTION("a sign of life renews the lease and reports progress") {
      put_id("mail");
      const job_record job = take_one();
      clock_.advance(20s);
      const auto beat = std::array{job_beat{.lease = job.lease(), .progress = 0.25}};
      CHECK(store_.extend(beat, clock_.now() + 30s) == std::vector{beat_answer::held});
      CHECK(read(job.id).lease_until == clock_.now() + 30s);
      CHECK(read(job.id).progress == 0.25);
      clock_.advance(25s);
      CHECK(store_.rescue(clock_.now(), 1h, 100).rescued == 0);
    }
    SECTION("signs of life of a job that is settled or somebody else's are answered: lost") {
      put_id("mail", {.attempts_max = 9});
      const job_record first = take_one();
      clock_.advance(31s);
      REQUIRE(store_.rescue(clock_.now(), 1h, 100).rescued == 1);
      const job_record second = take_one();
      CHECK(second.id == first.id);
      const auto beats = std::array{job_beat{.lease = first.lease()}, job_beat{.lease = second.lease()}};
      CHECK(store_.extend(beats, clock_.now() + 30s) == std::vector{beat_answer::lost, beat_answer::held});
      REQUIRE(finish(second));
      CHECK(store_.extend(beats, clock_.now() + 30s) == std::vector{beat_answer::lost, beat_answer::lost});
    }
  }

  void settling() {
    SECTION("a completed job keeps its result") {
      put_id("mail");
      const job_record job = take_one();
      clock_.advance(2s);
      CHECK(settle({.lease = job.lease(), .result = {std::byte{42}}}));
      const job_record stored = read(job.id);
      CHECK(stored.state == job_state::completed);
      CHECK(stored.result == std::vector{std::byte{42}});
      CHECK(stored.finished_at == clock_.now());
      CHECK(stored.progress == 1);
      CHECK_FALSE(stored.lease_until);
    }
    SECTION("a failed job is tried again at the time given, and its reason is kept") {
      put_id("mail");
      const job_record job = take_one();
      CHECK(settle({.lease = job.lease(),
                    .event = job_event::fail,
                    .at = clock_.now() + 5s,
                    .reason = std::string(600, 'x')}));
      CHECK(state(job.id) == job_state::scheduled);
      CHECK(read(job.id).reason == std::string(500, 'x'));
      clock_.advance(5s);
      const job_record again = take_one();
      CHECK(again.attempt == 2);
      CHECK(again.ticket == 2);
    }
    SECTION("an exhausted job is dead, with its reason") {
      const job_record dead = read(dead_job());
      CHECK(dead.state == job_state::dead);
      CHECK(dead.reason == "no such street");
      CHECK(dead.finished_at == clock_.now());
    }
    SECTION("a snoozed job gets its attempt back") {
      put_id("mail", {.attempts_max = 1});
      for (int i = 0; i < 3; ++i) {
        const job_record job = take_one();
        CHECK(job.attempt == 1);
        CHECK(settle({.lease = job.lease(), .event = job_event::snooze, .at = clock_.now() + 1min}));
        CHECK(state(job.id) == job_state::scheduled);
        clock_.advance(1min);
      }
      CHECK(take_one().ticket == 4);
    }
    SECTION("who lost a job cannot settle it any more, not even after it was snoozed and taken again") {
      put_id("mail");
      const job_record first = take_one();
      REQUIRE(settle({.lease = first.lease(), .event = job_event::snooze, .at = clock_.now()}));
      const job_record second = take_one();
      CHECK(second.attempt == first.attempt);
      CHECK_FALSE(finish(first));
      CHECK(state(first.id) == job_state::running);
      CHECK(finish(second));
      CHECK_FALSE(finish(second));
    }
    SECTION("several jobs are settled at once, each by itself") {
      put_id("mail");
      put_id("mail");
      const auto jobs = take({{"mail", 2}});
      const std::array ends{job_settlement{.lease = jobs[0].lease()},
                            job_settlement{.lease = {.id = 4711, .ticket = 1}},
                            job_settlement{.lease = jobs[1].lease(), .event = job_event::exhaust}};
      CHECK(store_.settle(ends, clock_.now()) == std::vector{true, false, true});
      CHECK(state(jobs[0].id) == job_state::completed);
      CHECK(state(jobs[1].id) == job_state::dead);
    }
    SECTION("an event that ends no attempt is refused, and nothing of its batch happens") {
      put_id("mail");
      const job_record job = take_one();
      for (const job_event event :
           {job_event::due, job_event::take, job_event::rescue, job_event::abandon, job_event::retry}) {
        const std::array ends{job_settlement{.lease = job.lease()},
                              job_settlement{.lease = job.lease(), .event = event}};
        CHECK_THROWS_AS(store_.settle(ends, clock_.now()), std::invalid_argument);
      }
      CHECK(state(job.id) == job_state::running);
    }
  }

  void cancelling() {
    SECTION("a waiting job is cancelled at once") {
      const job_id ready = put_id("mail");
      const job_id planned = put_id("mail", {.at = clock_.now() + 1h});
      CHECK(store_.cancel(ready, clock_.now()) == job_state::cancelled);
      CHECK(store_.cancel(planned, clock_.now()) == job_state::cancelled);
      CHECK(read(ready).finished_at == clock_.now());
      CHECK_FALSE(store_.next_due());
      CHECK(take({{"mail", 9}}).empty());
    }
    SECTION("a running job is asked to end, and told with its next sign of life") {
      put_id("mail");
      const job_record job = take_one();
      CHECK(store_.cancel(job.id, clock_.now()) == job_state::running);
      CHECK(read(job.id).cancel_requested);
      const auto beat = std::array{job_beat{.lease = job.lease()}};
      CHECK(store_.extend(beat, clock_.now() + 30s) == std::vector{beat_answer::cancel_requested});
      CHECK(settle({.lease = job.lease(), .event = job_event::cancel}));
      CHECK(state(job.id) == job_state::cancelled);
    }
    SECTION("a job that is to end is not tried again, but may complete") {
      for (const job_event event : {job_event::fail, job_event::snooze, job_event::succeed}) {
        put_id("mail");
        const job_record job = take_one();
        REQUIRE(store_.cancel(job.id, clock_.now()));
        CHECK(settle({.lease = job.lease(), .event = event, .at = clock_.now() + 1s}));
        CHECK(state(job.id) == (event == job_event::succeed ? job_state::completed : job_state::cancelled));
      }
    }
    SECTION("a job that is to end and lost its worker has ended") {
      put_id("mail");
      const job_record job = take_one();
      REQUIRE(store_.cancel(job.id, clock_.now()));
      clock_.advance(31s);
      CHECK(store_.rescue(clock_.now(), 1h, 100).ended == 1);
      CHECK(state(job.id) == job_state::cancelled);
    }
    SECTION("a finished job stays what it is") {
      put_id("mail");
      const job_record job = take_one();
      REQUIRE(finish(job));
      CHECK(store_.cancel(job.id, clock_.now()) == job_state::completed);
    }
  }

  void rescuing() {
    SECTION("only jobs whose lease ran out are rescued") {
      put_id("mail");
      put_id("fax");
      const job_record lost = take_one("mail");
      clock_.advance(20s);
      const job_record alive = take_one("fax");
      clock_.advance(11s);
      const rescue_report report = store_.rescue(clock_.now(), 1h, 100);
      CHECK(report.rescued == 1);
      CHECK(report.ended == 0);
      CHECK(state(lost.id) == job_state::available);
      CHECK(read(lost.id).reason == job_worker_lost);
      CHECK(state(alive.id) == job_state::running);
      CHECK(take_one("mail").attempt == 2);
    }
    SECTION("a job that kills its worker each time ends among the dead") {
      const job_id poison = put_id("mail", {.attempts_max = 3});
      for (int i = 0; i < 2; ++i) {
        take_one();
        clock_.advance(31s);
        CHECK(store_.rescue(clock_.now(), 1h, 100).rescued == 1);
      }
      take_one();
      clock_.advance(31s);
      CHECK(store_.rescue(clock_.now(), 1h, 100).ended == 1);
      CHECK(state(poison) == job_state::dead);
      CHECK(read(poison).reason == job_worker_lost);
      CHECK(read(poison).finished_at == clock_.now());
      CHECK(take({{"mail", 1}}).empty());
    }
    SECTION("a lease far in the future, from a clock that was wrong, has run out") {
      put_id("mail");
      const job_record job = take_one();
      clock_.advance(-3h);
      CHECK(store_.rescue(clock_.now(), 1h, 100).rescued == 1);
      CHECK(state(job.id) == job_state::available);
    }
    SECTION("no more are rescued at once than asked for") {
      for (int i = 0; i < 5; ++i) put_id("mail");
      REQUIRE(take({{"mail", 5}}).size() == 5);
      clock_.advance(31s);
      CHECK(store_.rescue(clock_.now(), 1h, 2).rescued == 2);
      CHECK(store_.rescue(clock_.now(), 1h, 100).rescued == 3);
    }
  }

  void retrying() {
    SECTION("a dead job that is retried counts its attempts anew and keeps the reason") {
      const job_id id = dead_job();
      CHECK(store_.retry(id, clock_.now()));
      const job_record waiting = read(id);
      CHECK(waiting.state == job_state::available);
      CHECK(waiting.attempt == 0);
      CHECK(waiting.reason == "no such street");
      CHECK_FALSE(waiting.finished_at);
      const job_record again = take_one();
      CHECK(again.attempt == 1);
      CHECK(again.ticket == 2);
    }
    SECTION("a cancelled job can be retried; a waiting, running or completed one cannot") {
      const job_id id = put_id("mail");
      CHECK_FALSE(store_.retry(id, clock_.now()));
      REQUIRE(store_.cancel(id, clock_.now()));
      CHECK(store_.retry(id, clock_.now()));
      const job_record job = take_one();
      CHECK_FALSE(job.cancel_requested);
      CHECK_FALSE(store_.retry(id, clock_.now()));
      REQUIRE(finish(job));
      CHECK_FALSE(store_.retry(id, clock_.now()));
    }
    SECTION("finished jobs can be discarded, others cannot") {
      const job_id waiting = put_id("fax");
      CHECK_FALSE(store_.discard(waiting));
      const job_record running = take_one("fax");
      CHECK_FALSE(store_.discard(running.id));
      const job_id dead = dead_job();
      CHECK(store_.discard(dead));
      CHECK_FALSE(store_.get(dead));
      CHECK_FALSE(store_.discard(dead));
    }
  }

  void cleaning() {
    SECTION("finished jobs are forgotten after their time, and no others") {
      const job_id dead = dead_job();
      put_id("mail");
      const job_record done = take_one();
      REQUIRE(finish(done));
      const job_id waiting = put_id("mail", {.at = clock_.now() + 99h});
      const job_retention keep{.completed = 1h, .cancelled = 1h, .dead = 2h};
      clock_.advance(1h);
      CHECK(store_.remove_finished(keep, clock_.now(), 100) == 0);
      clock_.advance(1ms);
      CHECK(store_.remove_finished(keep, clock_.now(), 100) == 1);
      CHECK_FALSE(store_.get(done.id));
      CHECK(store_.remove_finished({.dead = 0ms}, clock_.now() + 1000h, 100) == 0);
      CHECK(store_.remove_finished(keep, clock_.now() + 2h, 100) == 1);
      CHECK_FALSE(store_.get(dead));
      CHECK(state(waiting) == job_state::scheduled);
    }
    SECTION("no more are forgotten at once than asked for") {
      for (int i = 0; i < 5; ++i)
        REQUIRE(store_.cancel(put_id("mail"), clock_.now()) == job_state::cancelled);
      clock_.advance(25h);
      CHECK(store_.remove_finished({}, clock_.now(), 3) == 3);
      CHECK(store_.remove_finished({}, clock_.now(), 3) == 2);
    }
    SECTION("a job whose key still keeps others out is not forgotten") {
      put_id("mail", {.unique_key = "k", .unique_for = 48h});
      REQUIRE(finish(take_one()));
      clock_.advance(47h);
      CHECK(store_.remove_finished({}, clock_.now(), 100) == 0);
      clock_.advance(2h);
      CHECK(store_.remove_finished({}, clock_.now(), 100) == 1);
      CHECK(put(of("mail", {.unique_key = "k"})).is_new);
    }
  }

  void listing() {
    SECTION("listings go from the newest to the oldest, in pages, without payloads") {
      std::vector<job_id> newest_first;
      for (int i = 0; i < 5; ++i) newest_first.insert(newest_first.begin(), put_id("mail"));
      put_id("mail", {.at = clock_.now() + 1h});
      std::vector<job_id> found;
      job_query query{.size = 2};
      for (auto page = store_.list(query); !page.empty(); page = store_.list(query)) {
        CHECK(page.size() <= 2);
        for (const job_record& each : page) {
          found.push_back(each.id);
          CHECK(each.kind == "mail");
          CHECK(each.payload.empty());
        }
        query.before = found.back();
      }
      CHECK(found == newest_first);
    }
    SECTION("a listing of no or too many rows is refused") {
      CHECK_THROWS_AS(store_.list({.size = 0}), std::invalid_argument);
      CHECK_THROWS_AS(store_.list({.size = 1001}), std::invalid_argument);
    }
    SECTION("jobs are counted by state, up to a bound") {
      for (int i = 0; i < 5; ++i) put_id("mail");
      put_id("mail", {.at = clock_.now() + 1h});
      take_one();
      const job_counts counts = store_.counts(3);
      CHECK(counts[job_state::available] == 3);
      CHECK(counts[job_state::scheduled] == 1);
      CHECK(counts[job_state::running] == 1);
      CHECK(counts[job_state::dead] == 0);
    }
  }

  void waiting() {
    SECTION("a runner that waits hears of a new job, also of one that came before it waited") {
      auto watch = store_.watch();
      watch.wait_until(steady_clock_source::now());  // whatever the store said when it was made
      put_id("mail");
      watch.wait_until(steady_clock_source::now() + 1h);  // would hang here
      std::thread other([&] { put_id("mail"); });
      watch.wait_until(steady_clock_source::now() + 1h);
      other.join();
      watch.wake();
      watch.wait_until(steady_clock_source::now() + 1h);
    }
  }

  void contention() {
    SECTION("however many take at once, each job is taken once") {
      std::vector<new_job> jobs(200, of("mail"));
      store_.enqueue(jobs, clock_.now());
      std::array<std::vector<job_record>, 4> taken;
      std::vector<std::thread> threads;
      for (auto& mine : taken)
        threads.emplace_back([&] {
          const std::array rooms{job_room{"mail", 7}};
          for (;;) {
            auto some = store_.take({.rooms = rooms,
                                     .count_max = 7,
                                     .now = clock_.now(),
                                     .lease_until = clock_.now() + 30s,
                                     .worker = "many"});
            if (some.empty()) return;
            for (auto& each : some) mine.push_back(std::move(each));
          }
        });
      for (auto& each : threads) each.join();
      std::set<job_id> ids;
      std::size_t count = 0;
      for (const auto& mine : taken)
        for (const job_record& each : mine) {
          ids.insert(each.id);
          ++count;
        }
      CHECK(ids.size() == 200);
      CHECK(count == 200);
    }
  }

  Store& store_;
  manual_wall_clock clock_;
};

/// To be called once in a test case whose `store` is empty each time.
template <job_store Store>
void job_store_suite(Store& store) {
  job_store_cases<Store>(store).run();
}

}  // namespace hasten::conformance
