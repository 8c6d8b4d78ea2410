// SPDX-License-Identifier: BSL-1.0
#include <hasten/query/plan_book.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

hasten::query_plan plan_of(const std::string& detail) {
  return hasten::read_plan({{.id = 1, .detail = detail}});
}

}  // namespace

TEST_CASE("a plan is wanted once for each text and version of the schema") {
  hasten::plan_book plans;
  CHECK(plans.wants("a", "SELECT 1", 7));
  plans.put("a", "SELECT 1", 7, plan_of("SCAN t"));
  CHECK_FALSE(plans.wants("a", "SELECT 1", 7));
  CHECK(plans.wants("a", "SELECT 1", 8));
  CHECK(plans.wants("a", "SELECT 2", 7));
  CHECK(plans.wants("b", "SELECT 1", 7));
  plans.put("a", "SELECT 2", 7, plan_of("SCAN t"));
  REQUIRE(plans.plans().size() == 2);
  CHECK(plans.plans()[0].text == "SELECT 1");
  CHECK(plans.plans()[0].schema_version == 7);
}

TEST_CASE("the observer hears of new and of changed plans, with what was before") {
  std::vector<std::string> told;
  hasten::plan_book plans({.on_plan = [&](const hasten::plan_event& event) {
    told.push_back(event.now.plan.steps[0].detail + " after " +
                   (event.before == nullptr ? "nothing" : event.before->steps[0].detail));
  }});
  plans.put("a", "x", 1, plan_of("SCAN t"));
  plans.put("a", "x", 2, plan_of("SCAN t"));
  plans.put("a", "x", 3, plan_of("SEARCH t USING INDEX i (b=?)"));
  CHECK(told ==
        std::vector<std::string>{"SCAN t after nothing", "SEARCH t USING INDEX i (b=?) after SCAN t"});
  CHECK(plans.plans()[0].changes == 1);
  CHECK(plans.plans()[0].schema_version == 3);
}

TEST_CASE("what is too much or too long is counted and not kept") {
  hasten::plan_book plans({.plans_max = 1, .text_bytes_max = 4});
  CHECK_FALSE(plans.wants("a", "12345", 1));
  plans.put("a", "12345", 1, plan_of("SCAN t"));
  CHECK(plans.size() == 0);
  plans.put("a", "1234", 1, plan_of("SCAN t"));
  CHECK_FALSE(plans.wants("b", "1234", 1));
  plans.put("b", "1234", 1, plan_of("SCAN t"));
  CHECK(plans.size() == 1);
  CHECK(plans.overflowed() == 2);
}

TEST_CASE("an observer that throws is counted, and one that asks the book is answered") {
  hasten::plan_book* self = nullptr;
  hasten::plan_book plans({.on_plan = [&](const hasten::plan_event&) {
    if (self->size() == 1) throw std::runtime_error("observer");
  }});
  self = &plans;
  plans.put("a", "x", 1, plan_of("SCAN t"));
  CHECK(plans.observer_failures() == 1);
  CHECK(plans.size() == 1);
  plans.note_failure();
  CHECK(plans.failures() == 1);
}

TEST_CASE("threads that prepare the same texts at once tell each plan once") {
  std::atomic<int> told = 0;
  hasten::plan_book plans({.on_plan = [&](const hasten::plan_event&) { told.fetch_add(1); }});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&] {
      for (int text = 0; text < 50; ++text) plans.put("a", std::to_string(text), 1, plan_of("SCAN t"));
    });
  for (std::thread& each : threads) each.join();
  CHECK(told == 50);
  CHECK(plans.size() == 50);
}

TEST_CASE("bounds out of range are refused") {
  using book = hasten::plan_book;
  CHECK_THROWS_AS(book({.plans_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(book({.plans_max = 100'001}), std::invalid_argument);
  CHECK_THROWS_AS(book({.text_bytes_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(book({.text_bytes_max = 1'000'001}), std::invalid_argument);
}
