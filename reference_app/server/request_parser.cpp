// SPDX-License-Identifier: BSL-1.0
#include "server/request_parser.hpp"

#include "server/target_rules.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace claims_app {

namespace http = boost::beast::http;

namespace {

constexpr std::size_t empty_lines_max = 4;     // before a request line, as RFC 9112 asks servers to tolerate
constexpr std::size_t beside_target = 32;      // bytes of a request line: method, version and two blanks
constexpr std::size_t extension_max = 512;     // bytes of one chunk's extensions
constexpr std::size_t extensions_max = 65536;  // bytes of all of them
constexpr std::size_t trailers_max = 8192;     // bytes of the last chunk's header and the trailers
constexpr std::size_t size_digits_max = 16;    // of a chunk

constexpr const char* malformed = "The request is malformed.";
constexpr const char* long_target = "The request target is too long.";
constexpr const char* folded = "A header field is folded over lines.";
constexpr const char* bad_chunk = "A chunk header or the trailers are malformed or too large.";

bool is_folded(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

std::string_view as_std(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

request_parser::request_parser(const wire_limits& limits) : limits_(limits) {
  header_limit(static_cast<std::uint32_t>(limits.head_bytes + 2 * empty_lines_max));
  body_limit(limits.body_bytes);
}

request_parser::step request_parser::take_head(std::string_view buffered) {
  std::size_t blank = 0;
  while (blank < 2 * empty_lines_max && buffered.substr(blank).starts_with("\r\n")) blank += 2;
  const std::string_view head = buffered.substr(blank);
  consumed_ = 0;
  const bool whole = scan_lines(head);
  if (refusal_.status != 0) return step::refused;
  if (!whole) {
    // Within the first line still: what does not end is the target.
    if (scanned_ == 0 && head.size() > limits_.target_bytes + beside_target + 1) refuse(414, long_target);
    if (head.size() >= limits_.head_bytes) refuse(431, "The request's header fields are too large.");
    return refusal_.status != 0 ? step::refused : step::more;
  }
  error_code failure;
  const std::size_t used = put(boost::asio::const_buffer(head.data(), scanned_), failure);
  if (refusal_.status == 0 && failure) refuse_for(failure);
  if (refusal_.status == 0) check_head();
  if (refusal_.status != 0) return step::refused;
  consumed_ = blank + used;
  keeps_alive_ = keep_alive();
  head_done_ = true;
  return step::ready;
}

// Returns: the line that begins at `from`, without its end; nothing if it has not ended yet, or as no line may.
std::optional<std::string_view> request_parser::line_at(std::string_view text, std::size_t from) {
  const std::size_t feed = text.find('\n', from);
  const bool has_ended = feed != std::string_view::npos;
  const std::string_view line = text.substr(from, std::min(feed, text.size()) - from);
  const std::size_t carriage = std::min(line.find('\r'), line.size());
  // A carriage return stands before the line feed and nowhere else, but for the last byte that has come so far.
  if (has_ended ? carriage + 1 != line.size() : carriage + 1 < line.size()) {
    refuse(400, malformed);
    return std::nullopt;
  }
  if (!has_ended) return std::nullopt;
  return line.substr(0, carriage);
}

// Beast takes folded lines and would wait for more after a line feed of its own: every line end is seen here
// first. Returns: whether the empty line that ends the head has come.
bool request_parser::scan_lines(std::string_view head) {
  const std::string_view window = head.substr(0, limits_.head_bytes);
  for (;;) {
    const auto line = line_at(window, scanned_);
    if (!line) return false;
    const bool is_first = scanned_ == 0;
    if (is_first && (line->empty() || !scan_first_line(*line))) {
      refuse(400, malformed);
      return false;
    }
    if (!is_first && is_folded(*line)) {
      refuse(400, folded);
      return false;
    }
    scanned_ += line->size() + 2;
    if (line->empty()) return true;
  }
}

bool request_parser::scan_first_line(std::string_view line) {
  if (line.size() > limits_.target_bytes + beside_target) refuse(414, long_target);
  // Without this a line that no request can begin with is waited on until the deadline.
  constexpr std::string_view name = " HTTP/";
  const std::size_t at = line.rfind(' ');
  const std::string_view version = at == std::string_view::npos ? std::string_view{} : line.substr(at);
  const bool shaped = version.size() == name.size() + 3 && version.starts_with(name) && version[7] == '.' &&
                      version[6] >= '0' && version[6] <= '9' && version[8] >= '0' && version[8] <= '9';
  if (!shaped) return false;
  if (version[6] != '1' || version[8] > '1') refuse(505, "This server speaks HTTP/1.1.");
  const std::size_t target = line.find(' ') + 1;
  if (at > target && at - target > limits_.target_bytes) refuse(414, long_target);
  return refusal_.status == 0;
}

void request_parser::check_head() {
  if (fields_ > limits_.fields) return refuse(431, "The request has too many header fields.");
  if (hosts_ > 1 || (hosts_ == 0 && version_ == 11))
    return refuse(400, "A request needs exactly one Host field.");
  if (hosts_ == 1 && !is_host(host_)) return refuse(400, "The Host field is malformed.");
  check_framing();
  if (refusal_.status != 0) return;
  if (authorizations_ > 1 || content_types_ > 1 || idempotency_keys_ > 1)
    return refuse(400, "A header field is given more than once.");
  check_target();
  if (refusal_.status != 0) return;
  if (method_ == http::verb::unknown) return refuse(501, "The method is not known here.");
  if (!expect_.empty()) {
    if (!boost::beast::iequals(expect_, "100-continue"))
      return refuse(417, "Only 100-continue can be expected.");
    wants_continue_ = version_ == 11;
  }
}

void request_parser::check_framing() {
  if (content_lengths_ > 1 || (content_lengths_ == 1 && !is_digits(content_length_)))
    return refuse(400, "The Content-Length field is malformed.");
  if (transfer_encodings_ == 0) return;
  if (content_lengths_ > 0 || transfer_encodings_ > 1 || version_ != 11)
    return refuse(400, "The Transfer-Encoding field is malformed or not allowed here.");
  if (!boost::beast::iequals(transfer_encoding_, "chunked"))
    return refuse(501, "The only transfer coding taken is chunked.");
}

void request_parser::check_target() {
  std::string_view rest = target_;
  if (!is_clean_target(rest)) return refuse(400, "The request target is malformed.");
  if (!rest.starts_with('/')) {
    constexpr std::string_view scheme = "http://";
    if (rest == "*" && method_ == http::verb::options) {
      path_ = rest;
      return;
    }
    if (rest.size() <= scheme.size() || !boost::beast::iequals(rest.substr(0, scheme.size()), scheme))
      return refuse(400, "The request target is malformed.");
    rest.remove_prefix(scheme.size());
    const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
    if (!is_host(rest.substr(0, slash)) || slash == 0) return refuse(400, "The request target is malformed.");
    rest.remove_prefix(slash);
    if (!rest.starts_with('/')) {  // the authority alone, perhaps with a query: the path is the root
      query_ = rest.substr(std::min<std::size_t>(1, rest.size()));
      path_ = "/";
      return;
    }
  }
  const std::size_t mark = std::min(rest.find('?'), rest.size());
  path_ = rest.substr(0, mark);
  query_ = rest.substr(std::min(mark + 1, rest.size()));
}

request_parser::step request_parser::take_body(std::string_view buffered) {
  consumed_ = 0;
  while (!is_done()) {
    std::string_view rest = buffered.substr(consumed_);
    if (rest.empty()) return step::more;
    if (chunked()) {
      rest = chunk_left_ > 0 ? rest.substr(0, chunk_left_) : chunk_header(rest);
      if (refusal_.status != 0) return step::refused;
      if (rest.empty()) return step::more;
    }
    error_code failure;
    consumed_ += put(boost::asio::const_buffer(rest.data(), rest.size()), failure);
    if (refusal_.status == 0 && failure) refuse_for(failure);
    if (refusal_.status != 0) return step::refused;
  }
  return step::ready;
}

// Shown a header in pieces Beast fails an assertion, and it reads a quoted text over the end of its line: it is given whole
// headers, looked at before. Returns: the chunk header at the front, with the line end before it, and the trailers behind
// the last; nothing if not all of that has come.
std::string_view request_parser::chunk_header(std::string_view rest) {
  const std::size_t begin = has_chunks_ ? 2 : 0;
  if (has_chunks_ && !std::string_view("\r\n").starts_with(rest.substr(0, 2))) {
    refuse(400, bad_chunk);
    return {};
  }
  const std::string_view window = rest.substr(0, begin + trailers_max);
  if (window.size() < begin) return {};
  const auto line = line_at(window, begin);
  if (!line) {
    if (window.size() - begin > size_digits_max + extension_max + 2) refuse(400, bad_chunk);
    return {};
  }
  const std::size_t digits = std::min(line->find_first_not_of("0123456789abcdefABCDEF"), line->size());
  const std::string_view extensions = line->substr(digits);
  if (digits == 0 || digits > size_digits_max || extensions.size() > extension_max ||
      !is_chunk_extensions(extensions)) {
    refuse(400, bad_chunk);
    return {};
  }
  std::size_t end = begin + line->size() + 2;
  if (line->find_first_not_of('0') < digits) return rest.substr(0, end);
  for (auto trailer = line_at(window, end); trailer; trailer = line_at(window, end)) {
    end += trailer->size() + 2;
    if (trailer->empty()) return rest.substr(0, end);
    if (is_folded(*trailer)) refuse(400, folded);
  }
  if (window.size() == begin + trailers_max) refuse(431, "The trailers are too large.");
  return {};
}

void request_parser::refuse(int status, const char* detail) noexcept {
  if (refusal_.status == 0) refusal_ = {.status = status, .detail = detail};
}

void request_parser::refuse_for(const error_code& failure) noexcept {
  if (failure == http::error::body_limit) return refuse(413, "The body is too large.");
  if (failure == http::error::header_limit) return refuse(431, "The request's header fields are too large.");
  refuse(400, malformed);
}

void request_parser::on_request_impl(http::verb method, string_view_type, string_view_type target,
                                     int version, error_code&) {
  method_ = method;
  target_ = as_std(target);
  version_ = version;
}

void request_parser::on_field_impl(http::field name, string_view_type name_text, string_view_type value,
                                   error_code& ec) {
  ++fields_;
  if (head_done_) {  // a trailer: nothing in it can change what the head decided
    if (fields_ > limits_.fields) {
      refuse(431, "The request has too many header fields.");
      ec = http::error::bad_field;
    }
    return;
  }
  switch (name) {
    case http::field::host:
      ++hosts_;
      host_ = as_std(value);
      break;
    case http::field::authorization:
      ++authorizations_;
      authorization_ = as_std(value);
      break;
    case http::field::content_type:
      ++content_types_;
      content_type_ = as_std(value);
      break;
    case http::field::content_length:
      ++content_lengths_;
      content_length_ = as_std(value);
      break;
    case http::field::transfer_encoding:
      ++transfer_encodings_;
      transfer_encoding_ = as_std(value);
      break;
    case http::field::expect:
      expect_ = as_std(value);
      break;
    case http::field::accept:
      ++accepts_;
      accept_ = as_std(value);
      break;
    case http::field::accept_encoding:
      ++accept_encodings_;
      accept_encoding_ = as_std(value);
      break;
    case http::field::if_match:
      ++if_matches_;
      if_match_ = as_std(value);
      break;
    case http::field::if_none_match:
      ++if_none_matches_;
      if_none_match_ = as_std(value);
      break;
    case http::field::content_encoding:
      content_encoding_ = as_std(value);
      break;
    case http::field::unknown:
      if (boost::beast::iequals(name_text, "traceparent")) {
        ++traceparents_;
        traceparent_ = as_std(value);
      } else if (boost::beast::iequals(name_text, "last-event-id")) {
        last_event_id_ = as_std(value);
      } else if (boost::beast::iequals(name_text, "idempotency-key")) {
        ++idempotency_keys_;
        idempotency_key_ = as_std(value);
      }
      break;
    default:
      break;
  }
}

#if BOOST_BEAST_VERSION >= 359
void request_parser::on_trailer_field_impl(http::field name, string_view_type text, string_view_type value,
                                           error_code& ec) {
  on_field_impl(name, text, value, ec);
}
#endif

std::size_t request_parser::on_body_impl(string_view_type body, error_code&) {
  body_.append(body.data(), body.size());
  return body.size();
}

void request_parser::on_chunk_header_impl(std::uint64_t size, string_view_type extensions, error_code& ec) {
  has_chunks_ = true;
  chunk_left_ = size;
  extension_bytes_ += extensions.size();
  if (extension_bytes_ <= extensions_max) return;
  refuse(400, "The chunk extensions are too large.");
  ec = http::error::bad_chunk_extension;
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, string_view_type body, error_code&) {
  body_.append(body.data(), body.size());
  chunk_left_ -= body.size();
  return body.size();
}

}  // namespace claims_app
