// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/client_stream.hpp"
#include "server/event_loop.hpp"
#include "server/request_parser.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// One client: reads requests, answers them in their order, writes.
///
/// Everything that was read is parsed before one write, so that pipelined requests the cache answers cost one
/// write together. A request that needs a worker stops the parsing until its answer is in. The worker holds a
/// weak reference only, and is asked to stop when the client has gone.
/// Thread safety: single-owner (its loop's thread).
class connection : public std::enable_shared_from_this<connection> {
 public:
  /// `context` is null where clients speak without TLS.
  connection(event_loop& loop, event_loop::socket peer, const tls_context* context,
             client_limits::place place);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void start();

  /// Answers or closes what has passed its deadline.
  void tick(hasten::steady_time now);

  /// The server stops: what has been asked is answered, then the connection closes.
  void stop();

  void close();

  /// Returns: the request that a worker has, or whose body is being read; nothing if there is none.
  [[nodiscard]] std::optional<request_under_way> under_way(hasten::steady_time now) const;

 private:
  enum class phase {
    shaking,    // hands, as TLS begins
    idle,       // between requests
    head,       // part of a head is here
    body,       // part of a body is here
    working,    // a worker has the request
    streaming,  // events are sent until somebody ends it
    ending,     // the last answer is being written
    lingering,  // it is written; what the client still sends is dropped
    closed
  };

  void shake_hands();
  void read();
  void read_soon();
  void received(const boost::system::error_code& failure, std::size_t size);
  void process();
  void parse_pending();
  bool process_head();
  bool process_body();
  void head_is_ready();
  void dispatch(const request& what);
  void answer_later(std::uint64_t serial, reply outcome);

  void begin_request();
  void begin_trace(std::string_view traceparent);
  void begin_stream(const std::shared_ptr<event_feed>& feed);
  void send_events();
  void end_stream();
  void append_timing(const reply& about, hasten::steady_time ends);
  void tell(const reply& about, int status, std::chrono::nanoseconds duration);
  void finish(reply outcome);
  void refuse(wire_refusal why);
  void append(const rendered_answer& what, const reply& about);

  [[nodiscard]] bool has_left(hasten::steady_time at);
  bool flush();
  void write_later();
  void may_write(const boost::system::error_code& failure);
  void linger();
  void enter(phase next, std::chrono::milliseconds time);

  event_loop& loop_;
  client_stream stream_;
  const client_limits::place place_;
  phase phase_ = phase::idle;
  hasten::steady_time deadline_;
  bool reading_ = false;  // an async read is under way
  bool writing_ = false;  // a wait for room to write is under way
  bool close_after_write_ = false;
  bool held_back_ = false;  // parsing stopped because too much waits to be written
  int lingered_ = 0;        // reads dropped since the last answer

  std::array<char, 4096> landing_;  // where a read arrives
  std::string in_;                  // what could not be consumed yet
  std::string_view pending_;        // views landing_ or in_: what is parsed next
  std::string out_;
  std::size_t out_start_ = 0;

  // The request under way.
  std::optional<request_parser> parser_;
  dispatcher::admission admitted_;
  std::string query_;  // these two are copies, for the buffer moves while a body is read
  std::string content_type_;
  std::string accept_;
  std::string idempotency_key_;
  std::string credentials_;
  std::string if_match_;
  std::string if_none_match_;
  std::string request_id_;
  std::optional<hasten::trace_context> trace_;  // our span in the caller's trace, or in one of our own
  std::optional<hasten::trace_context> caller_;
  std::string trace_text_;  // its header; the trace's id is 32 bytes from the fourth on
  std::string timing_text_;
  std::string rate_text_;                    // headers; empty without a limit
  std::size_t row_ = 0;                      // of the timing
  std::uint64_t serial_ = 0;                 // tells an answer that comes too late from the one waited for
  std::stop_source stop_{std::nostopstate};  // of the work that a worker has for us
  bool is_asked_ = false;                    // whether the client still listens
  bool keeps_alive_ = true;
  bool is_http11_ = true;
  hasten::steady_time began_;
  std::optional<request_timer::scope> timing_;

  // Answers in out_ that the kernel has not taken yet, by their rows: their time in the stage "write".
  struct unwritten {
    std::size_t row;
    hasten::steady_time since;
  };
  std::vector<unwritten> unwritten_;

  std::shared_ptr<event_feed> feed_;  // while streaming
  std::uint64_t listener_ = 0;
  std::optional<std::uint64_t> resume_after_;  // the last event that a stream's client has seen
};

}  // namespace claims_app
