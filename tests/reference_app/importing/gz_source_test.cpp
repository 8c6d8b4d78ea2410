// SPDX-License-Identifier: BSL-1.0
#include "importing/gz_source.hpp"

#include "importing/bad_input.hpp"
#include "support/temporary_folder.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

using claims_app::bad_input;
using claims_app::gz_source;

namespace {

std::string read_all(gz_source& source, std::size_t piece = 1000) {
  std::string text;
  std::vector<char> buffer(piece);
  while (const std::size_t count = source.read(buffer)) text.append(buffer.data(), count);
  return text;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  return text;
}

}  // namespace

TEST_CASE("a file is read the same whether it is plain or compressed, whatever its name") {
  const temporary_folder folder;
  const std::string text = long_text();
  for (const auto& path :
       {write_file(folder.path() / "plain.gz", text), write_gz_file(folder.path() / "packed.csv", text)}) {
    gz_source source(path);
    CHECK(source.position() == 0);
    CHECK(read_all(source) == text);
    CHECK(source.position() == source.size());
    CHECK(source.size() == std::filesystem::file_size(path));
    std::vector<char> buffer(10);
    CHECK(source.read(buffer) == 0);
    CHECK(source.read({}) == 0);
  }
}

TEST_CASE("compressed files joined together are read as one") {
  const temporary_folder folder;
  const std::string one = read_file(write_gz_file(folder.path() / "one.gz", "first\n"));
  const std::string two = read_file(write_gz_file(folder.path() / "two.gz", "second\n"));
  gz_source source(write_file(folder.path() / "both.gz", one + two));
  CHECK(read_all(source, 3) == "first\nsecond\n");
}

TEST_CASE("a compressed file cut anywhere is truncated, never just shorter") {
  const temporary_folder folder;
  const std::string packed =
      read_file(write_gz_file(folder.path() / "whole.gz", long_text().substr(0, 3000)));
  for (std::size_t kept = 2; kept < packed.size(); ++kept) {
    gz_source source(write_file(folder.path() / "cut.gz", std::string_view(packed).substr(0, kept)));
    CHECK_THROWS_AS(read_all(source), bad_input);
  }
}

TEST_CASE("what was decompressed before the cut is given before the refusal") {
  const temporary_folder folder;
  const std::string text = long_text();
  const std::string packed = read_file(write_gz_file(folder.path() / "whole.gz", text));
  gz_source source(
      write_file(folder.path() / "cut.gz", std::string_view(packed).substr(0, packed.size() / 2)));
  std::string got;
  std::vector<char> buffer(1000);
  const auto read_on = [&] {
    while (const std::size_t count = source.read(buffer)) got.append(buffer.data(), count);
  };
  CHECK_THROWS_AS(read_on(), bad_input);
  CHECK(got.size() > text.size() / 4);
  CHECK(text.starts_with(got));
}

TEST_CASE("corrupt data and anything after the end are refused") {
  const temporary_folder folder;
  std::string packed = read_file(write_gz_file(folder.path() / "whole.gz", long_text()));
  gz_source trailing(write_file(folder.path() / "trailing.gz", packed + "more"));
  CHECK_THROWS_AS(read_all(trailing), bad_input);
  std::string wrong_checksum = packed;
  wrong_checksum[wrong_checksum.size() - 8] =
      static_cast<char>(wrong_checksum[wrong_checksum.size() - 8] ^ 1);
  gz_source checksum(write_file(folder.path() / "checksum.gz", wrong_checksum));
  CHECK_THROWS_AS(read_all(checksum), bad_input);
  packed[packed.size() / 2] = static_cast<char>(packed[packed.size() / 2] ^ 0x55);
  gz_source corrupt(write_file(folder.path() / "corrupt.gz", packed));
  CHECK_THROWS_AS(read_all(corrupt), bad_input);
}

TEST_CASE("a missing file and a folder are refused; an empty file is empty") {
  const temporary_folder folder;
  CHECK_THROWS_AS(gz_source(folder.path() / "missing.csv"), bad_input);
  CHECK_THROWS_AS(gz_source(folder.path()), bad_input);
  gz_source source(write_file(folder.path() / "empty.csv", ""));
  CHECK(read_all(source).empty());
}
