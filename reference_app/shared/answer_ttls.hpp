// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/ttl_config.hpp>

#include <chrono>
#include <string_view>

namespace claims_app {

/// How long each kind of answer is kept. The kind is told by the namespace of its key ("claims:…"); the times are
/// defaults of ours, changed by CACHE_TTL_<KIND> or, which wins, HASTEN_CACHE_TTL_<KIND>, in whole seconds.
/// Thread safety: immutable.
class answer_ttls {
 public:
  /// `most` bounds all of them; zero: nothing does.
  /// Throws: std::invalid_argument for a variable that names no kind or holds no number of seconds in range.
  explicit answer_ttls(const hasten::ttl_config::variables& settings = {}, std::chrono::seconds most = {});

  /// Reads the environment of the process.
  [[nodiscard]] static answer_ttls from_environment(std::chrono::seconds most = {});

  /// Returns: how long the answer of a cache key is kept; one of no known namespace as a claim.
  [[nodiscard]] std::chrono::seconds of(std::string_view key) const;

  /// Returns: every ttl by kind.
  [[nodiscard]] const hasten::ttl_config::table& by_kind() const noexcept { return ttls_; }

 private:
  explicit answer_ttls(hasten::ttl_config::table ttls, std::chrono::seconds most);

  hasten::ttl_config::table ttls_;
};

}  // namespace claims_app
