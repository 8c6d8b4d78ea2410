// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/wire_limits.hpp"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/version.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

/// Why a request is refused: a status and a sentence of ours, both literals.
struct wire_refusal {
  int status = 0;  ///< 0: it is not refused
  const char* detail = "";
};

/// Reads one request: Beast's grammar behind a guard of our own, for Beast lets shapes pass that make two
/// servers disagree about where a request ends.
///
/// The whole head is handed to Beast in one piece, so every view points into the caller's buffer and holds
/// until the caller moves it. One object reads one request. Thread safety: single-owner.
///
///     request_parser parser(limits);
///     if (parser.take_head(buffered) == request_parser::step::ready)
///       route(parser.target());        // views into `buffered`
class request_parser final : private boost::beast::http::basic_parser<true> {
 public:
  enum class step { more, ready, refused };

  explicit request_parser(const wire_limits& limits);

  /// Looks for a whole head at the front of `buffered`, which grows from call to call.
  step take_head(std::string_view buffered);

  /// Reads as much of the body as `buffered` holds; `consumed()` says how many bytes that was.
  step take_body(std::string_view buffered);

  /// Returns: bytes of the last call's buffer that are done with.
  [[nodiscard]] std::size_t consumed() const noexcept { return consumed_; }
  [[nodiscard]] wire_refusal refusal() const noexcept { return refusal_; }
  [[nodiscard]] bool is_complete() const { return is_done(); }

  [[nodiscard]] boost::beast::http::verb method() const noexcept { return method_; }
  [[nodiscard]] std::string_view path() const noexcept { return path_; }    // raw, without the query
  [[nodiscard]] std::string_view query() const noexcept { return query_; }  // raw, without '?'
  [[nodiscard]] std::string_view authorization() const noexcept { return authorization_; }
  [[nodiscard]] std::string_view content_type() const noexcept { return content_type_; }
  [[nodiscard]] std::string_view content_encoding() const noexcept { return content_encoding_; }
  [[nodiscard]] std::string_view accept() const noexcept { return once(accepts_, accept_); }
  [[nodiscard]] std::string_view accept_encoding() const noexcept {
    return once(accept_encodings_, accept_encoding_);
  }
  [[nodiscard]] std::string_view if_none_match() const noexcept {
    return once(if_none_matches_, if_none_match_);
  }
  [[nodiscard]] std::string_view if_match() const noexcept { return once(if_matches_, if_match_); }
  [[nodiscard]] std::string_view idempotency_key() const noexcept { return idempotency_key_; }
  [[nodiscard]] std::string_view last_event_id() const noexcept { return last_event_id_; }
  [[nodiscard]] std::string_view traceparent() const noexcept { return once(traceparents_, traceparent_); }
  /// Returns: whether the head says how long the body is, be it by chunks.
  [[nodiscard]] bool tells_length() const noexcept { return content_lengths_ > 0 || transfer_encodings_ > 0; }
  [[nodiscard]] bool wants_continue() const noexcept { return wants_continue_; }
  [[nodiscard]] bool keeps_alive() const noexcept { return keeps_alive_; }  // as the head said
  [[nodiscard]] bool is_http11() const noexcept { return version_ == 11; }
  [[nodiscard]] const std::string& body() const noexcept { return body_; }

 private:
  // Of several fields that say different things none can be believed.
  static std::string_view once(int count, std::string_view value) noexcept {
    return count == 1 ? value : std::string_view();
  }

  using string_view_type = boost::beast::string_view;
  using error_code = boost::beast::error_code;

  std::optional<std::string_view> line_at(std::string_view text, std::size_t from);
  bool scan_lines(std::string_view head);
  bool scan_first_line(std::string_view line);
  void check_head();
  void check_framing();
  void check_target();
  std::string_view chunk_header(std::string_view rest);
  void refuse(int status, const char* detail) noexcept;
  void refuse_for(const error_code& failure) noexcept;

  void on_request_impl(boost::beast::http::verb method, string_view_type method_text, string_view_type target,
                       int version, error_code& ec) override;
  void on_response_impl(int, string_view_type, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field name, string_view_type name_text, string_view_type value,
                     error_code& ec) override;
#if BOOST_BEAST_VERSION >= 359
  void on_trailer_field_impl(boost::beast::http::field, string_view_type, string_view_type,
                             error_code& ec) override;
#endif
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view_type body, error_code&) override;
  void on_chunk_header_impl(std::uint64_t size, string_view_type extensions, error_code& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t remain, string_view_type body, error_code&) override;
  void on_finish_impl(error_code&) override {}

  const wire_limits& limits_;
  wire_refusal refusal_;
  std::size_t consumed_ = 0;
  std::size_t scanned_ = 0;  // lines of the head that were looked at
  bool head_done_ = false;

  boost::beast::http::verb method_ = boost::beast::http::verb::unknown;
  int version_ = 11;
  std::string_view target_;
  std::string_view path_;
  std::string_view query_;
  std::string_view host_;
  std::string_view authorization_;
  std::string_view content_type_;
  std::string_view content_encoding_;
  std::string_view accept_;
  std::string_view accept_encoding_;
  std::string_view if_match_;
  std::string_view if_none_match_;
  std::string_view idempotency_key_;
  std::string_view last_event_id_;
  std::string_view traceparent_;
  std::string_view content_length_;
  std::string_view transfer_encoding_;
  std::string_view expect_;
  std::size_t fields_ = 0;
  int hosts_ = 0;
  int content_lengths_ = 0;
  int transfer_encodings_ = 0;
  int authorizations_ = 0;
  int accepts_ = 0;
  int accept_encodings_ = 0;
  int idempotency_keys_ = 0;
  int if_matches_ = 0;
  int if_none_matches_ = 0;
  int content_types_ = 0;
  int traceparents_ = 0;
  bool wants_continue_ = false;
  bool keeps_alive_ = false;
  bool has_chunks_ = false;       // the header of one was read
  std::uint64_t chunk_left_ = 0;  // bytes of the chunk under way
  std::size_t extension_bytes_ = 0;
  std::string body_;
};

}  // namespace claims_app
