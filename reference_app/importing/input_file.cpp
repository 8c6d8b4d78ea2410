// SPDX-License-Identifier: BSL-1.0
#include "importing/input_file.hpp"

#include "importing/bad_input.hpp"

#include <openssl/evp.h>

#include <array>
#include <fstream>
#include <stdexcept>
#include <string_view>

namespace claims_app {

input_file::input_file(const std::filesystem::path& path)
    : name_(path.filename().string()), source_(std::make_unique<gz_source>(path)) {
  try {
    reader_ = std::make_unique<csv_reader>(
        [source = source_.get()](std::span<char> buffer) { return source->read(buffer); });
  } catch (const bad_input& refusal) {
    const std::string_view text = refusal.what();
    throw bad_input(text.starts_with(name_) ? std::string(text) : name_ + ": " + std::string(text));
  }
}

csv_reader::outcome input_file::next() { return reader_->next(); }

void input_file::skip(std::uint64_t count) {
  for (; count != 0; --count)
    if (next() == csv_reader::outcome::end) return;
}

std::string file_digest(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::ifstream file(path, std::ios::binary);
  if (!file) throw bad_input(name + ": cannot be opened");
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  bool done = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  std::array<char, 64 * 1024> buffer{};
  while (done && file) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    done = EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(file.gcount())) == 1;
  }
  if (!file.eof()) throw bad_input(name + ": cannot be read");
  std::array<unsigned char, 32> digest{};
  if (!done || EVP_DigestFinal_ex(context.get(), digest.data(), nullptr) != 1)
    throw std::runtime_error("OpenSSL could not compute SHA-256");
  std::string text;
  for (const unsigned char byte : digest) {
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 15U];
  }
  return text;
}

std::string source_name(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  for (const std::string_view suffix : {".gz", ".csv"})
    if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  return name;
}

}  // namespace claims_app
