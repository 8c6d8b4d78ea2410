// SPDX-License-Identifier: BSL-1.0
#include "seeding/random_source.hpp"

#include <catch2/catch_approx.hpp>
#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cmath>
#include <stdexcept>
#include <vector>

using Catch::Approx;
using claims_app::random_source;
using claims_app::weighted_choice;

namespace {

constexpr std::uint64_t seed = 42;
constexpr int draws = 20'000;

template <class Draw>
double mean_of(Draw draw) {
  random_source random(seed);
  double sum = 0;
  for (int i = 0; i < draws; ++i) sum += static_cast<double>(draw(random));
  return sum / draws;
}

}  // namespace

TEST_CASE("the same seed gives the same numbers, on any machine") {
  random_source random(1);
  CHECK(random.bits() == 2469588189546311528ULL);  // mt19937_64, as the standard specifies it
  random_source a(7);
  random_source b(7);
  random_source c(8);
  CHECK(a.gamma(0.7, 2) == b.gamma(0.7, 2));
  CHECK(a.bits() == b.bits());
  CHECK(a.bits() != c.bits());
}

TEST_CASE("each distribution has the mean it should") {
  CHECK(mean_of([](auto& r) { return r.uniform(); }) == Approx(0.5).epsilon(0.02));
  CHECK(mean_of([](auto& r) { return r.chance(0.3); }) == Approx(0.3).epsilon(0.04));
  CHECK(mean_of([](auto& r) { return r.below(10); }) == Approx(4.5).epsilon(0.02));
  CHECK(mean_of([](auto& r) { return r.normal(3, 2); }) == Approx(3).epsilon(0.02));
  CHECK(mean_of([](auto& r) { return r.lognormal(1, 0.5); }) == Approx(std::exp(1.125)).epsilon(0.02));
  CHECK(mean_of([](auto& r) { return r.gamma(0.7, 2); }) == Approx(1.4).epsilon(0.03));
  CHECK(mean_of([](auto& r) { return r.gamma(5, 2); }) == Approx(10).epsilon(0.02));
  CHECK(mean_of([](auto& r) { return r.beta(4, 36); }) == Approx(0.1).epsilon(0.02));
  CHECK(mean_of([](auto& r) { return r.negative_binomial(0.9, 0.36); }) == Approx(1.6).epsilon(0.04));
  CHECK(mean_of([](auto& r) { return r.negative_binomial(300, 0.2); }) == Approx(1200).epsilon(0.02));
}

TEST_CASE("every number lies in its range") {
  random_source random(seed);
  for (int i = 0; i < draws; ++i) {
    const double u = random.uniform();
    REQUIRE((u >= 0 && u < 1));
    REQUIRE(random.below(3) < 3);
    REQUIRE(random.gamma(0.1, 1) >= 0);
    const double b = random.beta(0.5, 0.5);
    REQUIRE((b >= 0 && b <= 1));
    REQUIRE(std::isfinite(random.normal(0, 1)));
  }
}

TEST_CASE("a weighted choice follows its weights and never picks a zero") {
  const weighted_choice choose(std::vector<double>{1, 0, 3, 0});
  random_source random(seed);
  std::array<int, 4> picked{};
  for (int i = 0; i < draws; ++i) ++picked[choose(random)];
  CHECK(picked[1] == 0);
  CHECK(picked[3] == 0);
  CHECK(static_cast<double>(picked[2]) / draws == Approx(0.75).epsilon(0.02));
}

TEST_CASE("weights that give no choice are refused") {
  CHECK_THROWS_AS(weighted_choice(std::vector<double>{}), std::invalid_argument);
  CHECK_THROWS_AS(weighted_choice(std::vector<double>{0, 0}), std::invalid_argument);
  CHECK_THROWS_AS(weighted_choice(std::vector<double>{1, -1}), std::invalid_argument);
  CHECK_THROWS_AS(weighted_choice(std::vector<double>{std::nan("")}), std::invalid_argument);
}
