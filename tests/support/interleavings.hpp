// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <vector>

/// What a step of a modelled thread came to.
enum class stepped { on, blocked, finished };

/// Runs a model of some threads through every order in which their steps can take place.
///
/// A model is a copyable, ordered State; a thread is a function that makes its next step on it, one shared access at a time,
/// and keeps in the State where it is. States seen before are not gone into again, so loops that change nothing end. What is
/// found is true of the model under sequential consistency: it says whether a protocol is right, not whether its atomics are.
///
///     const auto found = explore<state>({}, {writer, reader}, [](const state& s) { return s.torn ? "torn" : ""; });
///     CHECK(found.violation.empty());
struct exploration {
  std::size_t states = 0;  ///< that can be reached
  std::size_t ends = 0;    ///< of them, with every thread finished
  std::string violation;   ///< what was first found wrong; empty if nothing
};

template <class State>
using model_thread = std::function<stepped(State&)>;

/// `wrong(state, all_finished)` says what is wrong with a state, or nothing. A state in which nobody can go on and not all
/// have finished is wrong by itself.
template <class State>
exploration explore(State initial, const std::vector<model_thread<State>>& threads,
                    const std::function<std::string(const State&, bool)>& wrong) {
  exploration found;
  std::set<State> seen{initial};
  std::vector<State> open{std::move(initial)};
  while (!open.empty() && found.violation.empty()) {
    const State here = std::move(open.back());
    open.pop_back();
    ++found.states;
    std::size_t finished = 0;
    std::size_t moved = 0;
    for (const auto& thread : threads) {
      State after = here;
      switch (thread(after)) {
        case stepped::finished:
          ++finished;
          break;
        case stepped::blocked:
          break;
        case stepped::on:
          ++moved;
          if (seen.insert(after).second) open.push_back(std::move(after));
      }
    }
    const bool all = finished == threads.size();
    found.ends += all ? 1 : 0;
    found.violation = wrong(here, all);
    if (found.violation.empty() && moved == 0 && !all) found.violation = "nobody can go on";
  }
  return found;
}
