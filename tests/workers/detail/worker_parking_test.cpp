// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/detail/worker_parking.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <atomic>
#include <barrier>
#include <cstdint>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

namespace {

// A model of the protocol in which every thread takes one sequentially consistent step at a time, so that a
// depth-first walk visits every interleaving there is. The steps carry the names used in the header.
constexpr int producers = 2;
constexpr int workers = 2;

enum class at : std::uint8_t {
  // producer
  claim,           // P1
  load_sleeping,   // P2
  load_searching,  // P3
  wake_lock,       // wake_one(), one step: its body is under the lock
  done,
  // worker
  running,  // between tasks: takes an element if there is one
  start_search,
  look,         // searching, takes an element if there is one
  stop_search,  // found one: the decrement
  stop_look,    // the last searcher looks at the queue
  stop_wake,    // wake_one()
  park,         // W1 and the lock
  park_look,    // W2, still under the lock
  asleep,
};

struct state {
  std::array<at, producers + workers> where{};
  int queued = 0;
  int taken = 0;
  int sleeping = 0;
  int searching = 0;
  int lock_owner = -1;

  auto key() const { return std::tie(where, queued, taken, sleeping, searching, lock_owner); }
  bool operator<(const state& other) const { return key() < other.key(); }
};

class model {
 public:
  explicit model(bool looks_before_sleeping) : looks_before_sleeping_(looks_before_sleeping) {
    state start;
    start.where = {at::claim, at::claim, at::running, at::running};
    visit(start);
  }

  std::size_t states() const { return seen_.size(); }
  int ends() const { return ends_; }
  int ends_with_work_left() const { return lost_; }

 private:
  void visit(const state& now) {
    if (!seen_.insert(now).second) return;
    bool moved = false;
    for (std::size_t thread = 0; thread < now.where.size(); ++thread) {
      state next = now;
      if (step(next, thread)) {
        moved = true;
        visit(next);
      }
    }
    if (moved) return;
    ++ends_;  // every producer is done and every worker asleep
    if (now.queued != 0) ++lost_;
  }

  static bool lock_is_free(const state& s) { return s.lock_owner < 0; }

  static void wake_one(state& s) {
    if (s.sleeping == 0 || s.searching != 0) return;
    for (std::size_t thread = producers; thread < s.where.size(); ++thread) {
      if (s.where[thread] != at::asleep) continue;
      s.where[thread] = at::look;
      ++s.searching;
      --s.sleeping;
      return;
    }
  }

  // Returns: false if the thread cannot move.
  bool step(state& s, std::size_t thread) const {
    at& here = s.where[thread];
    switch (here) {
      case at::claim:
        ++s.queued;
        here = at::load_sleeping;
        return true;
      case at::load_sleeping:
        here = s.sleeping != 0 ? at::load_searching : at::done;
        return true;
      case at::load_searching:
        here = s.searching == 0 ? at::wake_lock : at::done;
        return true;
      case at::wake_lock:
        if (!lock_is_free(s)) return false;
        here = at::done;
        wake_one(s);
        return true;
      case at::done:
      case at::asleep:
        return false;
      case at::running:
        if (take(s)) return true;  // and runs it: between tasks again
        here = at::start_search;
        return true;
      case at::start_search:
        ++s.searching;
        here = at::look;
        return true;
      default:
        return step_of_searcher(s, thread);
    }
  }

  bool step_of_searcher(state& s, std::size_t thread) const {
    at& here = s.where[thread];
    switch (here) {
      case at::look:
        here = take(s) ? at::stop_search : at::park;
        return true;
      case at::stop_search:
        here = --s.searching == 0 ? at::stop_look : at::running;
        return true;
      case at::stop_look:
        here = s.sleeping != 0 && s.queued != 0 ? at::stop_wake : at::running;
        return true;
      case at::stop_wake:
        if (!lock_is_free(s)) return false;
        here = at::running;
        wake_one(s);
        return true;
      case at::park:
        if (!lock_is_free(s)) return false;
        s.lock_owner = static_cast<int>(thread);
        ++s.sleeping;
        --s.searching;
        here = at::park_look;
        return true;
      case at::park_look:
        s.lock_owner = -1;
        if (looks_before_sleeping_ && s.queued != 0) {
          --s.sleeping;
          ++s.searching;
          here = at::look;
        } else {
          here = at::asleep;
        }
        return true;
      default:
        return false;
    }
  }

  static bool take(state& s) {
    if (s.queued == 0) return false;
    --s.queued;
    ++s.taken;
    return true;
  }

  const bool looks_before_sleeping_;
  std::set<state> seen_;
  int ends_ = 0;
  int lost_ = 0;
};

}  // namespace

TEST_CASE("in no interleaving do all workers sleep while there is work") {
  const model walk(true);
  CHECK(walk.states() > 1'000);
  CHECK(walk.ends() > 0);
  CHECK(walk.ends_with_work_left() == 0);
}

TEST_CASE("the walk finds the lost wake-up of a worker that does not look before it sleeps") {
  const model walk(false);
  CHECK(walk.ends_with_work_left() > 0);
}

TEST_CASE("a worker that finds work while lying down does not sleep") {
  hasten::detail::worker_parking parking(1);
  hasten::detail::worker_parking::bed bed;
  parking.start_search();
  CHECK_FALSE(parking.park(bed, [] { return true; }));
  CHECK(parking.sleeping() == 0);
}

TEST_CASE("one token passed between threads that sleep in between never gets stuck") {
  // Each thread sleeps until the token is its own, and then puts the next one to work: one lost wake-up in
  // any of the rounds and this test hangs.
  constexpr int threads = 2;
  constexpr int rounds = 3'000;
  std::array<hasten::detail::worker_parking, threads> parkings{hasten::detail::worker_parking(1),
                                                               hasten::detail::worker_parking(1)};
  std::array<std::atomic<int>, threads> work{};
  std::array<hasten::detail::worker_parking::bed, threads> beds;  // outlives whoever may still be waking it
  std::vector<std::thread> running;
  for (std::size_t self = 0; self < threads; ++self) {
    running.emplace_back([&, self] {
      const auto has_work = [&] { return work[self].load() != 0; };
      const std::size_t other = 1 - self;
      for (int round = 0; round < rounds; ++round) {
        parkings[self].start_search();
        while (!has_work()) parkings[self].park(beds[self], has_work);
        parkings[self].stop_search(has_work);
        work[self].fetch_sub(1);
        work[other].fetch_add(1);
        parkings[other].work_arrived();
      }
    });
  }
  work[0].fetch_add(1);
  parkings[0].work_arrived();
  for (auto& thread : running) thread.join();
  CHECK(work[0] + work[1] == 1);
}
