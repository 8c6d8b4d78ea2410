// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/sql_job_store.hpp>
#include <hasten/workers/job_runner.hpp>

#include <catch2/catch_test_macros.hpp>

#include <poll.h>
#include <support/temporary_database.hpp>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// These processes are forked, so a test must have no thread and no open database when it does that.
namespace {

using namespace hasten;
using namespace std::chrono_literals;

steady_time soon() { return steady_clock_source::now() + 30s; }

struct database {
  query_monitor monitor;
  session_pool pool;
  sql_job_store store{pool, {.poll = 10ms}};

  explicit database(const std::string& path, std::chrono::milliseconds busy_timeout = 5s)
      : pool({.path = path, .readers = 3, .tuning = {.busy_timeout = busy_timeout}}, monitor) {}

  std::int64_t number(const char* text) {
    return pool.read(soon())->scalar<std::int64_t>({"t.number", text});
  }
};

constexpr statement add_effect{"t.effect", "INSERT INTO effects(job) VALUES(?1)"};
constexpr statement add_run{"t.run", "INSERT INTO runs(job) VALUES(?1)"};

void prepare(const std::string& path, int jobs) {
  database place(path);
  {
    auto db = place.pool.write(soon());
    db->script("t.tables",
               sql_job_store::schema(1).up +
                   "CREATE TABLE effects(job INTEGER NOT NULL); CREATE TABLE runs(job INTEGER NOT NULL)");
  }
  std::vector<new_job> all;
  for (int i = 0; i < jobs; ++i)
    all.push_back(make_job(i % 2 == 0 ? "exact" : "again", i, {.attempts_max = 1000}));
  place.store.enqueue(all, wall_clock_source::now());
}

// Two kinds: one settles itself with its effect, the other has its effect first and is settled by the runner.
struct worker {
  database place;
  worker_pool pool{{.threads = 2, .name = "w"}};
  job_runner<sql_job_store> runner{
      place.store, pool, {.name = "w", .in_hand_max = 16, .lease = 100ms, .upkeep = 20ms}};

  explicit worker(const std::string& path, std::chrono::milliseconds busy_timeout = 5s,
                  std::chrono::microseconds pace = 0us, int begun = -1)
      : place(path, busy_timeout) {
    const job_kind_options quick{.delays = {.first = 10ms, .most = 50ms}};
    runner.add<int>(
        "exact",
        [this, pace, begun](job_context& job, int) {
          if (begun >= 0) static_cast<void>(!::write(begun, "x", 1));
          std::this_thread::sleep_for(pace);
          auto db = place.pool.write(soon());
          transaction change(*db);
          db->exec(add_effect, job.job().id);
          place.store.settle_in(*db, {.lease = job.lease()}, wall_clock_source::now());
          change.commit();
          return job_outcome::settled();
        },
        quick);
    runner.add<int>(
        "again",
        [this, pace, begun](job_context& job, int) {
          if (begun >= 0) static_cast<void>(!::write(begun, "x", 1));
          std::this_thread::sleep_for(pace);
          place.pool.write(soon())->exec(add_run, job.job().id);
        },
        quick);
  }
};

// Runs `body` in a process of its own, which never comes back here.
pid_t fork_off(const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child > 0) return child;
  int status = 0;
  try {
    body();
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "child: %s\n", failure.what());
    status = 1;
  }
  ::_exit(status);
}

