// SPDX-License-Identifier: BSL-1.0
#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/run_in_transaction.hpp>
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/transaction.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/postgresql_fixture.hpp>
#include <support/tcp_proxy.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using hasten::query_error_kind;
using hasten::statement;
using pool_options = hasten::postgresql_options;

constexpr statement one{"one", "SELECT 1"};

hasten::steady_time in(std::chrono::nanoseconds time) {
  return hasten::steady_clock_source::now() + std::chrono::duration_cast<hasten::steady_time::duration>(time);
}

query_error_kind kind_of(auto&& action) {
  try {
    action();
  } catch (const hasten::query_error& failure) {
    return failure.kind();
  }
  FAIL("nothing was thrown");
  throw std::logic_error("unreachable");
}

bool works(hasten::session_pool& pool) {
  try {
    return pool.write(in(30s))->one<int>(one) == 1;
  } catch (const hasten::query_error&) {
    return false;
  }
}

}  // namespace

TEST_CASE("a pool opens its sessions at once, with every timeout set, and lends them to read or to write") {
  const postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(
      pool_options{.connection = at.server.connection(), .statement_timeout = 1234ms, .lock_timeout = 567ms},
      monitor);
  CHECK(pool.stats().writer.created == 2);
  CHECK(pool.stats().writer.idle == 2);
  CHECK(pool.stats().writer.size_max == 10);
  {
    auto db = pool.write(in(10s));
    CHECK(db->one<std::string>({"a", "SHOW statement_timeout"}) == "1234ms");
    CHECK(db->one<std::string>({"b", "SHOW lock_timeout"}) == "567ms");
    CHECK(db->one<std::string>({"c", "SHOW idle_in_transaction_session_timeout"}) == "1min");
    CHECK(db->one<std::string>({"d", "SHOW application_name"}) == "hasten");
    CHECK(db->one<std::string>({"e", "SHOW TimeZone"}) == "UTC");
    db->script("setup", "CREATE TABLE t(x int)");
    auto reader = pool.read(in(10s));
    CHECK(kind_of([&] { reader->exec({"write", "INSERT INTO t VALUES(1)"}); }) ==
          query_error_kind::read_only);
    CHECK(reader->one<std::int64_t>({"count", "SELECT count(*) FROM t"}) == 0);
  }
  for (int turn = 0; turn < 3; ++turn) {
    auto db = turn % 2 == 0 ? pool.write(in(10s)) : pool.read(in(10s));
    if (turn % 2 == 0) CHECK(db->exec({"write", "INSERT INTO t VALUES(1)"}) == 1);
  }
  CHECK(pool.stats().writer.created == 2);
}

TEST_CASE("options that make no sense are refused without showing a connection") {
  hasten::query_monitor monitor;
  const auto refusal = [&](const pool_options& chosen) {
    try {
      hasten::session_pool pool(chosen, monitor);
    } catch (const std::invalid_argument& failure) {
      CHECK(std::string(failure.what()).find("hunter2") == std::string::npos);
      return true;
    }
    return false;
  };
  CHECK(refusal({.connection = "hunter2"}));
  CHECK(refusal({.connection = "password=hunter2 nonsense=1"}));
  CHECK(refusal({.replicas = {"hunter2"}}));
  CHECK(refusal({.sessions_max = 0}));
  CHECK(refusal({.sessions_min = 11}));
  CHECK(refusal({.connect_timeout = 1s}));
  CHECK(refusal({.statement_timeout = -1ms}));
  CHECK(refusal({.lock_timeout = 25h}));
  CHECK(refusal({.application_name = std::string(64, 'x')}));
}

TEST_CASE("a server that is down, has no room or refuses is told at once, each by its kind") {
  postgresql_fixture at({"max_connections=6", "superuser_reserved_connections=0"});
  hasten::query_monitor monitor;
  const auto connect = [&](const std::string& connection) {
    return kind_of([&] {
      hasten::session_pool pool(pool_options{.connection = connection, .sessions_min = 1}, monitor);
    });
  };
  {
    hasten::session_pool full(
        pool_options{.connection = at.server.connection(), .sessions_min = 6, .sessions_max = 8}, monitor);
    std::vector<hasten::session_lease> leases;
    for (int each = 0; each < 6; ++each) leases.push_back(full.read(in(10s)));
    CHECK(kind_of([&] { (void)full.read(in(10s)); }) == query_error_kind::too_many_connections);
    leases.pop_back();
    CHECK(full.read(in(10s))->one<int>(one) == 1);
  }
  CHECK(connect(at.server.connection() + " dbname=nowhere") == query_error_kind::database_down);
  at.server.stop();
  const auto began = hasten::steady_clock_source::now();
  CHECK(connect(at.server.connection()) == query_error_kind::database_down);
  CHECK(hasten::steady_clock_source::now() - began < 5s);
}

