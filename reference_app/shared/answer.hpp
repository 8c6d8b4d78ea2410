// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// One header of an answer. Names are literals of ours; a value never repeats what a client sent.
struct answer_header {
  std::string_view name;
  std::string value;
};

/// What a handler answers: everything that does not depend on the connection or on the single request.
/// Thread safety: thread-compatible.
struct answer {
  int status = 200;
  std::string_view content_type = "application/json";  // a literal
  std::string body;
  std::vector<answer_header> headers;
  std::string etag =
      {};  // strong, with its quotation marks; empty: what is kept gets its digest, anything else none
};

/// An answer whose constant part is already in wire form, so that a cache hit is appended and sent.
/// `head` runs from the status line to the last constant header; the sender adds what belongs to one request
/// (X-Request-Id, Server-Timing, Date, Connection) and the empty line. Thread safety: immutable once shared.
struct rendered_answer {
  int status = 200;
  std::string head;
  std::string body;
  std::string etag = {};          // with its quotation marks; empty: none
  std::string not_modified = {};  // the head of the 304 that stands for it; empty: none
};
using rendered_answer_ptr = std::shared_ptr<const rendered_answer>;

[[nodiscard]] rendered_answer render(const answer& what);

enum class coding { identity, gzip };

/// Renders an answer to be kept: with an entity tag made of the body's digest, and compressed if that is asked for and the
/// body is long enough to gain by it. Complexity: linear in the body; about 1 µs, compressed 30 µs, per KiB.
[[nodiscard]] rendered_answer render_to_keep(const answer& what, coding wanted);

/// Returns: the reason phrase of `status`; "Unknown" for one this server never sends.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

}  // namespace claims_app