int wait_for(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

// Returns when a child has begun so many jobs, or has none left to begin.
void wait_for_jobs(int begun, std::size_t count) {
  pollfd readable{.fd = begun, .events = POLLIN, .revents = 0};
  for (char byte = 0; count > 0 && ::poll(&readable, 1, 1000) == 1 && ::read(begun, &byte, 1) == 1; --count) {
  }
}

// Works until all jobs have completed.
void finish(const std::string& path, std::int64_t jobs) {
  worker last(path);
  last.runner.start();
  const auto limit = steady_clock_source::now() + 1min;
  while (last.place.number("SELECT count(*) FROM hasten_jobs WHERE state = 'completed'") < jobs) {
    if (steady_clock_source::now() > limit) FAIL("some jobs never complete");
    std::this_thread::sleep_for(5ms);
  }
  CHECK(last.runner.drain(soon()).left == 0);
}

void kill_again_and_again(int kills, int jobs) {
  const temporary_database file;
  prepare(file.path(), jobs);
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int i = 0; i < kills; ++i) {
    std::array<int, 2> begun{};
    REQUIRE(::pipe(begun.data()) == 0);
    const pid_t child = fork_off([&] {
      worker mine(file.path(), 5s, 200us, begun[1]);
      mine.runner.start();
      ::pause();
    });
    ::close(begun[1]);
    // Somewhere within the life of a process, told by its work, because a busy machine may be slow to begin it.
    wait_for_jobs(begun[0], random() % 30);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 2'000));
    ::kill(child, SIGKILL);
    const int status = wait_for(child);
    ::close(begun[0]);
    REQUIRE(WIFSIGNALED(status));
  }
  finish(file.path(), jobs);
  database place(file.path());
  CHECK(place.number("SELECT count(*) FROM hasten_jobs") == jobs);
  CHECK(place.number("SELECT count(*) FROM effects") == jobs / 2);
  CHECK(place.number("SELECT count(DISTINCT job) FROM effects") == jobs / 2);
  CHECK(place.number("SELECT count(DISTINCT job) FROM runs") == jobs / 2);
  CHECK(place.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") == 1);
  // Deaths did take jobs from their workers, or this test shows nothing.
  CHECK(place.number("SELECT sum(ticket) - count(*) FROM hasten_jobs") > 0);
}

}  // namespace

TEST_CASE("after ten deaths of the process no job is lost, and no effect settled with its job is doubled") {
  kill_again_and_again(10, 400);
}

TEST_CASE("after a hundred deaths of the process two thousand jobs have run, none lost, none doubled",
          "[.slow]") {
  kill_again_and_again(100, 2000);
}

TEST_CASE("a database locked by another process delays jobs and loses none") {
  const temporary_database file;
  prepare(file.path(), 50);
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t other = fork_off([&] {
    database place(file.path());
    auto db = place.pool.write(soon());
    const transaction locking(*db);
    db->exec(add_run, 0);
    static_cast<void>(!::write(ready[1], "x", 1));
    std::this_thread::sleep_for(400ms);
  });
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  {
    worker mine(file.path(), 20ms);
    mine.runner.start();
    const auto limit = steady_clock_source::now() + 30s;
    while (mine.runner.stats().store_failures == 0 && steady_clock_source::now() < limit)
      std::this_thread::sleep_for(1ms);
    CHECK(mine.runner.stats().store_failures > 0);
    mine.runner.drain(steady_clock_source::now());
  }
  CHECK(wait_for(other) == 0);
  ::close(ready[0]);
  ::close(ready[1]);
  finish(file.path(), 50);
  database place(file.path());
  CHECK(place.number("SELECT count(*) FROM effects") == 25);
}

TEST_CASE("a process that is told to end drains within its deadline and leaves nothing running") {
  const temporary_database file;
  prepare(file.path(), 500);
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigset_t before;
  ::pthread_sigmask(SIG_BLOCK, &stop, &before);
  const pid_t child = fork_off([&] {
    worker mine(file.path(), 5s, 2ms);
    mine.runner.start();
    int taken = 0;
    ::sigwait(&stop, &taken);
    if (mine.runner.drain(steady_clock_source::now() + 5s).left != 0)
      throw std::runtime_error("jobs are left");
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  {
    database place(file.path());
    const auto limit = steady_clock_source::now() + 30s;
    while (place.number("SELECT count(*) FROM hasten_jobs WHERE state = 'completed'") < 20 &&
           steady_clock_source::now() < limit)
      std::this_thread::sleep_for(1ms);
  }
  const steady_time told = steady_clock_source::now();
  ::kill(child, SIGTERM);
  CHECK(wait_for(child) == 0);
  CHECK(steady_clock_source::now() - told < 6s);
  database place(file.path());
  CHECK(place.number("SELECT count(*) FROM hasten_jobs WHERE state = 'running'") == 0);
  CHECK(place.number("SELECT count(*) FROM hasten_jobs WHERE state = 'completed'") >= 20);
  CHECK(place.number("SELECT count(*) FROM effects") ==
        place.number("SELECT count(*) FROM hasten_jobs WHERE state = 'completed' AND kind = 'exact'"));
}
