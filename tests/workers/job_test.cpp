// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <set>
#include <string>
#include <utility>
#include <vector>

using hasten::is_final;
using hasten::job_event;
using hasten::job_state;
using hasten::job_transitions;
using hasten::next_state;

namespace {

constexpr std::array states{job_state::scheduled, job_state::available, job_state::running,
                            job_state::completed, job_state::cancelled, job_state::dead};

std::set<job_state> reachable_from(job_state start) {
  std::set<job_state> reached{start};
  for (std::size_t grown = 0; grown != reached.size();) {
    grown = reached.size();
    for (const auto& step : job_transitions) {
      if (reached.contains(step.from)) reached.insert(step.to);
    }
  }
  return reached;
}

}  // namespace

static_assert(next_state(job_state::available, job_event::take) == job_state::running);
static_assert(!next_state(job_state::completed, job_event::take));

TEST_CASE("no state leads two ways on one event") {
  std::set<std::pair<job_state, job_event>> seen;
  for (const auto& step : job_transitions) CHECK(seen.emplace(step.from, step.event).second);
}

TEST_CASE("every job can come to an end, whatever its state") {
  for (const job_state state : states) {
    CAPTURE(to_string(state));
    const auto reached = reachable_from(state);
    CHECK(std::any_of(reached.begin(), reached.end(), is_final));
  }
}

TEST_CASE("every state can be reached by a new job") {
  CHECK(reachable_from(job_state::scheduled).size() == states.size());
}

TEST_CASE("only a person's retry leaves a final state, and nothing leaves a completed job") {
  for (const auto& step : job_transitions) {
    if (is_final(step.from)) CHECK(step.event == job_event::retry);
    CHECK(step.from != job_state::completed);
  }
}

TEST_CASE("a job runs only after it was taken, and only running jobs succeed or fail") {
  for (const auto& step : job_transitions) {
    if (step.to == job_state::running) CHECK(step.event == job_event::take);
    if (step.to == job_state::completed || step.to == job_state::dead) CHECK(step.from == job_state::running);
  }
}

TEST_CASE("the names of states can be read back, and nothing else can") {
  for (const job_state state : states) CHECK(hasten::job_state_from(to_string(state)) == state);
  for (const char* text : {"", "Running", "running ", "gone"}) CHECK_FALSE(hasten::job_state_from(text));
}

TEST_CASE("the page that explains the states lists exactly the legal steps") {
  std::ifstream page(HASTEN_JOB_STATES_PAGE);
  REQUIRE(page);
  std::vector<std::string> documented;
  for (std::string line; std::getline(page, line);) {
    const bool is_row = line.starts_with("| ") && !line.starts_with("| from ");
    if (is_row) documented.push_back(line);
  }
  std::vector<std::string> legal;
  for (const auto& step : job_transitions) {
    legal.push_back("| " + std::string(to_string(step.from)) + " | " + std::string(to_string(step.event)) +
                    " | " + std::string(to_string(step.to)) + " |");
  }
  CHECK(documented == legal);
}
