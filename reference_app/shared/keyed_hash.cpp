// SPDX-License-Identifier: BSL-1.0
#include "shared/keyed_hash.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

namespace claims_app {
namespace {

struct mac_deleter {
  void operator()(EVP_MAC* mac) const noexcept { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const noexcept { EVP_MAC_CTX_free(context); }
};

void require(bool done) {
  if (!done) throw std::runtime_error("OpenSSL could not compute HMAC-SHA256");
}

class file_descriptor {
 public:
  explicit file_descriptor(int descriptor) noexcept : descriptor_(descriptor) {}
  file_descriptor(const file_descriptor&) = delete;
  file_descriptor& operator=(const file_descriptor&) = delete;
  ~file_descriptor() {
    if (is_open()) ::close(descriptor_);
  }
  [[nodiscard]] bool is_open() const noexcept { return descriptor_ >= 0; }
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;  // negative: opening failed
};

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw std::runtime_error("key file " + path.string() + ": " + what);
}

[[noreturn]] void fail_with_errno(const std::filesystem::path& path, const std::string& what) {
  fail(path, what + ": " + std::generic_category().message(errno));
}

std::optional<secret_key> load_key(const std::filesystem::path& path) {
  const file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    fail_with_errno(path, "cannot be opened");
  }
  struct stat about{};
  if (::fstat(file.get(), &about) != 0) fail_with_errno(path, "cannot be examined");
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    fail(path, "is open to others than its owner; make it mode 0600");
  if (about.st_size != static_cast<off_t>(secret_key_size)) fail(path, "must have exactly 32 bytes");
  secret_key key{};
  if (::read(file.get(), key.data(), key.size()) != static_cast<ssize_t>(key.size()))
    fail_with_errno(path, "cannot be read");
  return key;
}

// Written whole under a name of its own and then linked: no reader ever sees half a key, and of several
// writers the first one wins.
void create_key(const std::filesystem::path& path) {
  secret_key key{};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(key.data()), static_cast<int>(key.size())) != 1)
    throw std::runtime_error("the operating system gave no random bytes");
  std::string draft = path.string() + ".XXXXXX";
  {
    const file_descriptor file(::mkostemp(draft.data(), O_CLOEXEC));  // mode 0600 by POSIX
    if (!file.is_open()) fail_with_errno(path, "cannot be made");
    const bool written = ::write(file.get(), key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                         ::fsync(file.get()) == 0;
    OPENSSL_cleanse(key.data(), key.size());
    if (!written) {
      ::unlink(draft.c_str());
      fail_with_errno(path, "cannot be written");
    }
  }
  const bool linked = ::link(draft.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int reason = errno;
  ::unlink(draft.c_str());
  errno = reason;
  if (!linked) fail_with_errno(path, "cannot be made");
}

}  // namespace

struct keyed_hash::state {
  std::unique_ptr<EVP_MAC_CTX, mac_deleter> keyed;  // never fed: every message gets a copy
};

keyed_hash::keyed_hash(const secret_key& key) {
  const std::unique_ptr<EVP_MAC, mac_deleter> mac(EVP_MAC_fetch(nullptr, "HMAC", nullptr));
  require(mac != nullptr);
  std::unique_ptr<EVP_MAC_CTX, mac_deleter> context(EVP_MAC_CTX_new(mac.get()));
  require(context != nullptr);
  std::string digest_name = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name.data(), 0),
      OSSL_PARAM_construct_end()};
  require(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       parameters) == 1);
  state_ = std::make_shared<const state>(state{std::move(context)});
}

keyed_hash::digest keyed_hash::operator()(std::string_view message) const {
  const std::unique_ptr<EVP_MAC_CTX, mac_deleter> context(EVP_MAC_CTX_dup(state_->keyed.get()));
  require(context != nullptr);
  require(EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(message.data()),
                         message.size()) == 1);
  digest result{};
  std::size_t written = 0;
  require(EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(result.data()), &written,
                        result.size()) == 1 &&
          written == result.size());
  return result;
}

keyed_hash keyed_hash::derive(std::string_view label) const { return keyed_hash((*this)(label)); }

keyed_hash member_index(const secret_key& key) { return keyed_hash(key).derive("member_bidx"); }

bool equal_in_constant_time(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
  return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::filesystem::path key_path(const std::filesystem::path& database) {
  std::filesystem::path path = database;
  path += ".key";
  return path;
}

secret_key load_or_create_key(const std::filesystem::path& path) {
  if (const auto key = load_key(path)) return *key;
  create_key(path);
  if (const auto key = load_key(path)) return *key;
  fail(path, "vanished while it was being made");
}

}  // namespace claims_app
