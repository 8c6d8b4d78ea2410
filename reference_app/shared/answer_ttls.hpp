// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/ttl_config.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string_view>

namespace claims_app {

/// How long each kind of answer is kept. The kind is told by the namespace of its key ("claims:…"); the times are
/// defaults of ours, changed by CACHE_TTL_<KIND> or, which wins, HASTEN_CACHE_TTL_<KIND>, in whole seconds.
/// Thread safety: thread-safe; an assignment changes each time by itself.
class answer_ttls {
 public:
  /// `most` bounds all of them; zero: nothing does.
  /// Throws: std::invalid_argument for a variable that names no kind or holds no number of seconds in range.
  explicit answer_ttls(const hasten::ttl_config::variables& settings = {}, std::chrono::seconds most = {});

  answer_ttls(const answer_ttls& from) noexcept { *this = from; }
  answer_ttls& operator=(const answer_ttls& from) noexcept;
  ~answer_ttls() = default;

  /// Returns: how long the answer of a cache key is kept; one of no known namespace as a claim.
  [[nodiscard]] std::chrono::seconds of(std::string_view key) const;

  /// Returns: every ttl by kind.
  [[nodiscard]] hasten::ttl_config::table by_kind() const;

 private:
  static constexpr std::size_t kind_count = 8;

  std::array<std::atomic<std::chrono::seconds::rep>, kind_count> seconds_{};  // in the order of the kinds
};

}  // namespace claims_app
