// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace claims_app {

inline constexpr std::size_t public_id_length = 26;

/// The 80 bits of a public id that are not its time.
using public_id_entropy = std::array<std::uint8_t, 10>;

/// Writes a ULID: 48 bits of unix milliseconds, then 80 bits, in Crockford's base 32; sorts by time.
[[nodiscard]] std::string make_public_id(hasten::wall_time at, const public_id_entropy& entropy);

/// Returns: whether `text` could be a public id: 26 upper-case base-32 characters that fit 128 bits.
[[nodiscard]] bool is_public_id(std::string_view text) noexcept;

/// Makes the only identifiers that may leave the database. They rise within one generator, so rows made
/// together lie together in an index, and they cannot be guessed from one another across milliseconds.
///
/// The wrong tool where the same input must give the same id: derive the entropy there and call
/// make_public_id. Thread safety: thread-safe, if the clock and the random source are.
///
///     claims_app::public_id_generator ids;
///     const std::string id = ids.next();   // "01HF7YAT31JZ5E7N0Q4M2W8X9K"
class public_id_generator {
 public:
  using clock_function = std::function<hasten::wall_time()>;
  using random_function = std::function<public_id_entropy()>;

  /// Takes the calendar clock and the operating system's randomness.
  public_id_generator();

  /// Takes the time and the randomness from the caller: for tests.
  /// Throws: std::invalid_argument if either is empty.
  public_id_generator(clock_function clock, random_function random);

  /// Returns: an id greater than every one this generator gave before, also if the clock stood or went back.
  [[nodiscard]] std::string next();

 private:
  const clock_function clock_;    // never empty; called without the lock
  const random_function random_;  // never empty; called without the lock
  std::mutex mutex_;              // guards the two below; nothing of the caller's runs under it
  hasten::wall_time last_time_ = hasten::wall_time::min();
  public_id_entropy last_entropy_{};
};

}  // namespace claims_app