TEST_CASE(
    "after a restart of the server the pool serves again by itself, and no caller meets a dead session") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(pool_options{.connection = at.server.connection(), .sessions_min = 4}, monitor);
  for (const int signal : {SIGINT, SIGQUIT, SIGKILL}) {
    at.server.stop(signal);
    // After a kill -9 of their parent, the processes that serve the sessions live on for a moment, each its own.
    bool is_down = false;
    for (const auto give_up = in(60s); !is_down && hasten::steady_clock_source::now() < give_up;) {
      try {
        (void)pool.read(in(10s));
      } catch (const hasten::query_error& failure) {
        is_down = failure.kind() == query_error_kind::database_down;
      }
    }
    CHECK(is_down);
    at.server.start();
    std::vector<hasten::session_lease> leases;
    for (int each = 0; each < 4; ++each) {
      leases.push_back(pool.read(in(10s)));
      CHECK(leases.back()->one<int>(one) == 1);
    }
  }
  CHECK(pool.stats().writer.validation_failures >= 9);
}

TEST_CASE("a session whose connection is killed in the middle fails as lost and is not lent again") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(pool_options{.connection = at.server.connection()}, monitor);
  auto victim = pool.write(in(10s));
  const auto id = victim->one<int>({"pid", "SELECT pg_backend_pid()"});
  std::thread killer([&] {
    auto other = pool.write(in(10s));
    while (other->one<std::int64_t>(
               {"active", "SELECT count(*) FROM pg_stat_activity WHERE pid=?1 AND state='active'"}, id) == 0)
      std::this_thread::yield();
    (void)other->one<bool>({"kill", "SELECT pg_terminate_backend(?1)"}, id);
  });
  CHECK(kind_of([&] { victim->exec({"sleep", "SELECT pg_sleep(30)"}); }) ==
        query_error_kind::connection_lost);
  killer.join();
  CHECK(kind_of([&] { victim->exec(one); }) == query_error_kind::connection_lost);
  victim.release();
  CHECK(pool.stats().writer.discarded == 1);
  CHECK(pool.write(in(10s))->one<int>(one) == 1);
}

TEST_CASE("a server that dies in the middle of a statement is told as a lost connection") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(pool_options{.connection = at.server.connection()}, monitor);
  auto db = pool.write(in(10s));
  std::uint64_t rows = 0;
  const statement wide{"rows", "SELECT repeat('x', 10000) FROM generate_series(1, 10000000) AS g"};
  CHECK(kind_of([&] {
          db->each<std::string_view>(wide, [&](std::string_view&) {
            if (++rows == 10) at.server.kill();
          });
        }) == query_error_kind::connection_lost);
  CHECK(rows >= 10);
}

TEST_CASE("a network that swallows everything costs a caller its deadline and no more") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  tcp_proxy proxy(at.server.port());
  hasten::session_pool pool(pool_options{.connection = postgresql_server::connection_to(proxy.port()),
                                         .connect_timeout = 2s,
                                         .validate_after = 0ns},
                            monitor);
  auto db = pool.write(in(10s));
  CHECK(db->one<int>(one) == 1);
  proxy.set_black_hole(true);
  auto began = hasten::steady_clock_source::now();
  {
    const hasten::query_deadline limit(*db, in(300ms));
    CHECK(kind_of([&] { db->exec(one); }) == query_error_kind::timeout);
  }
  CHECK(hasten::steady_clock_source::now() - began < 4s);
  db.release();
  CHECK(pool.stats().writer.discarded == 1);
  // The other session is asked, does not answer, and a new one cannot be made.
  began = hasten::steady_clock_source::now();
  CHECK(kind_of([&] { (void)pool.write(in(10s)); }) == query_error_kind::database_down);
  CHECK(hasten::steady_clock_source::now() - began < 6s);
  proxy.set_black_hole(false);
  const auto give_up = in(60s);  // an attempt may still hang from before
  while (!works(pool) && hasten::steady_clock_source::now() < give_up) {
  }
  CHECK(works(pool));
}

