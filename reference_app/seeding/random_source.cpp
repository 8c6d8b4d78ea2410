// SPDX-License-Identifier: BSL-1.0
#include "seeding/random_source.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

namespace claims_app {

std::size_t random_source::below(std::size_t bound) {
  return std::min(static_cast<std::size_t>(uniform() * static_cast<double>(bound)), bound - 1);
}

// Box and Muller. The second value is thrown away: a source without memory is easier to reason about.
double random_source::normal(double mean, double deviation) {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return mean + deviation * radius * std::cos(2 * std::numbers::pi * uniform());
}

double random_source::lognormal(double mu, double sigma) { return std::exp(normal(mu, sigma)); }

// Marsaglia and Tsang (2000); below a shape of one, by the power of a uniform.
double random_source::gamma(double shape, double scale) {
  if (shape < 1) {
    const double boost = std::pow(1 - uniform(), 1 / shape);
    return gamma(shape + 1, scale) * boost;
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = normal(0, 1);
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 && std::log(1 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v * scale;
  }
}

double random_source::beta(double a, double b) {
  const double x = gamma(a, 1);
  return x / (x + gamma(b, 1));
}

std::uint64_t random_source::negative_binomial(double r, double p) { return poisson(gamma(r, (1 - p) / p)); }

// Knuth's product, in steps: exp() of a large mean is zero.
std::uint64_t random_source::poisson(double mean) {
  std::uint64_t count = 0;
  for (; mean > 0; mean -= 500) {
    const double limit = std::exp(-std::min(mean, 500.0));
    for (double product = 1 - uniform(); product > limit; product *= 1 - uniform()) ++count;
  }
  return count;
}

weighted_choice::weighted_choice(std::span<const double> weights) {
  double sum = 0;
  for (const double weight : weights) {
    if (!(weight >= 0)) throw std::invalid_argument("weighted_choice: weights must not be negative");
    sums_.push_back(sum += weight);
  }
  if (!(sum > 0)) throw std::invalid_argument("weighted_choice: weights must hold one above zero");
}

std::size_t weighted_choice::operator()(random_source& random) const {
  const double at = random.uniform() * sums_.back();
  const auto found = std::upper_bound(sums_.begin(), sums_.end(), at);
  return static_cast<std::size_t>(std::min(found, sums_.end() - 1) - sums_.begin());
}

}  // namespace claims_app
