// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace test_support {

/// What a walk over all interleavings of a model came to.
struct walk_result {
  std::size_t states = 0;  ///< distinct states
  std::size_t ends = 0;    ///< of them, those in which no thread can go on
  std::size_t bad = 0;     ///< of them all, those that broke the rule
};

/// Visits every state that a model of some threads can reach, one sequentially consistent step at a time.
///
/// `step(state, thread)` takes the next step of a thread in place and returns false if it cannot go on (it has
/// ended, or waits). `is_good(state, is_end)` is the rule; it is asked once for each state. Steps have to be small:
/// one atomic operation, or the beginning or the end of an access that is not atomic. A test that uses this has
/// a twin with a seeded mistake that must be found.
template <class State, class Step, class IsGood>
walk_result walk_interleavings(const State& start, std::size_t threads, Step&& step, IsGood&& is_good) {
  walk_result found;
  std::set<State> seen{start};
  std::vector<State> open{start};
  while (!open.empty()) {
    const State now = std::move(open.back());
    open.pop_back();
    ++found.states;
    bool is_end = true;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      State next = now;
      if (!step(next, thread)) continue;
      is_end = false;
      if (seen.insert(next).second) open.push_back(std::move(next));
    }
    if (is_end) ++found.ends;
    if (!std::invoke(is_good, now, is_end)) ++found.bad;
  }
  return found;
}

}  // namespace test_support
