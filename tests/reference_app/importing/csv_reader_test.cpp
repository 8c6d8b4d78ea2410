// SPDX-License-Identifier: BSL-1.0
#include "importing/csv_reader.hpp"

#include "importing/bad_input.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

using claims_app::bad_input;
using claims_app::csv_reader;

namespace {

// Gives the text in pieces of `piece` bytes, so that every boundary falls everywhere.
csv_reader::read_function pieces_of(std::string text, std::size_t piece) {
  return [text = std::move(text), piece, at = std::make_shared<std::size_t>(0)](std::span<char> to) {
    const std::size_t count = std::min({piece, to.size(), text.size() - *at});
    std::memcpy(to.data(), text.data() + *at, count);
    *at += count;
    return count;
  };
}

struct record {
  std::uint64_t line;
  std::vector<std::string> fields;
  std::string reason;
  bool operator==(const record&) const = default;
};

std::vector<record> read_all(const std::string& text, std::size_t piece = 1 << 20,
                             csv_reader::options opts = {}) {
  csv_reader reader(pieces_of(text, piece), opts);
  std::vector<record> result;
  for (auto got = reader.next(); got != csv_reader::outcome::end; got = reader.next())
    result.push_back({reader.line(), {reader.fields().begin(), reader.fields().end()}, reader.reason()});
  CHECK(reader.records() == result.size());
  CHECK(reader.next() == csv_reader::outcome::end);
  return result;
}

}  // namespace

TEST_CASE("records are split into the header's columns, wherever the input is cut") {
  const std::string text =
      "\xEF\xBB\xBFid,\"the name\",note\r\n1,Ann,\r\n\r\n2,\"Bob, "
      "\"\"B\"\"\",\"two\nlines\"\n3,,\"\"\n4,,end";
  for (std::size_t piece = 1; piece < text.size() + 2; ++piece) {
    csv_reader header(pieces_of(text, piece));
    CHECK(header.columns() == std::vector<std::string>{"id", "the name", "note"});
    CHECK(header.column("note") == 2);
    CHECK_FALSE(header.column("Note"));
    CHECK(read_all(text, piece) == std::vector<record>{{2, {"1", "Ann", ""}, ""},
                                                       {4, {"2", "Bob, \"B\"", "two\nlines"}, ""},
                                                       {6, {"3", "", ""}, ""},
                                                       {7, {"4", "", "end"}, ""}});
  }
}

TEST_CASE("a bad record is told without its values, and the records after it are read") {
  const auto got = read_all("a,b\nsecret\n1,2\n1,2,3\n\"x\"y,2\nx\"y,2\n3,4\n");
  REQUIRE(got.size() == 6);
  CHECK(got[0] == record{2, {}, "the row has 1 fields, the header 2"});
  CHECK(got[1].fields == std::vector<std::string>{"1", "2"});
  CHECK(got[2] == record{4, {}, "the row has 3 fields, the header 2"});
  CHECK(got[3] == record{5, {}, "text follows a closing quote"});
  CHECK(got[4] == record{6, {}, "a quote stands within an unquoted field"});
  CHECK(got[5] == record{7, {"3", "4"}, ""});
}

TEST_CASE("an open quote costs its own line only") {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    const auto got = read_all("a,b\n1,\"open\n2,x\n3,y\n", piece);
    REQUIRE(got.size() == 3);
    CHECK(got[0] == record{2, {}, "a quoted field does not end"});
    CHECK(got[1] == record{3, {"2", "x"}, ""});
    CHECK(got[2] == record{4, {"3", "y"}, ""});
  }
}

TEST_CASE("a record past the bound is skipped in bounded memory, quoted or not") {
  const std::string filler(1000, 'x');
  std::string lines;
  for (int i = 0; i < 50; ++i) lines += "5,6\n";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{4096}}) {
    const auto plain = read_all("a,b\n" + filler + ",1\n1,2\n", piece, {.record_bytes_max = 100});
    REQUIRE(plain.size() == 2);
    CHECK(plain[0] == record{2, {}, "the record is longer than 100 bytes"});
    CHECK(plain[1] == record{3, {"1", "2"}, ""});
    const auto quoted = read_all("a,b\n\"open,1\n" + lines, piece, {.record_bytes_max = 100});
    REQUIRE(quoted.size() == 51);
    CHECK(quoted[0].reason == "the record is longer than 100 bytes");
    CHECK(quoted[1] == record{3, {"5", "6"}, ""});
    CHECK(quoted[50] == record{52, {"5", "6"}, ""});
  }
  const auto exact = read_all("a\n" + std::string(99, 'y') + "\n", 64, {.record_bytes_max = 100});
  REQUIRE(exact.size() == 1);
  CHECK(exact[0].reason.empty());
}

TEST_CASE("more fields than the bound are refused") {
  const auto got = read_all("a,b\n1,2,3,4\n1,2\n", 64, {.fields_max = 3});
  REQUIRE(got.size() == 2);
  CHECK(got[0].reason == "the row has more than 3 fields");
  CHECK(got[1].reason.empty());
}

TEST_CASE("a file without a usable header is refused") {
  CHECK_THROWS_AS(read_all(""), bad_input);
  CHECK_THROWS_AS(read_all("\n\n"), bad_input);
  CHECK_THROWS_AS(read_all("a,b,a\n1,2,3\n"), bad_input);
  CHECK_THROWS_AS(read_all("a,\"b\n"), bad_input);
}

TEST_CASE("options out of range and a missing function are refused") {
  CHECK_THROWS_MATCHES(
      read_all("a\n", 1, {.record_bytes_max = 63}), std::invalid_argument,
      Catch::Matchers::Message("csv_reader: record_bytes_max must be 64..1073741824, got 63"));
  CHECK_THROWS_AS(read_all("a\n", 1, {.fields_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(csv_reader(nullptr), std::invalid_argument);
}

TEST_CASE("what the source throws comes through") {
  csv_reader reader([first = true](std::span<char> to) mutable -> std::size_t {
    if (!first) throw bad_input("truncated");
    first = false;
    std::memcpy(to.data(), "a\n1\n2", 5);
    return 5;
  });
  CHECK(reader.next() == csv_reader::outcome::row);
  CHECK_THROWS_AS(reader.next(), bad_input);
}
