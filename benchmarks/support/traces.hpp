// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace hasten::bench {

inline constexpr const char* traces_missing =
    "HASTEN_TRACES names no folder with NAME.u32.zst, or zstd is not installed";

/// Returns: the keys of the trace NAME.u32.zst (zstd, little-endian uint32, one per request) in the folder
/// named by the environment variable HASTEN_TRACES; nothing where it cannot be read.
inline std::vector<std::uint32_t> read_trace(const std::string& name) {
  const char* const folder = std::getenv("HASTEN_TRACES");
  if (folder == nullptr) return {};
  const std::string path = std::string(folder) + "/" + name + ".u32.zst";
  if (!std::filesystem::exists(path) || path.find('\'') != std::string::npos) return {};
  std::FILE* const pipe = popen(("zstd -dcq '" + path + "'").c_str(), "r");
  if (pipe == nullptr) return {};
  std::vector<std::uint32_t> keys;
  std::array<std::uint32_t, 4096> part;
  while (const std::size_t got = std::fread(part.data(), sizeof(std::uint32_t), part.size(), pipe))
    keys.insert(keys.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(got));
  if (pclose(pipe) != 0) keys.clear();
  return keys;
}

}  // namespace hasten::bench
