// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"
#include "shared/problem.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct evp_md_st;

namespace claims_app {

/// Decides whether a request may use a route. Thread safety: immutable.
class access_guard {
 public:
  struct options {
    std::string token;             // what a bearer must show; at least 16 characters
    bool api_needs_token = false;  // true where the server listens beyond loopback
  };

  explicit access_guard(options chosen);

  /// `authorization` is the header's value, empty if absent.
  /// Returns: the 401 to answer with, or nothing if the request may pass.
  [[nodiscard]] std::optional<problem> refusal(access needed, std::string_view authorization) const;

 private:
  struct free_algorithm {
    void operator()(evp_md_st* algorithm) const noexcept;
  };
  using digest = std::array<unsigned char, 32>;

  [[nodiscard]] bool is_token(std::string_view shown) const;
  [[nodiscard]] digest digest_of(std::string_view text) const;

  bool api_needs_token_;
  std::unique_ptr<evp_md_st, free_algorithm>
      sha256_;    // looked up once, which costs three times what a digest does
  digest token_;  // its digest; the token itself is not kept
};

/// Returns: a token of 32 random bytes, base64url.
[[nodiscard]] std::string generated_token();

}  // namespace claims_app
