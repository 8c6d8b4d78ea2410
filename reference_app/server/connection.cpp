// SPDX-License-Identifier: BSL-1.0
#include "server/connection.hpp"

#include <hasten/metrics/server_timing.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>

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
    default:
      return method_kind::other;
  }
}

}  // namespace

connection::connection(event_loop& loop, event_loop::socket peer) : loop_(loop), socket_(std::move(peer)) {}

void connection::start() {
  error_code ignored;  // a socket that is gone already shows it at the first read
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  enter(phase::idle, loop_.given().options.idle_time);
  read();
}

void connection::enter(phase next, std::chrono::milliseconds time) {
  phase_ = next;
  deadline_ = now() + time;
}

// --- reading -----------------------------------------------------------------------------------------------

void connection::read() {
  if (reading_ || phase_ == phase::closed) return;
  reading_ = true;
  const bool is_waste = phase_ == phase::lingering;
  socket_.async_read_some(
      is_waste ? asio::buffer(loop_.waste().data(), loop_.waste().size()) : asio::buffer(landing_),
      [self = shared_from_this()](const error_code& failure, std::size_t size) {
        self->reading_ = false;
        self->received(failure, size);
      });
}

void connection::received(const error_code& failure, std::size_t size) {
  if (phase_ == phase::closed) return;
  if (failure) return close();
  if (phase_ == phase::lingering) return linger();
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
  } while (held_back_);
  read();
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
  admitted_ = {};
  request_id_ = loop_.next_request_id();
}

void connection::head_is_ready() {
  const auto& given = loop_.given();
  keeps_alive_ = parser_->keeps_alive();
  is_http11_ = parser_->is_http11();
  admitted_ = given.requests.admit({.method = kind_of(parser_->method()),
                                    .path = parser_->path(),
                                    .authorization = parser_->authorization(),
                                    .content_type = parser_->content_type()});
  const std::size_t row = admitted_.route == router::none ? given.routes.routes().size() : admitted_.route;
  timing_.emplace(given.timing.start(row, began_));
  const bool complete = parser_->is_complete();
  if (admitted_.refused) {
    // The body is not wanted: closing is cheaper than reading it, and nothing can take it for a request.
    if (!complete) keeps_alive_ = false;
    reply outcome;
    outcome.refused = std::move(admitted_.refused);
    return finish(std::move(outcome));
  }
  if (complete) return dispatch(parser_->query(), parser_->content_type());
  query_ = parser_->query();
  content_type_ = parser_->content_type();
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
  dispatch(query_, content_type_);
  return true;
}

// --- answering ---------------------------------------------------------------------------------------------

void connection::dispatch(std::string_view query, std::string_view content_type) {
  const auto& given = loop_.given();
  ++serial_;
  enter(phase::working, given.options.work_time);
  auto done = [weak = weak_from_this(), &io = loop_.io(), serial = serial_](reply outcome) {
    asio::post(io, [weak, serial, outcome = std::move(outcome)]() mutable {
      if (const auto self = weak.lock()) self->answer_later(serial, std::move(outcome));
    });
  };
  auto outcome = given.requests.begin(
      admitted_, {.id = admitted_.id, .query = query, .content_type = content_type, .body = parser_->body()},
      std::move(done));
  if (outcome) finish(std::move(*outcome));
}

void connection::answer_later(std::uint64_t serial, reply outcome) {
  if (phase_ != phase::working || serial != serial_) return;  // given up on already
  finish(std::move(outcome));
  process();
}

