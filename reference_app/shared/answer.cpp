// SPDX-License-Identifier: BSL-1.0
#include "shared/answer.hpp"

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
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
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

rendered_answer render(const answer& what) {
  rendered_answer out{.status = what.status, .head = "HTTP/1.1 ", .body = what.body};
  std::string& head = out.head;
  head += std::to_string(what.status);
  head += ' ';
  head += reason_phrase(what.status);
  if (what.status != 204) {  // which has no body, and must not speak of one
    head += "\r\nContent-Type: ";
    head += what.content_type;
    head += "\r\nContent-Length: ";
    head += std::to_string(what.body.size());
  }
  // Every body here may speak of patients or of the machine: no proxy and no browser keeps a copy.
  head += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  for (const answer_header& header : what.headers) {
    head += header.name;
    head += ": ";
    head += header.value;
    head += "\r\n";
  }
  return out;
}

}  // namespace claims_app
