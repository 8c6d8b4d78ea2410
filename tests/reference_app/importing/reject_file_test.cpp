// SPDX-License-Identifier: BSL-1.0
#include "importing/reject_file.hpp"

#include "support/temporary_folder.hpp"
#include "support/text_file.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>

using claims_app::reject_file;

TEST_CASE("refusals are written when told to, under one header, and added to by later runs") {
  const temporary_folder folder;
  const auto path = folder.path() / "claims.db.rejects.csv";
  {
    reject_file rejects(path);
    rejects.write();
    CHECK_FALSE(std::filesystem::exists(path));
    rejects.add("a.csv", 7, "a date is not a day of the calendar");
    CHECK_FALSE(std::filesystem::exists(path));
    rejects.write();
    rejects.write();
    CHECK(read_file(path) == "file,line,reason\na.csv,7,a date is not a day of the calendar\n");
    rejects.add("lost.csv", 1, "never written");
  }
  reject_file again(path);
  again.add("b \"2\", new.csv", 8, "the row has 3 fields, the header 2");
  again.write();
  CHECK(read_file(path) ==
        "file,line,reason\na.csv,7,a date is not a day of the calendar\n"
        "\"b \"\"2\"\", new.csv\",8,\"the row has 3 fields, the header 2\"\n");
  CHECK(std::filesystem::status(path).permissions() ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a reject file that cannot be made is a failure, not silence") {
  const temporary_folder folder;
  reject_file rejects(folder.path() / "missing" / "rejects.csv");
  rejects.add("a.csv", 1, "reason");
  CHECK_THROWS_AS(rejects.write(), std::runtime_error);
}
