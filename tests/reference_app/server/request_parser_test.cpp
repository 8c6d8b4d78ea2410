// SPDX-License-Identifier: BSL-1.0
#include "server/request_parser.hpp"

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

using claims_app::request_parser;
using claims_app::wire_limits;
using step = request_parser::step;

namespace {

const wire_limits limits{};

struct outcome {
  step head = step::more;
  std::optional<step> body;
  int status = 0;
  std::string path;
  std::string query;
  std::string content;
  std::size_t consumed = 0;
};

outcome parse(std::string_view wire) {
  request_parser parser(limits);
  outcome out;
  out.head = parser.take_head(wire);
  if (out.head == step::ready) {
    out.consumed = parser.consumed();
    out.path = parser.path();
    out.query = parser.query();
    if (!parser.is_complete()) {
      out.body = parser.take_body(wire.substr(out.consumed));
      out.consumed += parser.consumed();
    }
    out.content = parser.body();
  }
  out.status = parser.refusal().status;
  return out;
}

// The status that a request with these fields after a good Host is refused with.
int refusal_of(const std::string& request_line, const std::string& fields, const std::string& body = "") {
  return parse(request_line + "\r\nHost: h\r\n" + fields + "\r\n" + body).status;
}

}  // namespace

TEST_CASE("a request without a body is read to its end and not further") {
  const std::string first = "GET /claims?limit=3 HTTP/1.1\r\nHost: localhost:8080\r\nAccept: */*\r\n\r\n";
  const outcome got = parse(first + "GET /next HTTP/1.1\r\n");
  CHECK(got.head == step::ready);
  CHECK(got.consumed == first.size());
  CHECK(got.path == "/claims");
  CHECK(got.query == "limit=3");
}

TEST_CASE("a head that comes byte by byte is read as if it came at once") {
  const std::string wire = "\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n";
  request_parser parser(limits);
  for (std::size_t size = 1; size < wire.size(); ++size)
    REQUIRE(parser.take_head(std::string_view(wire).substr(0, size)) == step::more);
  CHECK(parser.take_head(wire) == step::ready);
  CHECK(parser.path() == "/a");
  CHECK(parser.consumed() == wire.size());
}

TEST_CASE("a body is read by its length or by its chunks") {
  const outcome sized = parse("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello, and more");
  CHECK(sized.content == "hello");
  CHECK(sized.body == step::ready);
  const outcome chunked = parse(
      "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\nGET");
  CHECK(chunked.content == "hello");
  CHECK(chunked.body == step::ready);
}

TEST_CASE("a body in pieces waits for the rest") {
  request_parser parser(limits);
  REQUIRE(parser.take_head("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n") == step::ready);
  CHECK(parser.take_body("ab") == step::more);
  CHECK(parser.consumed() == 2);
  CHECK(parser.take_body("cd") == step::ready);
  CHECK(parser.body() == "abcd");
}

TEST_CASE("a chunked body is read in whatever pieces it comes, the shortest one too") {
  const std::string head = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string body : {"0\r\n\r\n", "000\r\n\r\n", "0;a=b\r\nX: y\r\n\r\n", "2\r\n00\r\n0\r\n\r\n"})
    for (std::size_t piece = 1; piece < body.size(); ++piece) {
      INFO(body << " in pieces of " << piece);
      request_parser parser(limits);
      REQUIRE(parser.take_head(head) == step::ready);
      std::size_t done = 0;
      step got = step::more;
      for (std::size_t here = piece; got == step::more && done < body.size();
           here = std::min(here + piece, body.size())) {
        got = parser.take_body(std::string_view(body).substr(done, here - done));
        done += parser.consumed();
      }
      CHECK(got == step::ready);
      CHECK(done == body.size());
    }
}

TEST_CASE("the absolute form and a lone authority are understood") {
  CHECK(parse("GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n").path == "/a");
  CHECK(parse("GET http://h?b=c HTTP/1.1\r\nHost: h\r\n\r\n").query == "b=c");
  CHECK(parse("GET http://h HTTP/1.1\r\nHost: h\r\n\r\n").path == "/");
}

TEST_CASE("an older client need not name a host and is not kept") {
  request_parser parser(limits);
  REQUIRE(parser.take_head("GET / HTTP/1.0\r\n\r\n") == step::ready);
  CHECK_FALSE(parser.keeps_alive());
  CHECK_FALSE(parser.is_http11());
}

TEST_CASE("exactly one good Host is needed") {
  CHECK(parse("GET / HTTP/1.1\r\n\r\n").status == 400);
  CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").status == 400);
  CHECK(parse("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").status == 400);
}

