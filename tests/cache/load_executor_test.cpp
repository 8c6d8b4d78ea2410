// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/load_executor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <functional>
#include <utility>
#include <vector>

namespace {

/// As the executors of Asio, but nothing runs before run().
struct later {
  std::vector<hasten::unique_function<void()>>* tasks;
  template <class Task>
  void execute(Task&& task) const {
    tasks->emplace_back(std::forward<Task>(task));
  }
};

struct neither {
  void execute(int) const;
};

static_assert(hasten::load_executor<void (*)(hasten::unique_function<void()>)>);
static_assert(hasten::load_executor<std::function<void(hasten::unique_function<void()>)>>);
static_assert(hasten::load_executor<later>);
static_assert(hasten::load_executor<const later>);
static_assert(!hasten::load_executor<neither>);
static_assert(!hasten::load_executor<int>);

}  // namespace

TEST_CASE("a task goes to a callable or to execute()") {
  int ran = 0;
  auto at_once = [](hasten::unique_function<void()> task) { task(); };
  hasten::detail::run_on(at_once, [&] { ++ran; });
  CHECK(ran == 1);
  std::vector<hasten::unique_function<void()>> tasks;
  const later executor{&tasks};
  hasten::detail::run_on(executor, [&] { ++ran; });
  CHECK(ran == 1);
  REQUIRE(tasks.size() == 1);
  tasks.front()();
  CHECK(ran == 2);
}
