// SPDX-License-Identifier: BSL-1.0
// Eight threads commit one row at a time to a file that waits for the disk (synchronous=FULL): each for itself, as one
// does with a busy timeout, and through a write_queue.
#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/write_queue.hpp>

#include <query/areas.hpp>
#include <query/raw.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <latch>
#include <string>
#include <thread>
#include <vector>

namespace hasten::bench {

namespace {

using namespace std::chrono_literals;

constexpr unsigned writers = 8;
constexpr statement add{"t.add", "INSERT INTO t(x) VALUES(?1)"};

struct tally {
  double per_second = 0;
  double least_share = 0;  // of the least-served thread, against an equal share
};

// Lets all threads write for a while; `write(thread)` returns whether it committed.
tally race(std::chrono::milliseconds span, const std::function<bool(unsigned)>& write) {
  std::vector<std::uint64_t> done(writers);
  std::atomic<bool> stop{false};
  std::latch ready(writers + 1);
  std::vector<std::jthread> running;
  for (unsigned each = 0; each < writers; ++each)
    running.emplace_back([&, each] {
      std::uint64_t committed = 0;
      ready.arrive_and_wait();
      while (!stop.load()) committed += write(each) ? 1 : 0;
      done[each] = committed;
    });
  ready.arrive_and_wait();
  const steady_time began = steady_clock_source::now();
  std::this_thread::sleep_for(span);
  stop.store(true);
  running.clear();
  const std::chrono::duration<double> took = steady_clock_source::now() - began;
  std::uint64_t sum = 0;
  for (const std::uint64_t each : done) sum += each;
  const double share = static_cast<double>(sum) / writers;
  return {.per_second = static_cast<double>(sum) / took.count(),
          .least_share = static_cast<double>(*std::min_element(done.begin(), done.end())) / share};
}

// A connection of its own for each thread, each transaction for itself, patience by the busy timeout.
class plain_writer {
 public:
  explicit plain_writer(const std::string& path) {
    sqlite3_open(path.c_str(), &handle_);
    sqlite3_busy_timeout(handle_, 5000);
    sqlite3_exec(handle_, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", nullptr, nullptr, nullptr);
    sqlite3_prepare_v2(handle_, "BEGIN IMMEDIATE", -1, &begin_, nullptr);
    sqlite3_prepare_v2(handle_, "INSERT INTO t(x) VALUES(1)", -1, &insert_, nullptr);
    sqlite3_prepare_v2(handle_, "COMMIT", -1, &commit_, nullptr);
  }
  plain_writer(const plain_writer&) = delete;
  plain_writer& operator=(const plain_writer&) = delete;
  ~plain_writer() {
    for (sqlite3_stmt* each : {begin_, insert_, commit_}) sqlite3_finalize(each);
    sqlite3_close(handle_);
  }
  bool write() { return run(begin_) && run(insert_) && run(commit_); }

 private:
  static bool run(sqlite3_stmt* what) {
    const int code = sqlite3_step(what);
    sqlite3_reset(what);
    return code == SQLITE_DONE;
  }

  sqlite3* handle_ = nullptr;
  sqlite3_stmt* begin_ = nullptr;
  sqlite3_stmt* insert_ = nullptr;
  sqlite3_stmt* commit_ = nullptr;
};

}  // namespace

void compare_writers(interleave& bench, const workplace& place) {
  const auto span = bench.quick() ? 400ms : 1000ms;
  const auto soon = [] { return steady_clock_source::now() + 30s; };
  query_monitor monitor;
  session_pool pool(
      {.path = place.file("queued.db"), .readers = 1, .tuning = {.sync = sqlite_tuning::synchronous::full}},
      monitor);
  pool.write(soon())->script("setup", "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER)");
  write_queue queue(pool);
  const std::string plain_path = place.file("plain.db");
  session_pool({.path = plain_path, .readers = 1}, monitor)
      .write(soon())
      ->script("setup", "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER)");
  std::vector<std::unique_ptr<plain_writer>> plain;
  for (unsigned each = 0; each < writers; ++each) plain.push_back(std::make_unique<plain_writer>(plain_path));

  std::vector<double> shares;
  double plain_share = 0;
  const auto result =
      bench.compare("8 threads that commit a row at a time, synchronous=FULL", "transactions/s",
                    {{"hasten, write_queue",
                      [&] {
                        const tally all = race(span, [&](unsigned thread) {
                          queue.run(soon(), [&](monitored_session& db) { db.exec(add, thread); });
                          return true;
                        });
                        shares.push_back(all.least_share);
                        return all.per_second;
                      }},
                     {"sqlite3, BEGIN IMMEDIATE, busy timeout", [&] {
                        const tally all = race(span, [&](unsigned thread) { return plain[thread]->write(); });
                        plain_share = all.least_share;
                        return all.per_second;
                      }}});
  std::sort(shares.begin(), shares.end());
  std::printf("  least-served thread, of an equal share: %.2f with the queue, %.2f without\n",
              shares[shares.size() / 2], plain_share);
  bench.ratio("query.sqlite.group_commit.vs_plain", result[0].median / result[1].median);
  bench.ratio("query.sqlite.group_commit.fairness", shares[shares.size() / 2]);
}

}  // namespace hasten::bench
