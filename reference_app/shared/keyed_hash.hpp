// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace claims_app {

inline constexpr std::size_t secret_key_size = 32;
using secret_key = std::array<std::byte, secret_key_size>;

/// HMAC-SHA256 under one secret: turns a member number into a value that can be looked up and not read, and
/// signs what a client carries for us.
///
/// The wrong tool for passwords: it is fast on purpose. Give every purpose a hash of its own by derive(), so
/// that a value of one purpose means nothing to another. Thread safety: immutable.
///
///     const auto key = claims_app::load_or_create_key(claims_app::key_path("claims.db"));
///     const claims_app::keyed_hash members = claims_app::member_index(key);
///     const claims_app::keyed_hash signatures = claims_app::keyed_hash(key).derive("cursor");
class keyed_hash {
 public:
  using digest = std::array<std::byte, 32>;

  explicit keyed_hash(const secret_key& key);

  /// Returns: HMAC-SHA256(key, message).
  /// Throws: std::runtime_error if OpenSSL fails.
  [[nodiscard]] digest operator()(std::string_view message) const;

  /// Returns: a hash under a key of its own, HMAC-SHA256(key, label).
  [[nodiscard]] keyed_hash derive(std::string_view label) const;

 private:
  struct state;
  std::shared_ptr<const state> state_;  // never null; holds the key as OpenSSL prepared it, nothing else does
};

/// Returns: the hash that patients.member_bidx holds: one for all who write or look up a patient.
[[nodiscard]] keyed_hash member_index(const secret_key& key);

/// Returns: whether the two are equal; takes the same time wherever they differ.
[[nodiscard]] bool equal_in_constant_time(std::span<const std::byte> left,
                                          std::span<const std::byte> right) noexcept;

/// Returns: where the key of a database file lies: beside it, with ".key" added.
[[nodiscard]] std::filesystem::path key_path(const std::filesystem::path& database);

/// Reads the key file, or makes it from 32 random bytes with mode 0600 if there is none. Several processes
/// may do so at once; all get the same key.
/// Throws: std::runtime_error if the file cannot be read or made, has not exactly 32 bytes, or is open to
/// anybody but its owner.
[[nodiscard]] secret_key load_or_create_key(const std::filesystem::path& path);

}  // namespace claims_app
