// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

namespace claims_app {

/// Random numbers that come out the same for a seed with every compiler: the engine is the standard's,
/// exactly specified; the distributions are ours, because the standard leaves its own to the library.
///
/// The wrong tool for anything secret. Thread safety: single-owner.
class random_source {
 public:
  explicit random_source(std::uint64_t seed) : engine_(seed) {}

  [[nodiscard]] std::uint64_t bits() { return engine_(); }

  /// Returns: a number at least 0 and below 1.
  [[nodiscard]] double uniform() { return static_cast<double>(engine_() >> 11U) * 0x1p-53; }

  /// Returns: true with the given probability.
  [[nodiscard]] bool chance(double probability) { return uniform() < probability; }

  /// Returns: an integer at least 0 and below `bound`. `bound` must not be 0.
  [[nodiscard]] std::size_t below(std::size_t bound);

  [[nodiscard]] double normal(double mean, double deviation);
  [[nodiscard]] double lognormal(double mu, double sigma);
  /// `shape` and `scale` must be above 0.
  [[nodiscard]] double gamma(double shape, double scale);
  /// `a` and `b` must be above 0.
  [[nodiscard]] double beta(double a, double b);
  /// Returns: failures before the r-th success of probability p; mean r(1-p)/p.
  [[nodiscard]] std::uint64_t negative_binomial(double r, double p);

 private:
  [[nodiscard]] std::uint64_t poisson(double mean);

  std::mt19937_64 engine_;
};

/// Picks a position with a probability in proportion to its weight. Thread safety: immutable.
class weighted_choice {
 public:
  /// Throws: std::invalid_argument if there is no weight above zero, or one below.
  explicit weighted_choice(std::span<const double> weights);

  /// Complexity: logarithmic.
  [[nodiscard]] std::size_t operator()(random_source& random) const;

 private:
  std::vector<double> sums_;  // of the weights up to and with each; never empty
};

}  // namespace claims_app
