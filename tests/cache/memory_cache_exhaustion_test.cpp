// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

// How many allocations of this thread still succeed; negative: all.
thread_local long allocations_left = -1;

void* allocated(std::size_t size, std::size_t alignment) {
  if (allocations_left == 0) return nullptr;
  if (allocations_left > 0) --allocations_left;
  return alignment <= alignof(std::max_align_t)
             ? std::malloc(size)
             : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* allocated_or_throw(std::size_t size, std::size_t alignment = 0) {
  if (void* const memory = allocated(size == 0 ? 1 : size, alignment)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return allocated_or_throw(size); }
void* operator new[](std::size_t size) { return allocated_or_throw(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocated_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return allocated_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return allocated(size == 0 ? 1 : size, 0);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return allocated(size == 0 ? 1 : size, 0);
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocated(size == 0 ? 1 : size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocated(size == 0 ? 1 : size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

template <class T>
using timed_cache = hasten::memory_cache<T, T, hasten::cache_hash<T>, std::equal_to<>, hasten::manual_clock>;

// Long enough that a text is on the heap.
template <class T>
T made(std::uint64_t number) {
  if constexpr (std::is_same_v<T, std::string>)
    return "namespace:with a long name, number " + std::to_string(number);
  else
    return number;
}

template <class Cache>
struct element;
template <class T, class... Rest>
struct element<hasten::memory_cache<T, Rest...>> {
  using type = T;
};

/// Runs `work` again and again, each time with memory for one allocation more, until it succeeds; after each failure
/// `check` looks at what is left.
template <class Make, class Work, class Check>
int with_less_memory(Make&& make, Work&& work, Check&& check) {
  for (long allowed = 0; allowed < 200; ++allowed) {
    auto subject = make();
    bool failed = false;
    allocations_left = allowed;
    try {
      work(*subject);
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    allocations_left = -1;
    check(*subject, failed);
    if (!failed) return static_cast<int>(allowed);
  }
  return -1;
}

}  // namespace

TEMPLATE_TEST_CASE(
    "a cache that runs out of memory anywhere keeps what it had, or the new value, and goes on", "",
    timed_cache<std::uint64_t>, timed_cache<std::string>) {
  using T = typename element<TestType>::type;
  const auto make = [] {
    auto cache = std::make_unique<TestType>(typename TestType::options{
        .entries_max = 64,
        .ttl = 60s,
        .stale_max = 10s,
        .soft_ttl = 30s,
        .insight = {.hot_keys_max = 8, .namespaces_max = 4, .miss_ratios = true, .sample_every = 1}});
    cache->put(made<T>(1), made<T>(10));
    return cache;
  };
  const auto check = [](TestType& cache, bool) {
    const auto first = cache.get(made<T>(1));
    REQUIRE(first);
    CHECK((*first == made<T>(10) || *first == made<T>(11)));
    if (const auto second = cache.get(made<T>(2))) CHECK(*second == made<T>(20));
    // Nothing is left half-done: every key can be loaded, put and erased.
    CHECK(cache.get_or_load(made<T>(2), [] { return made<T>(20); }) == made<T>(20));
    cache.put(made<T>(3), made<T>(30));
    CHECK(cache.get(made<T>(3)) == made<T>(30));
    CHECK(cache.erase(made<T>(3)));
    CHECK(cache.size() == 2);
    cache.clear();
    CHECK(!cache.get(made<T>(1)));
  };
  SECTION("put") {
    CHECK(with_less_memory(make, [](TestType& cache) { cache.put(made<T>(2), made<T>(20)); }, check) >= 0);
  }
  SECTION("put over an entry") {
    CHECK(
        with_less_memory(make, [](TestType& cache) { cache.put(made<T>(1), made<T>(11), 5s); }, check) >= 0);
  }
  SECTION("get_or_load") {
    CHECK(with_less_memory(
              make,
              [](TestType& cache) {
                static_cast<void>(cache.get_or_load(made<T>(2), [] { return made<T>(20); }));
              },
              check) >= 0);
  }
  SECTION("get_or_load_async") {
    CHECK(with_less_memory(
              make,
              [](TestType& cache) {
                bool told = false;
                bool failed = false;
                std::optional<hasten::unique_function<void()>> task;
                cache.get_or_load_async(
                    made<T>(2), [] { return made<T>(20); },
                    [&](hasten::unique_function<void()> work) { task.emplace(std::move(work)); },
                    [&](const hasten::load_outcome<T>& outcome) {
                      told = true;
                      failed = outcome.failure != nullptr;
                    });
                if (task) (*task)();
                task.reset();
                if (!told) std::abort();
                if (failed) throw std::bad_alloc();
              },
              check) >= 0);
  }
  SECTION("get_or_load_all") {
    CHECK(with_less_memory(
              make,
              [](TestType& cache) {
                const std::vector<T> keys = {made<T>(1), made<T>(2)};
                const auto values = cache.get_or_load_all(keys, [](std::span<const T> missing) {
                  return std::vector<std::optional<T>>(missing.size(), made<T>(20));
                });
                if (!values[1]) std::abort();
              },
              check) >= 0);
  }
  SECTION("reports") {
    CHECK(with_less_memory(
              make,
              [](TestType& cache) {
                static_cast<void>(cache.get(made<T>(2)));
                static_cast<void>(cache.hot_keys(3));
                static_cast<void>(cache.namespaces());
                static_cast<void>(cache.advice());
                static_cast<void>(cache.hottest(3));
                static_cast<void>(cache.load_times());
              },
              check) >= 0);
  }
}

TEST_CASE("a cache that cannot be made leaves nothing behind") {
  long allowed = 0;
  for (bool failed = true; failed && allowed < 500; ++allowed) {
    failed = false;
    allocations_left = allowed;
    try {
      timed_cache<std::string> cache(
          {.entries_max = 1'000,
           .shards = 4,
           .insight = {.hot_keys_max = 8, .namespaces_max = 4, .miss_ratios = true}});
    } catch (const std::bad_alloc&) {
      failed = true;
    }
    allocations_left = -1;
  }
  CHECK(allowed > 10);
  CHECK(allowed < 500);
}
