// SPDX-License-Identifier: BSL-1.0
// Whatever bytes come over a connection, and however they are cut: what the server takes for a request ends where a second
// reading of RFC 9112, written here without its parser, says that it ends; and a connection never gives more answers than
// it was asked for.
#include "server/connection.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace claims_app;
using namespace std::chrono_literals;

// Small, so that short inputs reach them.
constexpr wire_limits limits{.head_bytes = 1024, .target_bytes = 256, .fields = 16, .body_bytes = 512};

void require(bool holds) {
  if (!holds) std::abort();
}

bool same_word(std::string_view left, std::string_view right) {
  return std::ranges::equal(
      left, right, [](unsigned char a, unsigned char b) { return std::tolower(a) == std::tolower(b); });
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

struct framed {
  std::size_t end = 0;  // in the stream
  std::string body;
  bool is_head = false;
};

// The second reading: where a request ends, and nothing about whether it is welcome.
class framing {
 public:
  explicit framing(std::string_view stream) : rest_(stream), size_(stream.size()) {}

  // Returns: the next request; nothing if it is incomplete, or two readers could see its end at different places.
  std::optional<framed> next() {
    framed out;
    auto first = line();
    while (first && first->empty()) first = line();
    if (!first) return std::nullopt;
    out.is_head = first->starts_with("HEAD ");
    std::vector<std::string_view> lengths;
    std::vector<std::string_view> codings;
    for (;;) {
      const auto field = line();
      if (!field) return std::nullopt;
      if (field->empty()) break;
      const std::size_t colon = field->find(':');
      if (colon == std::string_view::npos) return std::nullopt;
      const std::string_view value = without_blanks(field->substr(colon + 1));
      if (same_word(field->substr(0, colon), "content-length")) lengths.push_back(value);
      if (same_word(field->substr(0, colon), "transfer-encoding")) codings.push_back(value);
    }
    if (lengths.size() + codings.size() > 1) return std::nullopt;
    if (!lengths.empty() && !take(number(lengths[0], 10), out.body)) return std::nullopt;
    if (!codings.empty() && !(same_word(codings[0], "chunked") && take_chunks(out.body))) return std::nullopt;
    out.end = size_ - rest_.size();
    return out;
  }

 private:
  std::optional<std::string_view> line() {
    const std::size_t feed = rest_.find('\n');
    if (feed == std::string_view::npos || feed == 0 || rest_[feed - 1] != '\r') return std::nullopt;
    const std::string_view out = rest_.substr(0, feed - 1);
    rest_.remove_prefix(feed + 1);
    if (out.find('\r') != std::string_view::npos) return std::nullopt;
    return out;
  }

  static std::optional<std::size_t> number(std::string_view text, int base) {
    std::size_t out = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    if (text.empty() || failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
  }

  bool take(std::optional<std::size_t> size, std::string& into) {
    if (!size || *size > rest_.size()) return false;
    into += rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return true;
  }

  bool take_chunks(std::string& into) {
    for (;;) {
      const auto head = line();
      if (!head) return false;
      const auto size = number(without_blanks(head->substr(0, head->find(';'))), 16);
      if (!size) return false;
      if (*size == 0) break;
      if (!take(size, into)) return false;
      const auto end = line();
      if (!end || !end->empty()) return false;
    }
    for (auto trailer = line(); trailer; trailer = line())
      if (trailer->empty()) return true;
    return false;
  }

  std::string_view rest_;
  std::size_t size_;
};

struct reading {
  std::vector<framed> requests;
  int refused = 0;            // the status, of what came behind them
  bool has_begun = false;     // the head of one more is here, and not all of its body
  bool last_is_head = false;  // what is refused or has begun asks by HEAD
};

// Reads a stream as a connection does, in pieces. The parser gets each view at an address of its own, so that a byte read
// behind its end, or a view kept from the call before, is noticed.
reading read_stream(std::string_view stream, std::size_t piece) {
  reading out;
  std::optional<request_parser> parser;
  framed current;
  bool has_head = false;
  std::size_t done = 0;
  for (std::size_t here = 0; here < stream.size();) {
    here = std::min(stream.size(), here + piece);
    for (bool goes_on = true; goes_on && done < here;) {
      if (!parser) parser.emplace(limits);
      const std::vector<char> copy(stream.begin() + static_cast<std::ptrdiff_t>(done),
                                   stream.begin() + static_cast<std::ptrdiff_t>(here));
      const std::string_view pending(copy.data(), copy.size());
      const auto result = has_head ? parser->take_body(pending) : parser->take_head(pending);
      if (result == request_parser::step::refused) {
        out.refused = parser->refusal().status;
        out.last_is_head = has_head && current.is_head;
        return out;
      }
      done += parser->consumed();
      require(done <= here);
      goes_on = result == request_parser::step::ready;
      if (!goes_on) break;
      if (!has_head) current.is_head = parser->method() == boost::beast::http::verb::head;
      has_head = true;
      if (!parser->is_complete()) continue;
      current.end = done;
      current.body = parser->body();
      out.requests.push_back(std::move(current));
      if (!parser->keeps_alive()) return out;
      parser.reset();
      current = {};
      has_head = false;
    }
  }
  out.has_begun = has_head;
  out.last_is_head = current.is_head;
  return out;
}

// A server of two routes, without a thread and without an acceptor.
class toy_server {
 public:
  toy_server()
      : routes_(made_routes()),
        guard_({.token = "a-token-for-the-fuzzer"}),
        timing_({.routes = {"GET /", "POST /", "GET /a", "PUT /a", "(none)"}}),
        workers_({.threads = 1}),
        requests_({.routes = routes_,
                   .guard = guard_,
                   .cache = cache_,
                   .ttls = ttls_,
                   .workers = workers_,
                   .work_time = 1s}),
        options_(made_options()),
        clients_({}),
        loop_({.options = options_,
               .requests = requests_,
               .routes = routes_,
               .timing = timing_,
               .clients = clients_,
               .process_tag = 1,
               .certificate = nullptr,
               .strict_transport = {}},
              0) {}

  // Returns: all that a connection answers to a stream that ends.
  std::string answer_to(std::string_view stream) {
    std::array<int, 2> ends{};
    require(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) == 0);
    const timeval deadline{.tv_sec = 0, .tv_usec = 1};
    ::setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    const auto peer = std::make_shared<connection>(
        loop_, event_loop::socket(loop_.io(), boost::asio::ip::tcp::v4(), ends[0]), nullptr,
        *clients_.enter(boost::asio::ip::address_v4::loopback()));
    peer->start();
    std::string out;
    bool is_open = true;
    const auto turn = [&] {
      loop_.io().restart();
      loop_.io().poll();
      std::array<char, 65536> buffer;
      for (ssize_t got = 1; is_open && got > 0;) {
        got = ::recv(ends[1], buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got > 0) out.append(buffer.data(), static_cast<std::size_t>(got));
        is_open = got != 0;
      }
    };
    while (is_open && !stream.empty()) {
      const ssize_t sent = ::send(ends[1], stream.data(), stream.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent > 0) stream.remove_prefix(static_cast<std::size_t>(sent));
      turn();
    }
    ::shutdown(ends[1], SHUT_WR);
    for (int turns = 0; is_open && turns < 1000; ++turns) turn();
    require(!is_open);
    ::close(ends[1]);
    peer->close();
    turn();
    return out;
  }

 private:
  static plan immediate(const request&) {
    plan out;
    out.now = answer{.body = "now", .headers = {}};
    return out;
  }

  static std::vector<route> made_routes() {
    std::vector<route> out;
    out.push_back({.pattern = "/", .who = access::open, .get = immediate, .post = immediate});
    out.push_back(
        {.pattern = "/a/{id}", .who = access::admin, .get = immediate, .post = {}, .put = immediate});
    return out;
  }

  static server::options made_options() {
    server::options out;
    out.limits = limits;
    return out;
  }

  const router routes_;
  const access_guard guard_;
  answer_cache cache_;
  const answer_ttls ttls_;
  request_timer timing_;
  hasten::worker_pool workers_;
  const dispatcher requests_;
  const server::options options_;
  client_limits clients_;
  event_loop loop_;
};

// Splits what a connection sent into its answers. Returns: their statuses, without those that only announce another.
std::vector<int> split_answers(std::string_view sent, const reading& asked) {
  std::vector<int> out;
  while (!sent.empty()) {
    require(sent.starts_with("HTTP/1.1 "));
    const std::size_t end = sent.find("\r\n\r\n");
    require(end != std::string_view::npos);
    const std::string_view head = sent.substr(0, end + 2);
    sent.remove_prefix(end + 4);
    int status = 0;
    std::from_chars(head.data() + 9, head.data() + 12, status);
    if (status == 100) continue;
    const std::size_t index = out.size();
    out.push_back(status);
    const bool is_head = index < asked.requests.size() ? asked.requests[index].is_head : asked.last_is_head;
    constexpr std::string_view name = "Content-Length: ";
    const std::size_t at = head.find(name);
    std::size_t size = 0;
    if (at != std::string_view::npos && !is_head && status != 304)
      std::from_chars(head.data() + at + name.size(), head.data() + head.size(), size);
    require(size <= sent.size());
    sent.remove_prefix(size);
    if (head.find("\r\nConnection: close\r\n") != std::string_view::npos) require(sent.empty());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view stream(reinterpret_cast<const char*>(data), size);
  const reading whole = read_stream(stream, std::max<std::size_t>(size, 1));

  framing rules(stream);
  for (const framed& each : whole.requests) {
    const auto expected = rules.next();
    require(expected && expected->end == each.end && expected->body == each.body);
    require(expected->is_head == each.is_head);
  }

  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, 64 + size % 64}) {
    if (piece == 1 && size > 2048) continue;  // the time it takes grows with the square
    const reading cut = read_stream(stream, piece);
    require(cut.requests.size() == whole.requests.size());
    for (std::size_t at = 0; at < cut.requests.size(); ++at)
      require(cut.requests[at].end == whole.requests[at].end &&
              cut.requests[at].body == whole.requests[at].body);
    require((cut.refused != 0) == (whole.refused != 0));
  }

  static toy_server& server = *new toy_server;
  const std::vector<int> answers = split_answers(server.answer_to(stream), whole);
  const bool is_one_more = whole.refused != 0 || whole.has_begun;
  // Fewer than were asked if one was answered without its body, for that closes the connection.
  require(answers.size() <= whole.requests.size() + (is_one_more ? 1 : 0));
  require(!answers.empty() || (whole.requests.empty() && whole.refused == 0));
  return 0;
}
