// SPDX-License-Identifier: BSL-1.0
#include "shared/answer.hpp"

#include "shared/base64url.hpp"
#include "shared/entity_tag.hpp"
#include "shared/gzip.hpp"

#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <span>

namespace claims_app {

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

namespace {

// Every body here may speak of patients or of the machine: no proxy and no browser keeps a copy.
constexpr std::string_view guards = "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
constexpr std::size_t gzip_min = 1'024;  // below it the gain is a packet at best

std::string first_line(int status) {
  std::string out = "HTTP/1.1 ";
  out += std::to_string(status);
  out += ' ';
  out += reason_phrase(status);
  out += "\r\n";
  return out;
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  head += name;
  head += ": ";
  head += value;
  head += "\r\n";
}

// 96 bits of SHA-256: by chance two bodies never share it, and nothing can be read from it but that they are equal.
std::string digest_tag(std::string_view body) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data());
  return '"' + to_base64url(std::as_bytes(std::span(digest).first(12))) + '"';
}

}  // namespace

rendered_answer render(const answer& what) {
  rendered_answer out{.status = what.status, .head = first_line(what.status), .body = what.body};
  if (what.status != 204) {  // which has no body, and must not speak of one
    append_header(out.head, "Content-Type", what.content_type);
    append_header(out.head, "Content-Length", std::to_string(what.body.size()));
  }
  out.head += guards;
  if (!what.etag.empty()) append_header(out.head, "ETag", what.etag);
  for (const answer_header& header : what.headers) append_header(out.head, header.name, header.value);
  return out;
}

rendered_answer render_to_keep(const answer& what, coding wanted) {
  if (what.status != 200) return render(what);
  const bool gains = what.body.size() >= gzip_min;
  answer sent = what;
  if (gains) sent.headers.push_back({.name = "Vary", .value = "Accept-Encoding"});
  if (gains && wanted == coding::gzip) {
    sent.body = gzip(what.body);
    sent.headers.push_back({.name = "Content-Encoding", .value = "gzip"});
  }
  if (sent.etag.empty())
    sent.etag = digest_tag(sent.body);
  else if (gains && wanted == coding::gzip)
    sent.etag = gzip_tag(sent.etag);
  rendered_answer out = render(sent);
  out.etag = sent.etag;
  out.not_modified = first_line(304);
  append_header(out.not_modified, "ETag", out.etag);
  if (gains) append_header(out.not_modified, "Vary", "Accept-Encoding");
  out.not_modified += guards;
  return out;
}

}  // namespace claims_app
