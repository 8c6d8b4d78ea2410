// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/detail/fork_deque.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/interleavings.hpp>

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

using hasten::detail::fork_deque;
using hasten::detail::fork_job;

namespace {

// An owner that pushes two jobs, pops one, pushes a third and pops all, with two thieves that try twice each.
constexpr std::array<bool, 6> owner_pushes{true, true, false, true, false, false};
constexpr int jobs = 3;

enum class at : std::uint8_t {
  next,
  lower,
  load_top,
  claim_last,
  raise,
  thief_top,
  thief_bottom,
  thief_claim,
  done
};

struct state {
  at owner = at::next;
  std::uint8_t act = 0;
  std::int8_t bottom_seen = 0;
  std::int8_t top_seen = 0;
  std::array<at, 2> thief{at::thief_top, at::thief_top};
  std::array<std::int8_t, 2> thief_top{};
  std::array<std::uint8_t, 2> tries{};
  std::int8_t top = 0;
  std::int8_t bottom = 0;
  std::uint8_t pushed = 0;
  std::array<std::int8_t, 4> slots{-1, -1, -1, -1};
  std::array<std::uint8_t, jobs> taken{};
  friend auto operator<=>(const state&, const state&) = default;
};

void take(state& now, std::int8_t from) {
  const std::int8_t job = now.slots[static_cast<std::size_t>(from)];
  if (job >= 0) ++now.taken[static_cast<std::size_t>(job)];
}

struct model {
  bool last_is_claimed;

  bool operator()(state& now, std::size_t thread) const {
    return thread == 0 ? step_of_owner(now) : step_of_thief(now, thread - 1);
  }

  bool step_of_owner(state& now) const {
    switch (now.owner) {
      case at::next:
        if (now.act == owner_pushes.size()) {
          now.owner = at::done;
        } else if (owner_pushes[now.act++]) {
          now.slots[static_cast<std::size_t>(now.bottom)] = static_cast<std::int8_t>(now.pushed++);
          ++now.bottom;  // with the slot one step: it is what publishes the slot
        } else {
          now.owner = at::lower;
        }
        return true;
      case at::lower:
        now.bottom_seen = --now.bottom;
        now.owner = at::load_top;
        return true;
      case at::load_top:
        now.top_seen = now.top;
        if (now.top_seen < now.bottom_seen) {
          take(now, now.bottom_seen);
          now.owner = at::next;
        } else {
          now.owner = now.top_seen == now.bottom_seen ? at::claim_last : at::raise;
        }
        return true;
      case at::claim_last:
        if (!last_is_claimed) {
          take(now, now.bottom_seen);
        } else if (now.top == now.top_seen) {
          ++now.top;
          take(now, now.bottom_seen);
        }
        now.owner = at::raise;
        return true;
      case at::raise:
        now.bottom = static_cast<std::int8_t>(now.bottom_seen + 1);
        now.owner = at::next;
        return true;
      default:
        return false;
    }
  }

  static bool step_of_thief(state& now, std::size_t self) {
    const auto over = [&] { now.thief[self] = ++now.tries[self] == 2 ? at::done : at::thief_top; };
    switch (now.thief[self]) {
      case at::thief_top:
        now.thief_top[self] = now.top;
        now.thief[self] = at::thief_bottom;
        return true;
      case at::thief_bottom:
        if (now.thief_top[self] < now.bottom) {
          now.thief[self] = at::thief_claim;
        } else {
          over();
        }
        return true;
      case at::thief_claim:
        if (now.top == now.thief_top[self]) {
          take(now, now.top);
          ++now.top;
        }
        over();
        return true;
      default:
        return false;
    }
  }
};

exploration explored(bool last_is_claimed) {
  std::vector<model_thread<state>> threads;
  for (std::size_t thread = 0; thread < 3; ++thread)
    threads.emplace_back(
        [=](state& now) { return model{last_is_claimed}(now, thread) ? stepped::on : stepped::finished; });
  return explore<state>({}, threads, [](const state& now, bool is_end) -> std::string {
    for (const std::uint8_t count : now.taken) {
      if (count > 1) return "taken twice";
      if (is_end && count == 0) return "lost";
    }
    return "";
  });
}

}  // namespace

TEST_CASE("in no interleaving is a fork taken twice or lost") {
  const exploration found = explored(true);
  CHECK(found.states > 1'000);
  CHECK(found.ends > 0);
  CHECK(found.violation.empty());
}

TEST_CASE("the walk finds the fork that two take when the owner does not claim the last one") {
  CHECK(explored(false).violation == "taken twice");
}

TEST_CASE("the owner gets the youngest fork, others the oldest") {
  fork_deque deque;
  std::array<fork_job, 3> made;
  for (fork_job& job : made) REQUIRE(deque.push(job));
  CHECK(deque.steal() == &made[0]);
  CHECK(deque.pop() == &made[2]);
  CHECK_FALSE(deque.is_empty());
  CHECK(deque.pop() == &made[1]);
  CHECK(deque.pop() == nullptr);
  CHECK(deque.steal() == nullptr);
  CHECK(deque.is_empty());
}

TEST_CASE("a full deque takes no more forks") {
  fork_deque deque;
  fork_job job;
  for (std::size_t i = 0; i < fork_deque::size_max; ++i) REQUIRE(deque.push(job));
  CHECK_FALSE(deque.push(job));
  REQUIRE(deque.pop() == &job);
  CHECK(deque.push(job));
}

TEST_CASE("an owner and two thieves take every fork once") {
  constexpr int rounds = 3'000;
  fork_deque deque;
  std::array<std::atomic<int>, rounds> taken{};
  std::vector<fork_job> made(rounds);
  std::atomic<bool> is_over{false};
  const auto count = [&](const fork_job* job) { ++taken[static_cast<std::size_t>(job - made.data())]; };
  std::vector<std::thread> thieves;
  for (int i = 0; i < 2; ++i) {
    thieves.emplace_back([&] {
      while (!is_over.load()) {
        if (fork_job* const job = deque.steal()) count(job);
      }
    });
  }
  for (std::size_t i = 0; i < made.size(); ++i) {
    while (!deque.push(made[i])) std::this_thread::yield();
    if (i % 3 != 0) {
      if (fork_job* const job = deque.pop()) count(job);
    }
  }
  while (fork_job* const job = deque.pop()) count(job);
  is_over = true;
  for (auto& thief : thieves) thief.join();
  for (const auto& each : taken) REQUIRE(each == 1);
}
