// SPDX-License-Identifier: BSL-1.0
#include "shared/gzip.hpp"

#include "importing/gz_source.hpp"

#include <catch2/catch_test_macros.hpp>

#include <support/temporary_folder.hpp>

#include <array>
#include <fstream>
#include <string>

namespace {

std::string unpacked(const std::string& packed) {
  const temporary_folder folder;
  const auto path = folder.path() / "packed.gz";
  std::ofstream(path, std::ios::binary) << packed;
  claims_app::gz_source source(path);
  std::string out;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = source.read(buffer)) out.append(buffer.data(), count);
  return out;
}

}  // namespace

TEST_CASE("what was compressed is had back, be it nothing or large") {
  std::string noise;
  for (unsigned at = 0, state = 1; at < 300'000; ++at, state = state * 1'664'525 + 1'013'904'223)
    noise += static_cast<char>(state >> 24);
  for (const std::string& text : {std::string(), std::string("x"), std::string(500'000, 'a'), noise})
    CHECK(unpacked(claims_app::gzip(text)) == text);
}

TEST_CASE("equal texts become equal bytes, and a text that repeats itself becomes short") {
  const std::string text(10'000, 'a');
  CHECK(claims_app::gzip(text) == claims_app::gzip(text));
  CHECK(claims_app::gzip(text).size() < 200);
}
