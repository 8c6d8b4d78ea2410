// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/load_outcome.hpp>

#include <catch2/catch_test_macros.hpp>

#include <exception>
#include <memory>
#include <stdexcept>

TEST_CASE("an outcome gives the value, or throws what the loader threw") {
  CHECK(*hasten::load_outcome<std::unique_ptr<int>>{std::make_unique<int>(3)}.get() == 3);
  hasten::load_outcome<int> failed{std::nullopt, std::make_exception_ptr(std::runtime_error("down"))};
  CHECK_THROWS_AS(std::move(failed).get(), std::runtime_error);
}
