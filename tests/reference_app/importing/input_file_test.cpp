// SPDX-License-Identifier: BSL-1.0
#include "importing/input_file.hpp"

#include "importing/bad_input.hpp"
#include "support/temporary_folder.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <string>

using claims_app::bad_input;
using claims_app::csv_reader;
using claims_app::file_digest;
using claims_app::input_file;
using claims_app::source_name;

TEST_CASE("an input file reads records from a plain or compressed file and can skip some") {
  const temporary_folder folder;
  for (const auto& path : {write_file(folder.path() / "a.csv", "x,y\n1,2\n3,4\n5,6\n"),
                           write_gz_file(folder.path() / "a.csv.gz", "x,y\n1,2\n3,4\n5,6\n")}) {
    input_file file(path);
    file.skip(2);
    REQUIRE(file.next() == csv_reader::outcome::row);
    CHECK(file.reader().fields()[1] == "6");
    CHECK(file.reader().line() == 4);
    CHECK(file.next() == csv_reader::outcome::end);
    CHECK(file.position() == file.size());
    file.skip(100);
  }
}

TEST_CASE("a refusal of the file names it once, without its folder") {
  const temporary_folder folder;
  const auto message = [](const std::filesystem::path& path) -> std::string {
    try {
      const input_file file(path);
    } catch (const bad_input& refusal) {
      return refusal.what();
    }
    return "";
  };
  CHECK(message(write_file(folder.path() / "empty.csv", "")) == "empty.csv: the file is empty");
  CHECK(message(folder.path() / "missing.csv") == "missing.csv: there is no such file");
}

TEST_CASE("a digest is SHA-256 of the bytes in the file, and any change changes it") {
  const temporary_folder folder;
  CHECK(file_digest(write_file(folder.path() / "abc", "abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(file_digest(write_file(folder.path() / "empty", "")) ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  std::string large(200'000, 'a');
  const std::string before = file_digest(write_file(folder.path() / "large", large));
  large[150'000] = 'b';
  CHECK(file_digest(write_file(folder.path() / "large", large)) != before);
  CHECK_THROWS_AS(file_digest(folder.path() / "missing"), bad_input);
}

TEST_CASE("a data source is called like its file, without endings") {
  CHECK(source_name("/data/inpatient_S01.csv.gz") == "inpatient_S01");
  CHECK(source_name("inpatient_S01.csv") == "inpatient_S01");
  CHECK(source_name("inpatient.gz") == "inpatient");
  CHECK(source_name("claims.2010.txt") == "claims.2010.txt");
}
