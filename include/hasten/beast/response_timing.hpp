// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/response_timer.hpp>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// Sets the field "Server-Timing" to `value`, in place of what was there.
template <class Allocator>
void set_server_timing(boost::beast::http::basic_fields<Allocator>& fields, const std::string& value) {
  fields.set("Server-Timing", value);
}

/// Times the responses of a Beast server: a response_timer that knows Beast's messages.
///
/// A synchronous handler goes through respond(), which always accounts for it; an asynchronous server keeps
/// the scope of start() with the connection and finishes it when the last byte is written. A scope that dies
/// with its connection counts as aborted. Routes are numbers from the router, never paths.
///
/// Thread safety: thread-safe.
///
///     hasten::response_timing timing({.routes = {"GET /claims", "GET /claims/{id}"}});
///     auto answer = timing.respond(1, [&](auto& scope) {
///       scope.stage("db");
///       return claim_response(id);             // if this throws, it counts as aborted and goes on
///     });
///     double p99 = timing.route(1).answered().quantile(0.99) / 1e6;   // milliseconds
template <clock_source Clock = steady_clock_source, class WallClock = wall_clock_source>
class response_timing {
 public:
  struct options {
    /// As in response_timer::options.
    std::vector<std::string> routes = {};
    /// As in response_timer::options.
    std::vector<std::string> stages = {"queue", "cache", "db", "work", "serialise", "write"};
    /// As in response_timer::options.
    slow_log::options slowest = {.entries_max = 100, .threshold = std::chrono::seconds(1)};
    /// Whether respond() sets Server-Timing. Off unless asked for: it shows outsiders where time goes.
    bool send_server_timing = false;
  };
  using scope = typename response_timer<Clock, WallClock>::scope;

  /// Throws: std::invalid_argument for an option out of range; std::bad_alloc.
  explicit response_timing(options chosen, Clock clock = {}, WallClock wall = {})
      : send_server_timing_(chosen.send_server_timing),
        timer_({.routes = std::move(chosen.routes),
                .stages = std::move(chosen.stages),
                .slowest = chosen.slowest,
                .latency = {}},
               std::move(clock), std::move(wall)) {}

  /// Begins a response; see response_timer::start(). Lifetime: the timing outlives the scope.
  [[nodiscard]] scope start(std::size_t route) noexcept { return timer_.start(route); }
  [[nodiscard]] scope start(std::size_t route, steady_time began) noexcept {
    return timer_.start(route, began);
  }

  /// Runs `handler(scope)`, which returns a Beast response, and counts it by that response's status.
  /// Returns: the response, with Server-Timing if options ask for it. Throws: what the handler throws; the
  /// response then counts as aborted.
  template <class Handler>
  [[nodiscard]] auto respond(std::size_t route, Handler&& handler) {
    scope timed = start(route);
    auto response = std::invoke(std::forward<Handler>(handler), timed);
    if (send_server_timing_) set_server_timing(response.base(), timed.server_timing_value());
    timed.finish(response.result_int());
    return response;
  }

  /// Returns: everything counted for one route so far. Throws: std::bad_alloc.
  [[nodiscard]] route_timing route(std::size_t route) const { return timer_.route(route); }

  /// Returns: route() of each, in the order of options::routes. Throws: std::bad_alloc.
  [[nodiscard]] std::vector<route_timing> routes() const { return timer_.routes(); }

  /// Returns: how many responses of the route are under way.
  [[nodiscard]] std::uint64_t in_flight(std::size_t route) const noexcept { return timer_.in_flight(route); }

  /// Returns: the log of the slowest responses.
  [[nodiscard]] const slow_log& slowest() const noexcept { return timer_.slowest(); }
  [[nodiscard]] slow_log& slowest() noexcept { return timer_.slowest(); }

 private:
  bool send_server_timing_;
  response_timer<Clock, WallClock> timer_;
};

}  // namespace hasten
