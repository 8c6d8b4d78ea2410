// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/unique_function.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

using hasten::unique_function;

namespace {

struct counted {
  explicit counted(int& alive_count) : alive(&alive_count) { ++*alive; }
  counted(counted&& other) noexcept : alive(other.alive) { ++*alive; }
  counted& operator=(counted&&) = delete;
  ~counted() { --*alive; }
  int operator()() const { return *alive; }
  int* alive;
};

struct throwing_move {
  throwing_move() = default;
  throwing_move(throwing_move&&) noexcept(false) {}
  int operator()() const { return 3; }
};

}  // namespace

static_assert(!std::is_copy_constructible_v<unique_function<void()>>);
static_assert(std::is_nothrow_move_constructible_v<unique_function<void()>>);
static_assert(std::is_nothrow_move_assignable_v<unique_function<void()>>);
static_assert(sizeof(unique_function<void()>) == 56);
static_assert(!std::is_constructible_v<unique_function<int()>, std::string>);
static_assert(!unique_function<int()>::fits_inline<throwing_move>);

TEST_CASE("a default-made function is empty") {
  const unique_function<void()> none;
  CHECK_FALSE(none);
}

TEST_CASE("a function owns what it captures") {
  unique_function<int(int)> add = [base = std::make_unique<int>(40)](int n) { return *base + n; };
  REQUIRE(add);
  CHECK(add(2) == 42);
}

TEST_CASE("moving a function leaves the source empty") {
  unique_function<int()> first = [value = std::make_unique<int>(7)] { return *value; };
  unique_function<int()> second = std::move(first);
  CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): that is the promise
  CHECK(second() == 7);
}

TEST_CASE("assigning to a function destroys what it held") {
  int alive_first = 0;
  int alive_second = 0;
  unique_function<int()> function = counted(alive_first);
  function = unique_function<int()>(counted(alive_second));
  CHECK(alive_first == 0);
  CHECK(alive_second == 1);
  function.reset();
  CHECK(alive_second == 0);
  CHECK_FALSE(function);
}

TEST_CASE("assigning a function to itself changes nothing") {
  int alive = 0;
  unique_function<int()> function = counted(alive);
  auto& same = function;
  function = std::move(same);
  REQUIRE(function);
  CHECK(function() == 1);
}

TEST_CASE("forty-eight bytes of captures stay inline and one more byte does not") {
  const std::array<char, 48> fitting{'a'};
  const std::array<char, 49> large{'b'};
  const auto small_callable = [fitting] { return fitting[0]; };
  const auto large_callable = [large] { return large[0]; };
  STATIC_CHECK(unique_function<char()>::fits_inline<decltype(small_callable)>);
  STATIC_CHECK_FALSE(unique_function<char()>::fits_inline<decltype(large_callable)>);
  unique_function<char()> from_small = small_callable;
  unique_function<char()> from_large = large_callable;
  unique_function<char()> moved = std::move(from_large);
  CHECK(from_small() == 'a');
  CHECK(moved() == 'b');
}

TEST_CASE("a callable on the heap is destroyed once") {
  int alive = 0;
  {
    unique_function<int()> function = [owner = counted(alive), padding = std::array<char, 64>{}] {
      return owner() + padding[0];
    };
    unique_function<int()> heir = std::move(function);
    CHECK(heir() == 1);
  }
  CHECK(alive == 0);
}

TEST_CASE("a callable whose move may throw is kept on the heap, so that moving the function does not throw") {
  unique_function<int()> function = throwing_move{};
  unique_function<int()> heir = std::move(function);
  CHECK(heir() == 3);
}

TEST_CASE("arguments are forwarded, move-only ones too") {
  unique_function<int(std::unique_ptr<int>, int&)> sum = [](std::unique_ptr<int> a, int& b) {
    return *a + b++;
  };
  int b = 2;
  CHECK(sum(std::make_unique<int>(1), b) == 3);
  CHECK(b == 3);
}

TEST_CASE("a result that nobody wants is dropped") {
  int calls = 0;
  unique_function<void()> function = [&calls] { return ++calls; };
  function();
  CHECK(calls == 1);
}

TEST_CASE("what the callable throws reaches the caller and the function stays usable") {
  int calls = 0;
  unique_function<void()> function = [&calls] {
    if (++calls == 1) throw std::runtime_error("first");
  };
  CHECK_THROWS_AS(function(), std::runtime_error);
  CHECK_NOTHROW(function());
}

TEST_CASE("a function knows whether its callable is of a type, wherever it keeps it") {
  struct small {
    int value;
    int operator()() const { return value; }
  };
  struct large {
    std::array<int, 100> values;
    int operator()() const { return values[0]; }
  };
  unique_function<int()> function = small{7};
  REQUIRE(function.target<small>() != nullptr);
  CHECK(function.target<small>()->value == 7);
  CHECK(function.target<large>() == nullptr);
  function = large{{8}};
  REQUIRE(function.target<large>() != nullptr);
  CHECK(function.target<large>()->values[0] == 8);
  CHECK(function.target<small>() == nullptr);
  function.reset();
  CHECK(function.target<large>() == nullptr);
}
