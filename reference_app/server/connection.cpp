// SPDX-License-Identifier: BSL-1.0
#include "server/connection.hpp"

#include "server/negotiation.hpp"
#include "shared/entity_tag.hpp"

#include <hasten/metrics/server_timing.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

#include <charconv>
#include <utility>

namespace claims_app {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t out_high = 256 * 1024;    // answers waiting; above it nothing more is parsed
constexpr std::size_t buffer_keep = 16 * 1024;  // an idle connection gives larger buffers back
constexpr int linger_reads = 20;
constexpr std::chrono::milliseconds linger_time{1'000};
constexpr std::chrono::seconds silence_time{
    1};  // a client that has said its last is asked then whether it listens
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

hasten::steady_time now() { return hasten::steady_clock_source::now(); }

method_kind kind_of(http::verb method) {
  switch (method) {
    case http::verb::get:
      return method_kind::get;
    case http::verb::head:
      return method_kind::head;
    case http::verb::post:
      return method_kind::post;
    case http::verb::put:
      return method_kind::put;
    case http::verb::patch:
      return method_kind::patch;
    case http::verb::delete_:
      return method_kind::del;
    case http::verb::options:
      return method_kind::options;
    default:
      return method_kind::other;
  }
}

// Returns: the number that a text is, if it is nothing else.
std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

connection::connection(event_loop& loop, event_loop::socket peer, const tls_context* context,
                       client_limits::place place)
    : loop_(loop), stream_(std::move(peer), context), place_(std::move(place)) {}

void connection::start() {
  stream_.open();
  if (stream_.is_encrypted()) return shake_hands();
  enter(phase::idle, loop_.given().options.idle_time);
  read();
}

// One deadline for all of it, however slowly it comes.
void connection::shake_hands() {
  enter(phase::shaking, loop_.given().options.head_time);
  stream_.async_handshake([self = shared_from_this()](const error_code& failure) {
    if (self->phase_ == phase::closed) return;
    if (failure) return self->close();
    self->enter(phase::idle, self->loop_.given().options.idle_time);
    self->read();
  });
}

void connection::enter(phase next, std::chrono::milliseconds time) {
  phase_ = next;
  deadline_ = now() + time;
}

// --- reading -----------------------------------------------------------------------------------------------

void connection::read() {
  if (reading_ || phase_ == phase::closed) return;
  reading_ = true;
  auto done = [self = shared_from_this()](const error_code& failure, std::size_t size) {
    self->reading_ = false;
    self->received(failure, size);
  };
  if (phase_ == phase::lingering)
    stream_.async_discard_some(asio::buffer(loop_.waste().data(), loop_.waste().size()), std::move(done));
  else
    stream_.async_read_some(asio::buffer(landing_), std::move(done));
}

void connection::received(const error_code& failure, std::size_t size) {
  if (phase_ == phase::closed) return;
  if (failure) return close();
  if (phase_ == phase::lingering) return linger();
  if (phase_ == phase::streaming) return read();  // nothing is asked on a stream; this only notices its end
  if (in_.empty()) {
    pending_ = {landing_.data(), size};
  } else {
    in_.append(landing_.data(), size);
    pending_ = in_;
  }
  process();
}

void connection::process() {
  do {
    parse_pending();
    if (!flush()) return;
    if (close_after_write_) return linger();
    // While a worker has the request nothing more is read: the client's pipeline waits in the kernel.
    if (phase_ == phase::working) return;
    if (phase_ == phase::streaming) break;
  } while (held_back_);
  read_soon();
}

// A client that goes on asking has mostly sent its next request by the time that the other connections have had their
// turn: then the read finds it, where one made at once would have found nothing and been a system call for nothing.
void connection::read_soon() {
  asio::post(loop_.io(), [self = shared_from_this()] { self->read(); });
}

// Parses until bytes are missing, a worker has the request, or enough answers wait to be written.
void connection::parse_pending() {
  held_back_ = false;
  for (bool goes_on = true; goes_on && !close_after_write_;) {
    held_back_ = out_.size() - out_start_ > out_high;
    if (held_back_) break;
    goes_on = false;
    if (phase_ == phase::idle || phase_ == phase::head) {
      goes_on = !pending_.empty() && process_head();
    } else if (phase_ == phase::body) {
      goes_on = process_body();
    }
  }
  // What is left outlives the buffer that it came in.
  if (pending_.empty()) {
    in_.clear();
  } else if (pending_.data() != in_.data()) {
    in_.assign(pending_.data(), pending_.size());
  }
  pending_ = in_;
}

// Returns: whether to go on with what is pending.
bool connection::process_head() {
  if (!parser_) begin_request();
  const request_parser::step result = parser_->take_head(pending_);
  if (result == request_parser::step::more) return false;
  if (result == request_parser::step::refused) {
    refuse(parser_->refusal());
    return false;
  }
  pending_.remove_prefix(parser_->consumed());
  head_is_ready();
  return true;
}

void connection::begin_request() {
  parser_.emplace(loop_.given().options.limits);
  began_ = now();
  phase_ = phase::head;
  deadline_ = began_ + loop_.given().options.head_time;
  keeps_alive_ = true;
  is_http11_ = true;
  if_match_.clear();
  is_asked_ = false;
  if_none_match_.clear();
  admitted_ = {};
  request_id_ = loop_.next_request_id();
  trace_.reset();
  caller_.reset();
}

// A header that is none, or is malformed, begins a trace of our own: it is never repaired.
void connection::begin_trace(std::string_view traceparent) {
  if (!traceparent.empty()) caller_ = hasten::trace_context::parse(traceparent);
  trace_ = caller_ ? caller_->child(loop_.random()) : hasten::trace_context::begin(loop_.random());
  trace_text_.clear();
  trace_->append_header(trace_text_);
}

void connection::head_is_ready() {
  const auto& given = loop_.given();
  keeps_alive_ = parser_->keeps_alive();
  if_match_ = parser_->if_match();
  if_none_match_ = parser_->if_none_match();
  is_http11_ = parser_->is_http11();
  std::optional<problem> too_often;
  if (given.clients.limits_requests()) too_often = given.clients.refusal(place_.client(), rate_text_);
  admitted_ = given.requests.admit({.method = kind_of(parser_->method()),
                                    .path = parser_->path(),
                                    .authorization = parser_->authorization(),
                                    .content_type = parser_->content_type(),
                                    .content_encoding = parser_->content_encoding(),
                                    .accept = parser_->accept(),
                                    .tells_length = parser_->tells_length()});
  if (too_often) admitted_.refused = std::move(too_often);
  begin_trace(parser_->traceparent());
  row_ = given.routes.row(admitted_.route, admitted_.method);
  timing_.emplace(given.timing.start(row_, began_));
  timing_->trace_id(std::string_view(trace_text_).substr(3, 32));
  const bool complete = parser_->is_complete();
  if (admitted_.refused || admitted_.ready) {
    // The body is not wanted: closing is cheaper than reading it, and nothing can take it for a request.
    if (!complete) keeps_alive_ = false;
    reply outcome;
    outcome.refused = std::move(admitted_.refused);
    outcome.ready = std::move(admitted_.ready);
    return finish(std::move(outcome));
  }
  if (complete)
    return dispatch({.id = admitted_.id,
                     .query = parser_->query(),
                     .content_type = parser_->content_type(),
                     .body = parser_->body(),
                     .accept = parser_->accept(),
                     .accepts_gzip = accepts_gzip(parser_->accept_encoding()),
                     .last_event_id = parser_->last_event_id(),
                     .traceparent = trace_text_,
                     .if_match = if_match_,
                     .if_none_match = if_none_match_,
                     .idempotency_key = parser_->idempotency_key(),
                     .credentials = parser_->authorization()});
  query_ = parser_->query();
  content_type_ = parser_->content_type();
  accept_ = parser_->accept();
  idempotency_key_ = parser_->idempotency_key();
  credentials_ = parser_->authorization();
  if (parser_->wants_continue() && pending_.empty()) out_ += continue_line;
  enter(phase::body, given.options.body_time);
}

// Returns: whether to go on with what is pending.
bool connection::process_body() {
  const request_parser::step result = parser_->take_body(pending_);
  pending_.remove_prefix(parser_->consumed());
  if (result == request_parser::step::more) return false;
  if (result == request_parser::step::refused) {
    refuse(parser_->refusal());
    return false;
  }
  dispatch({.id = admitted_.id,
            .query = query_,
            .content_type = content_type_,
            .body = parser_->body(),
            .accept = accept_,
            .traceparent = trace_text_,
            .if_match = if_match_,
            .if_none_match = if_none_match_,
            .idempotency_key = idempotency_key_,
            .credentials = credentials_});
  return true;
}

// --- answering ---------------------------------------------------------------------------------------------

void connection::dispatch(const request& what) {
  const auto& given = loop_.given();
  ++serial_;
  enter(phase::working, given.options.work_time);
  const hasten::steady_time called = deadline_ - given.options.work_time;
  auto done = [weak = weak_from_this(), &io = loop_.io(), serial = serial_](reply outcome) {
    asio::post(io, [weak, serial, outcome = std::move(outcome)]() mutable {
      if (const auto self = weak.lock()) self->answer_later(serial, std::move(outcome));
    });
  };
  auto outcome = given.requests.begin(admitted_, what, std::move(done), stop_);
  const hasten::steady_time returned = now();
  loop_.judge(row_, returned - called, returned);
  if (!outcome) return;
  if (outcome->stream) resume_after_ = number_of(what.last_event_id);
  finish(std::move(*outcome));
}

void connection::answer_later(std::uint64_t serial, reply outcome) {
  if (phase_ != phase::working || serial != serial_) return;  // given up on already
  stop_ = std::stop_source(std::nostopstate);
  finish(std::move(outcome));
  process();
}

void connection::finish(reply outcome) {
  if (loop_.is_stopping()) keeps_alive_ = false;
  if (outcome.stream && !loop_.is_stopping() && admitted_.method != method_kind::head) {
    const auto wake = [weak = weak_from_this(), &io = loop_.io()] {
      asio::post(io, [weak] {
        if (const auto self = weak.lock()) self->send_events();
      });
    };
    if (const auto listener = outcome.stream->subscribe(resume_after_, wake)) {
      listener_ = *listener;
      return begin_stream(outcome.stream);
    }
  }
  if (outcome.stream) outcome.refused = unavailable("As many clients listen as may; try again later.");
  // What changes something holds If-Match against it where it changes it; of a reader only the answer tells the tag.
  const bool reads = admitted_.method == method_kind::get || admitted_.method == method_kind::head;
  if (reads && outcome.ready && outcome.ready->status == 200 && !if_match_.empty() &&
      !allows_etag(if_match_, outcome.ready->etag)) {
    outcome.ready.reset();
    outcome.refused = precondition_failed();
  }
  if (outcome.ready) {
    append(*outcome.ready, outcome);
  } else {
    append(render(to_answer(*outcome.refused, request_id_, std::string_view(trace_text_).substr(3, 32))),
           outcome);
  }
  parser_.reset();
  if (keeps_alive_) {
    enter(phase::idle, loop_.given().options.idle_time);
  } else {
    close_after_write_ = true;
    enter(phase::ending, loop_.given().options.write_time);
  }
}

void connection::refuse(wire_refusal why) {
  if (!trace_) begin_trace({});
  if (!timing_) {
    row_ = loop_.given().routes.row(router::none, method_kind::other);
    timing_.emplace(loop_.given().timing.start(row_, began_));
  }
  keeps_alive_ = false;
  reply outcome;
  outcome.refused = problem{.status = why.status,
                            .kind = why.status == 400 ? "malformed-request" : "",
                            .detail = why.detail,
                            .items = {},
                            .headers = {}};
  finish(std::move(outcome));
  pending_ = {};
}

void connection::append(const rendered_answer& what, const reply& about) {
  const hasten::steady_time ends = now();
  append_timing(about, ends);
  const bool is_unchanged = !if_none_match_.empty() && names_etag(if_none_match_, what.etag);
  const int status = is_unchanged ? 304 : what.status;
  out_ += is_unchanged ? what.not_modified : what.head;
  out_ += "X-Request-Id: ";
  out_ += request_id_;
  out_ += "\r\nTraceparent: ";
  out_ += trace_text_;
  if (loop_.given().options.shows_timing && admitted_.is_known) {
    out_ += "\r\nServer-Timing: ";
    out_ += timing_text_;
  }
  if (!rate_text_.empty()) {
    out_ += "\r\n";
    out_ += rate_text_;
  }
  out_ += "\r\nDate: ";
  out_ += loop_.date();
  if (!keeps_alive_) {
    out_ += "\r\nConnection: close";
  } else if (!is_http11_) {
    out_ += "\r\nConnection: keep-alive";
  }
  if (stream_.is_encrypted()) out_ += loop_.given().strict_transport;
  out_ += "\r\n\r\n";
  if (admitted_.method != method_kind::head && !is_unchanged) out_ += what.body;

  const auto duration = timing_->finish(static_cast<unsigned>(status), ends);
  timing_.reset();
  unwritten_.push_back({row_, ends});
  tell(about, status, duration);
}

// Counts the stages, and writes them down as the caller may see them.
void connection::append_timing(const reply& about, hasten::steady_time ends) {
  timing_text_.clear();
  hasten::append_server_timing(timing_text_, "total", ends - began_);
  const auto stage = [&](std::string_view name, std::chrono::nanoseconds spent) {
    if (spent.count() <= 0) return false;
    hasten::append_server_timing(timing_text_, name, spent);
    timing_->spent(name, spent);
    return true;
  };
  stage("queue", about.queue);
  if (stage("db", about.database) && about.statements > 0)
    timing_text_ +=
        ";desc=\"" + std::to_string(about.statements) + (about.statements == 1 ? " query\"" : " queries\"");
  stage("work", about.working);
  stage("serialise", about.serialise);
  stage("cache", about.joined);
  if (about.cache != cache_use::none && about.joined.count() <= 0)
    timing_text_ += about.cache == cache_use::hit ? ", cache;desc=hit" : ", cache;desc=miss";
}

// Passes the request on to those who keep logs and traces.
void connection::tell(const reply& about, int status, std::chrono::nanoseconds duration) {
  const auto& given = loop_.given();
  const std::string_view route =
      admitted_.route == router::none ? "(none)" : given.routes.at(admitted_.route).pattern;
  if (given.options.keeps_span && given.options.on_span &&
      given.options.keeps_span(status, duration, caller_ && caller_->sampled(), loop_.random()()))
    given.options.on_span({.trace = *trace_,
                           .parent = caller_ ? caller_->span_id() : std::string(),
                           .name = given.timing.route_names()[row_],
                           .status = status,
                           .duration = duration,
                           .queue = about.queue,
                           .database = about.database});
  if (!given.options.on_request) return;
  given.options.on_request({.route = route,
                            .status = status,
                            .duration = duration,
                            .request_id = request_id_,
                            .trace_id = std::string_view(trace_text_).substr(3, 32),
                            .failure = about.failure,
                            .repeated = about.repeated});
}

std::optional<request_under_way> connection::under_way(hasten::steady_time at) const {
  if (!timing_ || (phase_ != phase::body && phase_ != phase::working)) return std::nullopt;
  return request_under_way{.route = loop_.given().timing.route_names()[row_],
                           .age = at - began_,
                           .phase = phase_ == phase::body ? "body" : "working",
                           .request_id = request_id_,
                           .trace_id = trace_text_.substr(3, 32)};
}

// --- events ------------------------------------------------------------------------------------------------

void connection::begin_stream(const std::shared_ptr<event_feed>& feed) {
  feed_ = feed;
  out_ +=
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
      "X-Content-Type-Options: nosniff\r\nX-Request-Id: ";
  out_ += request_id_;
  out_ += "\r\nTraceparent: ";
  out_ += trace_text_;
  out_ += "\r\nDate: ";
  out_ += loop_.date();
  if (stream_.is_encrypted()) out_ += loop_.given().strict_transport;
  out_ += "\r\nConnection: close\r\n\r\nretry: 2000\n\n";
  out_ += feed_->take(listener_);
  timing_->finish(200);  // what is timed is how long the client waits for its first byte
  timing_.reset();
  parser_.reset();
  pending_ = {};
  phase_ = phase::streaming;
}

// While a write is under way nothing is taken, so that a slow client is given the latest and not all.
void connection::send_events() {
  if (phase_ != phase::streaming || writing_) return;
  out_ += feed_->take(listener_);
  if (!out_.empty()) flush();
}

void connection::end_stream() {
  if (!feed_) return;
  feed_->unsubscribe(listener_);
  feed_.reset();
}

// --- writing -----------------------------------------------------------------------------------------------

// Returns: whether everything is written; if not, may_write() goes on, or the connection is closed.
bool connection::flush() {
  if (phase_ == phase::closed || writing_) return false;
  while (out_start_ < out_.size()) {
    // Nearly always the kernel takes all of it at once, and no turn of the loop is spent on waiting for that.
    error_code failure;
    out_start_ +=
        stream_.write_some(asio::buffer(out_.data() + out_start_, out_.size() - out_start_), failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) {
      // A client that always asks a little more than it reads would otherwise keep all it was ever sent.
      if (out_start_ > out_high) {
        out_.erase(0, out_start_);
        out_start_ = 0;
      }
      write_later();
      return false;
    }
    if (failure) {
      close();
      return false;
    }
  }
  out_.clear();
  out_start_ = 0;
  if (!unwritten_.empty()) {
    const hasten::steady_time written = now();
    for (const unwritten& each : unwritten_)
      loop_.given().timing.spent(each.row, "write", written - each.since);
    unwritten_.clear();
  }
  if (out_.capacity() > buffer_keep) out_.shrink_to_fit();
  if (in_.empty() && in_.capacity() > buffer_keep) in_.shrink_to_fit();
  return true;
}

// Waits for room instead of writing: the answer of a worker may come meanwhile and move the buffer.
void connection::write_later() {
  writing_ = true;
  deadline_ = now() + loop_.given().options.write_time;
  stream_.async_wait_write([self = shared_from_this()](const error_code& failure) {
    self->writing_ = false;
    self->may_write(failure);
  });
}

void connection::may_write(const error_code& failure) {
  if (phase_ == phase::closed) return;
  if (failure) return close();
  if (!flush()) return;
  if (phase_ == phase::streaming) return send_events();
  if (phase_ == phase::idle) enter(phase::idle, loop_.given().options.idle_time);
  process();
}

// Closing with bytes unread would reset the connection, and the client might never see its last answer: say
// that nothing more comes, then drop what still arrives, for a bounded time and number of reads.
void connection::linger() {
  if (phase_ != phase::lingering) {
    if (!stream_.finish_sending()) return write_later();
    enter(phase::lingering, linger_time);
  }
  if (++lingered_ > linger_reads) return close();
  read();
}

// --- ends --------------------------------------------------------------------------------------------------

// A reset tells that the client is gone. That it will send nothing more does not: it may wait for its answer all the same.
// An interim answer, which every client of HTTP/1.1 has to bear, finds out, for to one that listens no more the client's
// own system replies with a reset.
bool connection::has_left(hasten::steady_time at) {
  const auto peer = stream_.peer();
  if (peer == client_stream::peer_state::silent && !is_asked_ && is_http11_ && at - began_ >= silence_time &&
      out_.empty() && !writing_) {
    is_asked_ = true;
    out_ += continue_line;
    flush();
  }
  return peer == client_stream::peer_state::gone;
}

void connection::tick(hasten::steady_time at) {
  if (phase_ == phase::working && has_left(at)) return close();
  if (phase_ == phase::closed || at < deadline_ || (phase_ == phase::streaming && !writing_)) return;
  if (writing_ || phase_ == phase::shaking || phase_ == phase::idle || phase_ == phase::ending ||
      phase_ == phase::lingering)
    return close();
  if (phase_ == phase::working) {
    ++serial_;  // the worker's answer is too late now
    stop_.request_stop();
    keeps_alive_ = false;
    reply outcome;
    outcome.refused = unavailable("The answer did not come in time; try again.");
    finish(std::move(outcome));
  } else {
    refuse({.status = 408, .detail = "The request did not come in time."});
  }
  process();
}

void connection::stop() {
  if (phase_ == phase::streaming || phase_ == phase::shaking) return close();
  if (phase_ != phase::idle || !pending_.empty() || !out_.empty() || writing_) return;
  // Bytes that are in the kernel already are a request made before the stop: it is answered.
  error_code failure;
  const std::size_t size = stream_.available(failure);
  if (failure || size == 0) close();
}

void connection::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  stop_.request_stop();
  end_stream();
  timing_.reset();  // counts as aborted if it was not finished
  stream_.close();
  loop_.forget(shared_from_this());
}

}  // namespace claims_app