void connection::finish(reply outcome) {
  if (loop_.is_stopping()) keeps_alive_ = false;
  if (outcome.ready) {
    append(*outcome.ready, outcome);
  } else {
    append(render(to_answer(*outcome.refused, request_id_)), outcome);
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
  if (!timing_) timing_.emplace(loop_.given().timing.start(loop_.given().routes.routes().size(), began_));
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
  timing_text_.clear();
  hasten::append_server_timing(timing_text_, "total", ends - began_);
  if (about.database.count() > 0) {
    hasten::append_server_timing(timing_text_, "db", about.database);
    timing_->spent("db", about.database);
  }
  if (about.cache != cache_use::none)
    timing_text_ += about.cache == cache_use::hit ? ", cache;desc=hit" : ", cache;desc=miss";

  out_ += what.head;
  out_ += "X-Request-Id: ";
  out_ += request_id_;
  out_ += "\r\nServer-Timing: ";
  out_ += timing_text_;
  out_ += "\r\nDate: ";
  out_ += loop_.date();
  if (!keeps_alive_) {
    out_ += "\r\nConnection: close";
  } else if (!is_http11_) {
    out_ += "\r\nConnection: keep-alive";
  }
  out_ += "\r\n\r\n";
  if (admitted_.method != method_kind::head) out_ += what.body;

  const auto duration = timing_->finish(static_cast<unsigned>(what.status), ends);
  timing_.reset();
  const auto& given = loop_.given();
  if (!given.options.on_request) return;
  given.options.on_request(
      {.route = admitted_.route == router::none ? "(none)" : given.routes.at(admitted_.route).pattern,
       .status = what.status,
       .duration = duration,
       .request_id = request_id_,
       .failure = about.failure});
}

// --- writing -----------------------------------------------------------------------------------------------

// Returns: whether everything is written; if not, may_write() goes on, or the connection is closed.
bool connection::flush() {
  if (phase_ == phase::closed || writing_) return false;
  while (out_start_ < out_.size()) {
    // Nearly always the kernel takes all of it at once, and no turn of the loop is spent on waiting for that.
    error_code failure;
    out_start_ +=
        socket_.write_some(asio::buffer(out_.data() + out_start_, out_.size() - out_start_), failure);
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
  if (out_.capacity() > buffer_keep) out_.shrink_to_fit();
  if (in_.empty() && in_.capacity() > buffer_keep) in_.shrink_to_fit();
  return true;
}

// Waits for room instead of writing: the answer of a worker may come meanwhile and move the buffer.
void connection::write_later() {
  writing_ = true;
  deadline_ = now() + loop_.given().options.write_time;
  socket_.async_wait(event_loop::socket::wait_write, [self = shared_from_this()](const error_code& failure) {
    self->writing_ = false;
    self->may_write(failure);
  });
}

void connection::may_write(const error_code& failure) {
  if (phase_ == phase::closed) return;
  if (failure) return close();
  if (!flush()) return;
  if (phase_ == phase::idle) enter(phase::idle, loop_.given().options.idle_time);
  process();
}

// Closing with bytes unread would reset the connection, and the client might never see its last answer: say
// that nothing more comes, then drop what still arrives, for a bounded time and number of reads.
void connection::linger() {
  if (phase_ != phase::lingering) {
    error_code ignored;  // the client may be gone, which the read below shows
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    enter(phase::lingering, linger_time);
  }
  if (++lingered_ > linger_reads) return close();
  read();
}

// --- ends --------------------------------------------------------------------------------------------------

void connection::tick(hasten::steady_time at) {
  if (at < deadline_ || phase_ == phase::closed) return;
  if (writing_ || phase_ == phase::idle || phase_ == phase::ending || phase_ == phase::lingering)
    return close();
  if (phase_ == phase::working) {
    ++serial_;  // the worker's answer is too late now
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
  if (phase_ != phase::idle || !pending_.empty() || !out_.empty() || writing_) return;
  // Bytes that are in the kernel already are a request made before the stop: it is answered.
  error_code failure;
  const std::size_t size = socket_.available(failure);
  if (failure || size == 0) close();
}

void connection::close() {
  if (phase_ == phase::closed) return;
  phase_ = phase::closed;
  timing_.reset();  // counts as aborted if it was not finished
  error_code ignored;
  socket_.close(ignored);
  loop_.forget(shared_from_this());
}

}  // namespace claims_app