TEST_CASE(
    "who waits for a connection to a network that swallows everything waits until the deadline and no "
    "longer") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  tcp_proxy proxy(at.server.port());
  hasten::session_pool pool(pool_options{.connection = postgresql_server::connection_to(proxy.port()),
                                         .sessions_min = 1,
                                         .sessions_max = 3,
                                         .connect_timeout = 20s,
                                         .validate_after = 0ns},
                            monitor);
  proxy.set_black_hole(true);
  // The first caller asks the session that is there; all of them then wait for new ones.
  for (int caller = 0; caller < 5; ++caller) {
    const auto deadline = in(200ms);
    const auto kind = kind_of([&] { (void)pool.write(deadline); });
    const auto late = hasten::steady_clock_source::now() - deadline;
    CHECK(kind == query_error_kind::database_down);
    CHECK(late < 10s);  // connecting would take 20
  }
  proxy.set_black_hole(false);
  proxy.cut();
  const auto give_up = in(60s);
  while (!works(pool) && hasten::steady_clock_source::now() < give_up) {
  }
  CHECK(works(pool));
}

TEST_CASE("a connection that came too late for its caller serves the next one") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  tcp_proxy proxy(at.server.port());
  hasten::session_pool pool(pool_options{.connection = postgresql_server::connection_to(proxy.port()),
                                         .sessions_min = 0,
                                         .connect_timeout = 60s},
                            monitor);
  proxy.set_hold(true);
  CHECK(kind_of([&] { (void)pool.write(in(50ms)); }) == query_error_kind::database_down);
  proxy.set_hold(false);
  CHECK(pool.write(in(60s))->one<int>(one) == 1);
  CHECK(pool.stats().writer.created == 1);
  CHECK(proxy.accepted() == 1);
}

TEST_CASE("a lease ends soon although the network swallows the rollback of what it left open") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  tcp_proxy proxy(at.server.port());
  hasten::session_pool pool(pool_options{.connection = postgresql_server::connection_to(proxy.port())},
                            monitor);
  auto db = pool.write(in(10s));
  db->script("begin", "BEGIN");
  proxy.set_black_hole(true);
  const auto began = hasten::steady_clock_source::now();
  db.release();
  CHECK(hasten::steady_clock_source::now() - began < 8s);
  CHECK(pool.stats().writer.discarded == 1);
}

TEST_CASE("a COMMIT whose answer is lost is not repeated") {
  postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool direct(pool_options{.connection = at.server.connection()}, monitor);
  direct.write(in(10s))->script("setup", "CREATE TABLE t(x int)");
  tcp_proxy proxy(at.server.port());
  hasten::session_pool pool(pool_options{.connection = postgresql_server::connection_to(proxy.port())},
                            monitor);
  auto db = pool.write(in(10s));
  for (int each = 0; each < 2; ++each)
    hasten::run_in_transaction(*db, [](auto& session) { session.exec(one); });
  int attempts = 0;
  CHECK(kind_of([&] {
          const hasten::query_deadline limit(*db, in(400ms));
          hasten::run_in_transaction(*db,
                                     [&](hasten::monitored_session& session) {
                                       ++attempts;
                                       session.exec({"add", "INSERT INTO t VALUES(1)"});
                                       proxy.set_mute(true);
                                     },
                                     {.attempts_max = 5});
        }) == query_error_kind::timeout);
  CHECK(attempts == 1);
  db.release();
  CHECK(direct.read(in(10s))->one<std::int64_t>({"count", "SELECT count(*) FROM t"}) == 1);
}

TEST_CASE("transactions that cannot be ordered and deadlocks are repeated whole") {
  const postgresql_fixture at({"deadlock_timeout=50ms"});
  hasten::query_monitor monitor;
  hasten::session_pool pool(pool_options{.connection = at.server.connection()}, monitor);
  pool.write(in(10s))->script(
      "setup", "CREATE TABLE t(id int PRIMARY KEY, x int); INSERT INTO t VALUES(1, 0), (2, 0)");
  constexpr statement look{"look", "SELECT sum(x) FROM t"};
  constexpr statement add{"add", "UPDATE t SET x = x + 1 WHERE id = ?1"};
  const auto both = [&](hasten::transaction_mode mode, auto&& work) {
    std::atomic<int> attempts{0};
    std::latch met(2);
    std::vector<std::thread> threads;
    for (int each = 1; each <= 2; ++each)
      threads.emplace_back([&, each] {
        auto db = pool.write(in(10s));
        bool first = true;
        hasten::run_in_transaction(*db,
                                   [&](hasten::monitored_session& session) {
                                     ++attempts;
                                     work(session, each, [&] {
                                       if (std::exchange(first, false)) met.arrive_and_wait();
                                     });
                                   },
                                   {.attempts_max = 20, .mode = mode});
      });
    for (std::thread& thread : threads) thread.join();
    return attempts.load();
  };
  CHECK(both(hasten::transaction_mode::serializable, [&](auto& session, int id, auto&& meet) {
          (void)session.template one<std::int64_t>(look);
          meet();
          session.exec(add, id);
        }) >= 3);
  CHECK(both(hasten::transaction_mode::write, [&](auto& session, int id, auto&& meet) {
          session.exec(add, id);
          meet();
          session.exec(add, 3 - id);
        }) >= 3);
  CHECK(pool.read(in(10s))->one<std::int64_t>(look) == 6);
}

