// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/client_limits.hpp"
#include "server/dispatcher.hpp"
#include "server/tls_certificate.hpp"
#include "server/wire_limits.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/metrics/response_timer.hpp>
#include <hasten/metrics/trace_context.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

using request_timer = hasten::response_timer<>;

/// One line of the access log: closed sets and numbers, nothing that a client chose.
struct access_record {
  std::string_view route;  // the template, or "(none)"
  int status = 0;
  std::chrono::nanoseconds duration{0};
  std::string_view request_id;
  std::string_view trace_id;  // 32 hexadecimal digits
  std::string_view failure;   // in words of ours; mostly empty
  std::string_view repeated;  // a statement that ran suspiciously often; mostly empty
};

/// One request that is not answered yet.
struct request_under_way {
  std::string_view route;  // the template, or "(none)"
  std::chrono::nanoseconds age{0};
  std::string_view phase;  // "body" or "working"
  std::string request_id;
  std::string trace_id;
};

/// A handler that kept an event loop from its other connections.
struct blocked_loop {
  std::string_view route;  // method and template
  std::chrono::nanoseconds duration{0};
  std::uint64_t left_out = 0;  // others of this loop, since the last one that was told
};

/// What happened to a server's loops since the start.
struct loop_totals {
  std::uint64_t blocked = 0;          // handlers that took longer than options::blocked_time
  std::uint64_t accept_failures = 0;  // each followed by a pause
};

/// What answers one span of a trace is made of: closed sets, numbers, random ids.
struct span_record {
  hasten::trace_context trace;  // of the span itself
  std::string parent;           // the caller's span, 16 hexadecimal digits; empty if the trace began here
  std::string_view name;        // method and template
  int status = 0;
  std::chrono::nanoseconds duration{0};
  std::chrono::nanoseconds queue{0};
  std::chrono::nanoseconds database{0};
};

/// The way in for clients that speak TLS.
struct encrypted_entrance {
  std::string address = "0.0.0.0";
  std::uint16_t port = 8443;  // 0: the system chooses
  tls_context::options files{};
  // How long a browser shall ask this host in TLS only (Strict-Transport-Security); 0: that is not said.
  std::chrono::seconds strict_transport{31'536'000};
};

/// Serves HTTP/1.1: one event loop, one acceptor and one set of connections per thread. Nothing here blocks;
/// what blocks goes through the dispatcher to the worker pool.
///
/// Thread safety: start, stop and the destructor belong to one thread; the ports are free.
class server {
 public:
  struct options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 8080;             // 0: the system chooses; port() tells
    unsigned threads = 1;                  // event loops, 1..256
    std::size_t connections_max = 10'000;  // over all loops; the next one is closed at once
    client_limits::options per_client{};
    wire_limits limits{};
    std::optional<encrypted_entrance> encrypted{};  // beside the plain one; limits count both together
    std::chrono::milliseconds head_time{10'000};    // from the first byte of a request to the end of its head
    std::chrono::milliseconds body_time{30'000};    // for the whole body
    std::chrono::milliseconds idle_time{60'000};    // between requests
    std::chrono::milliseconds write_time{30'000};   // for a client to take what it asked for
    std::chrono::milliseconds work_time{15'000};    // for a worker to answer; then 503
    bool shows_timing = true;  // Server-Timing for callers whom the guard knows; never for others
    std::function<void(const access_record&)> on_request = {};  // called on a loop; must not block or throw
    std::function<bool(int status, std::chrono::nanoseconds, bool sampled, std::uint64_t draw)> keeps_span =
        {};                                                // as above
    std::function<void(const span_record&)> on_span = {};  // as above, for those that are kept
    std::chrono::milliseconds blocked_time{
        20};  // of a loop by one handler; what takes longer is counted and told
    std::function<void(const blocked_loop&)> on_blocked = {};  // as above; at most once a second and loop
    std::function<void(const std::exception_ptr&)> on_failure =
        {};  // an exception got as far as a loop; as above
  };

  /// `timing` knows the rows of `routes`, then "(none)" for what matched none.
  /// Throws: std::invalid_argument for options out of range, std::runtime_error for a certificate that cannot be used.
  server(options chosen, const dispatcher& requests, const router& routes, request_timer& timing);
  ~server();
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Binds and begins to serve.
  /// Throws: std::system_error, naming the address, if one cannot be had, also if another process listens there.
  void start();

  [[nodiscard]] std::uint16_t port() const noexcept;
  /// Returns: the port for TLS; 0 if there is none.
  [[nodiscard]] std::uint16_t tls_port() const noexcept;

  /// Reads certificate and key anew, for the connections to come; those that are there go on with what they have.
  /// Returns: why the new ones cannot be used, and the old ones stay; nothing if they can, or if nothing is encrypted.
  /// Thread safety: from any thread. Blocks on: reading two files.
  [[nodiscard]] std::optional<std::string> reload_certificate();

  /// Returns: how the certificate stands; nothing if nothing is encrypted. From any thread.
  [[nodiscard]] std::optional<certificate_reading> certificate() const;

  /// Whether stop has begun; a readiness probe asks.
  [[nodiscard]] bool is_stopping() const noexcept;

  /// Returns: the requests that are not answered yet; a loop that does not say so until `deadline` is left out.
  /// Blocks on: the loops, until `deadline`; not to be called on one of them.
  [[nodiscard]] std::vector<request_under_way> under_way(hasten::steady_time deadline) const;

  /// Returns: how long a task that was given to each loop just now took to be run, of the slowest; `deadline` if one
  /// did not run it until then. Blocks on: the loops, until `deadline`; not to be called on one of them.
  [[nodiscard]] std::chrono::nanoseconds lag(hasten::steady_time deadline) const;

  /// As client_limits::change_rate(): what one client may ask from now on. Not from two threads at a time.
  void change_rate(double per_second, unsigned burst);

  /// Returns: the totals of all loops. From any thread.
  [[nodiscard]] loop_totals totals() const noexcept;

  /// Stops accepting, lets every request under way finish and closes each connection after it; at the
  /// deadline the rest are cut.
  /// Returns: how many connections were cut.
  /// Blocks on: the clients, until `deadline`.
  std::size_t stop(hasten::steady_time deadline);

 private:
  std::uint16_t listen_on(const std::string& address, std::uint16_t port, bool is_encrypted);

  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace claims_app
