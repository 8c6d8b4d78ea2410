// SPDX-License-Identifier: BSL-1.0
#include "server/access_guard.hpp"

#include "shared/base64url.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace claims_app {

namespace {

constexpr std::string_view scheme = "bearer ";

bool has_scheme(std::string_view authorization) {
  if (authorization.size() < scheme.size()) return false;
  for (std::size_t at = 0; at < scheme.size(); ++at) {
    const char byte = authorization[at];
    const char lower = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    if (lower != scheme[at]) return false;
  }
  return true;
}

problem unauthorised(std::string detail, std::string challenge) {
  return {.status = 401,
          .kind = {},
          .detail = std::move(detail),
          .items = {},
          .headers = {{.name = "WWW-Authenticate", .value = std::move(challenge)}}};
}

}  // namespace

void access_guard::free_algorithm::operator()(EVP_MD* algorithm) const noexcept { EVP_MD_free(algorithm); }

access_guard::access_guard(options chosen)
    : api_needs_token_(chosen.api_needs_token), sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)) {
  if (chosen.token.size() < 16)
    throw std::invalid_argument("access_guard: token must be at least 16 characters, got " +
                                std::to_string(chosen.token.size()));
  if (!sha256_) throw std::runtime_error("access_guard: OpenSSL has no SHA-256");
  token_ = digest_of(chosen.token);
  OPENSSL_cleanse(chosen.token.data(), chosen.token.size());
}

std::optional<problem> access_guard::refusal(access needed, std::string_view authorization) const {
  if (needed == access::open || (needed == access::api && !api_needs_token_)) return std::nullopt;
  if (!has_scheme(authorization))
    return unauthorised("This route needs the header Authorization: Bearer <token>.",
                        "Bearer realm=\"hasten\"");
  authorization.remove_prefix(scheme.size());
  while (authorization.starts_with(' ')) authorization.remove_prefix(1);
  if (is_token(authorization)) return std::nullopt;
  return unauthorised("The token is not the one of this server.",
                      "Bearer realm=\"hasten\", error=\"invalid_token\"");
}

// Digests have one length, so that the comparison tells nothing about the length of the token either.
bool access_guard::is_token(std::string_view shown) const {
  const digest theirs = digest_of(shown);
  return CRYPTO_memcmp(token_.data(), theirs.data(), theirs.size()) == 0;
}

access_guard::digest access_guard::digest_of(std::string_view text) const {
  digest out{};
  if (EVP_Digest(text.data(), text.size(), out.data(), nullptr, sha256_.get(), nullptr) != 1)
    throw std::runtime_error("access_guard: OpenSSL made no digest");
  return out;
}

std::string generated_token() {
  std::array<std::byte, 32> bytes{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(bytes.size())) != 1)
    throw std::runtime_error("generated_token: the system gave no random bytes");
  return to_base64url(bytes);
}

}  // namespace claims_app