TEST_CASE("a message whose end two servers could see differently is refused") {
  const std::string post = "POST / HTTP/1.1";
  CHECK(refusal_of(post, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") == 400);
  CHECK(refusal_of(post, "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "0\r\n\r\n") == 400);
  CHECK(refusal_of(post, "Content-Length: 3\r\nContent-Length: 3\r\n", "abc") == 400);
  CHECK(refusal_of(post, "Content-Length: 3, 3\r\n", "abc") == 400);
  CHECK(refusal_of(post, "Content-Length: +3\r\n", "abc") == 400);
  CHECK(refusal_of(post, "Content-Length: 3\r\nContent-Length: 4\r\n", "abcd") == 400);
  CHECK(refusal_of(post, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") == 400);
  CHECK(refusal_of(post, "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n") ==
        400);
  CHECK(refusal_of("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n") == 400);
  for (const char* coding :
       {"gzip", "gzip, chunked", "chunked, gzip", "xchunked", "chunked;q=1", "identity", ""})
    CHECK(refusal_of(post, std::string("Transfer-Encoding: ") + coding + "\r\n", "0\r\n\r\n") == 501);
}

TEST_CASE("line ends, folds and controls that others might read differently are refused") {
  CHECK(parse("GET / HTTP/1.1\nHost: h\n\n").status == 400);
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n").status == 400);
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n").status == 400);
  CHECK(parse("GET / HTTP/1.1\r\nHost : h\r\n\r\n").status == 400);
  CHECK(parse("GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n").status == 400);
  CHECK(parse("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n").status == 400);
}

TEST_CASE("a first line that no request begins with is refused at once") {
  CHECK(parse("hello\r\n").status == 400);
  CHECK(parse("GET /\r\n").status == 400);
  CHECK(parse("GET / HTTP/1.1 \r\n").status == 400);
  CHECK(parse("GET / HTTP/2.0\r\n").status == 505);
  CHECK(parse("GET / HTTP/1.2\r\n").status == 505);
  CHECK(parse("GET / http/1.1\r\n").status == 400);
}

TEST_CASE("targets and methods that mean nothing here are refused") {
  for (const char* target : {"claims", "*", "h:80", "ftp://h/", "http://", "http://a b/", "/a#b", "/%zz"})
    CHECK(refusal_of(std::string("GET ") + target + " HTTP/1.1", "") == 400);
  CHECK(refusal_of("BREW / HTTP/1.1", "") == 501);
  CHECK(refusal_of("OPTIONS * HTTP/1.1", "") == 0);
}

TEST_CASE("each part of a request has a bound of its own") {
  CHECK(refusal_of("GET /" + std::string(9000, 'a') + " HTTP/1.1", "") == 414);
  CHECK(parse("GET /" + std::string(9000, 'a')).status == 414);
  CHECK(refusal_of("GET / HTTP/1.1", "A: " + std::string(17'000, 'a') + "\r\n") == 431);
  std::string fields;
  for (int count = 0; count < 101; ++count) fields += "A: b\r\n";
  CHECK(refusal_of("GET / HTTP/1.1", fields) == 431);
  CHECK(refusal_of("POST / HTTP/1.1", "Content-Length: 1048577\r\n") == 413);
  CHECK(refusal_of("POST / HTTP/1.1", "Content-Length: 99999999999999999999\r\n") == 400);
  CHECK(refusal_of("POST / HTTP/1.1", "Transfer-Encoding: chunked\r\n", "100001\r\n") == 413);
}

TEST_CASE("chunks are held to their grammar and their bounds") {
  const std::string post = "POST / HTTP/1.1";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  CHECK(refusal_of(post, chunked, "zz\r\n") == 400);
  CHECK(refusal_of(post, chunked, "3\r\nabcd\r\n0\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "1;" + std::string(600, 'x') + "\r\na\r\n0\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "1" + std::string(20'000, ' ')) == 400);
  CHECK(refusal_of(post, chunked, std::string(17, '0') + "\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "1\na\r\n0\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "1;a=\"b\r\nc\"\r\na\r\n0\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "1 \r\na\r\n0\r\n\r\n") == 400);
  std::string many;
  for (int count = 0; count < 200; ++count) many += "1;" + std::string(500, 'x') + "\r\na\r\n";
  CHECK(refusal_of(post, chunked, many) == 400);
}

TEST_CASE("trailers are held to the rules of a head, and change nothing that it said") {
  const std::string post = "POST / HTTP/1.1";
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  CHECK(refusal_of(post, chunked, "0\r\nA: b\r\n c\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "0\r\nA: b\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "0\r\nA : b\r\n\r\n") == 400);
  CHECK(refusal_of(post, chunked, "0\r\nA: " + std::string(9'000, 'b')) == 431);
  std::string fields;
  for (int count = 0; count < 100; ++count) fields += "A: b\r\n";
  CHECK(refusal_of(post, chunked, "0\r\n" + fields + "\r\n") == 431);
  for (const char* framing : {"Content-Length: 1", "Transfer-Encoding: chunked"})
    CHECK(refusal_of(post, chunked, std::string("0\r\n") + framing + "\r\n\r\n") == 400);
  request_parser parser(limits);
  REQUIRE(parser.take_head("POST / HTTP/1.1\r\nHost: h\r\n" + chunked + "\r\n") == step::ready);
  CHECK(parser.take_body("1\r\na\r\n0\r\nConnection: close\r\nAuthorization: x\r\n\r\n") == step::ready);
  CHECK(parser.keeps_alive());
  CHECK(parser.authorization().empty());
  CHECK(parser.body() == "a");
}

TEST_CASE("what is not known is not expected") {
  CHECK(refusal_of("POST / HTTP/1.1", "Expect: a-miracle\r\nContent-Length: 1\r\n") == 417);
  request_parser parser(limits);
  REQUIRE(
      parser.take_head("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n") ==
      step::ready);
  CHECK(parser.wants_continue());
}
