// SPDX-License-Identifier: BSL-1.0
#include "shared/public_id.hpp"

#include <openssl/rand.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace claims_app {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

public_id_entropy system_entropy() {
  public_id_entropy bytes;
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("the operating system gave no random bytes");
  return bytes;
}

std::chrono::milliseconds since_epoch(hasten::wall_time at) {
  return std::chrono::floor<std::chrono::milliseconds>(at.time_since_epoch());
}

// Returns false on the 2^80th increment within a millisecond, which no clock leaves time for.
bool increment(public_id_entropy& entropy) {
  return std::any_of(entropy.rbegin(), entropy.rend(), [](std::uint8_t& byte) { return ++byte != 0; });
}

}  // namespace

std::string make_public_id(hasten::wall_time at, const public_id_entropy& entropy) {
  const auto milliseconds = static_cast<std::uint64_t>(since_epoch(at).count()) & 0xFFFF'FFFF'FFFFU;
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < 6; ++i) bytes[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  std::copy(entropy.begin(), entropy.end(), bytes.begin() + 6);

  // 128 bits are 25.6 characters: the first character carries three bits only, every other one five.
  std::string text(public_id_length, '0');
  unsigned pending = 0;
  unsigned pending_bits = 2;  // two leading zero bits make 130, a multiple of five
  std::size_t at_character = 0;
  for (const std::uint8_t byte : bytes) {
    pending = (pending << 8U) | byte;
    pending_bits += 8;
    while (pending_bits >= 5) {
      pending_bits -= 5;
      text[at_character++] = alphabet[(pending >> pending_bits) & 31U];
    }
    pending &= (1U << pending_bits) - 1U;
  }
  return text;
}

bool is_public_id(std::string_view text) noexcept {
  return text.size() == public_id_length && text.front() <= '7' &&
         std::all_of(text.begin(), text.end(), [](char c) { return alphabet.find(c) != alphabet.npos; });
}

public_id_generator::public_id_generator()
    : public_id_generator([] { return hasten::wall_clock_source::now(); }, system_entropy) {}

public_id_generator::public_id_generator(clock_function clock, random_function random)
    : clock_(std::move(clock)), random_(std::move(random)) {
  if (!clock_) throw std::invalid_argument("public_id_generator: clock must be callable, got none");
  if (!random_) throw std::invalid_argument("public_id_generator: random must be callable, got none");
}

std::string public_id_generator::next() {
  const hasten::wall_time now = clock_();
  public_id_entropy entropy = random_();
  hasten::wall_time time = now;
  {
    const std::lock_guard lock(mutex_);
    if (last_time_ != hasten::wall_time::min() && since_epoch(now) <= since_epoch(last_time_)) {
      if (!increment(last_entropy_)) throw std::runtime_error("public ids of one millisecond are exhausted");
      time = last_time_;
      entropy = last_entropy_;
    } else {
      last_time_ = now;
      last_entropy_ = entropy;
    }
  }
  return make_public_id(time, entropy);
}

}  // namespace claims_app
