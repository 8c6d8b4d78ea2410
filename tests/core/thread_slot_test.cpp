// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/thread_slot.hpp>

#include <catch2/catch_test_macros.hpp>

#include <barrier>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

TEST_CASE("a thread keeps its number for as long as it lives") {
  const unsigned first = hasten::thread_slot();
  CHECK(first < hasten::thread_slots_max);
  CHECK(hasten::thread_slot() == first);
}

TEST_CASE("no two living threads have one number, and those beyond the last number share") {
  constexpr unsigned surplus = 3;
  constexpr unsigned count = hasten::thread_slots_max + surplus;
  std::barrier all_numbered(count);
  std::mutex mutex;
  std::set<unsigned> numbers;
  unsigned sharing = 0;
  {
    const unsigned mine = hasten::thread_slot();
    numbers.insert(mine);
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < count; ++i)
      threads.emplace_back([&] {
        const unsigned slot = hasten::thread_slot();
        {
          const std::lock_guard lock(mutex);
          if (slot == hasten::thread_slots_max)
            ++sharing;
          else
            CHECK(numbers.insert(slot).second);
        }
        all_numbered.arrive_and_wait();
      });
  }
  CHECK(numbers.size() == hasten::thread_slots_max);
  CHECK(sharing == surplus + 1);
}

TEST_CASE("the number of a thread that ended goes to the next") {
  const auto number_of_a_thread = [] {
    unsigned slot = hasten::thread_slots_max;
    std::thread([&] { slot = hasten::thread_slot(); }).join();
    return slot;
  };
  const unsigned first = number_of_a_thread();
  CHECK(first < hasten::thread_slots_max);
  CHECK(number_of_a_thread() == first);
}

TEST_CASE("a thread that has given its number back shares until it is gone") {
  unsigned after = 0;
  std::thread([&] {
    struct asks_last {
      unsigned* answer;
      ~asks_last() { *answer = hasten::thread_slot(); }
    };
    thread_local asks_last last{&after};  // made before the number is taken, so destroyed after it
    static_cast<void>(last.answer);
    static_cast<void>(hasten::thread_slot());
  }).join();
  CHECK(after == hasten::thread_slots_max);
}
