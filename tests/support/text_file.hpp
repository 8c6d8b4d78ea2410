// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

/// Writes a file whole, as it is given.
inline std::filesystem::path write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return path;
}

/// Writes a file whole, compressed as one gzip member.
inline std::filesystem::path write_gz_file(const std::filesystem::path& path, std::string_view text) {
  const gzFile file = gzopen(path.c_str(), "wb");
  const bool written = file != nullptr && gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
                                              static_cast<int>(text.size());
  if (file == nullptr || gzclose(file) != Z_OK || !written)
    throw std::runtime_error("cannot write " + path.string());
  return path;
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