TEST_CASE("waiting for a lock ends as busy") {
  const postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(pool_options{.connection = at.server.connection(), .lock_timeout = 50ms},
                            monitor);
  auto first = pool.write(in(10s));
  first->script("setup", "CREATE TABLE t(x int)");
  hasten::transaction holds(*first);
  first->exec({"lock", "LOCK TABLE t"});
  CHECK(kind_of([&] { pool.write(in(10s))->exec({"add", "INSERT INTO t VALUES(1)"}); }) ==
        query_error_kind::busy);
}

TEST_CASE("a lease that outlives its pool goes on working") {
  const postgresql_fixture at;
  hasten::query_monitor monitor;
  std::optional<hasten::session_pool> pool(std::in_place, pool_options{.connection = at.server.connection()},
                                           monitor);
  auto db = pool->read(in(10s));
  pool.reset();
  CHECK(db->one<int>(one) == 1);
}

TEST_CASE("sixty-four threads on four sessions: nobody waits beyond the deadline, nobody starves") {
  const postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(
      pool_options{.connection = at.server.connection(), .sessions_min = 4, .sessions_max = 4}, monitor);
  std::vector<std::uint64_t> served(64);
  std::atomic<std::int64_t> worst{0};
  std::atomic<std::uint64_t> late{0};
  const auto end = in(1500ms);
  {
    std::vector<std::thread> threads;
    for (std::size_t each = 0; each < served.size(); ++each)
      threads.emplace_back([&, each] {
        while (hasten::steady_clock_source::now() < end) {
          const auto deadline = in(200ms);
          try {
            auto db = pool.read(deadline);
            (void)db->one<int>(one);
            ++served[each];
          } catch (const hasten::error& failure) {
            if (failure.code() != hasten::errc::overloaded) throw;
            ++late;
            const auto over = (hasten::steady_clock_source::now() - deadline).count();
            std::int64_t known = worst.load();
            while (over > known && !worst.compare_exchange_weak(known, over)) {
            }
          }
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  CHECK(*std::min_element(served.begin(), served.end()) > 0);
  CHECK(std::chrono::nanoseconds(worst.load()) < 250ms);  // 50 ms, and what an overloaded machine adds
}

TEST_CASE("reads that may be a little old go to a replica that is near, and to the first server otherwise") {
  postgresql_fixture first({"cluster_name=first"});
  postgresql_fixture second({"cluster_name=second"});
  hasten::query_monitor monitor;
  for (postgresql_fixture* each : {&first, &second}) {
    hasten::session_pool direct(pool_options{.connection = each->server.connection()}, monitor);
    direct.write(in(10s))->script("setup", "CREATE TABLE lag(seconds float8); INSERT INTO lag VALUES(0)");
  }
  hasten::session_pool replica(pool_options{.connection = second.server.connection()}, monitor);
  const auto set_lag = [&](double seconds) {
    replica.write(in(10s))->exec({"lag", "UPDATE lag SET seconds = ?1"}, seconds);
  };
  hasten::session_pool pool(pool_options{.connection = first.server.connection(),
                                         .replicas = {second.server.connection()},
                                         .lag_max = 2s,
                                         .lag_every = 0ns,
                                         .lag_query = "SELECT seconds FROM lag"},
                            monitor);
  const auto where = [&] {
    return pool.read_replica(in(10s))->one<std::string>({"where", "SELECT current_setting('cluster_name')"});
  };
  CHECK(where() == "second");
  CHECK(kind_of([&] { pool.read_replica(in(10s))->exec({"w", "DELETE FROM lag"}); }) ==
        query_error_kind::read_only);
  set_lag(2.5);
  CHECK(where() == "first");
  set_lag(1.5);
  CHECK(where() == "second");
  CHECK(pool.read(in(10s))->one<std::string>({"where", "SELECT current_setting('cluster_name')"}) == "first");
  second.server.stop();
  CHECK(where() == "first");
  second.server.start();
  CHECK(where() == "second");
}

TEST_CASE("a server that follows none is no distance behind") {
  const postgresql_fixture at;
  hasten::query_monitor monitor;
  hasten::session_pool pool(
      pool_options{.connection = at.server.connection(), .replicas = {at.server.socket_connection()}},
      monitor);
  CHECK(pool.read_replica(in(10s))->one<bool>({"socket", "SELECT inet_client_addr() IS NULL"}));
}
