// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/problem.hpp"

#include <hasten/core/rate_limiter.hpp>

#include <boost/asio/ip/address.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace claims_app {

/// Who a client is, as far as limits go: its IPv4 address, or the /64 network of its IPv6 address, which is what
/// one subscriber gets. A number that is drawn anew for each process and each address, and kept nowhere else.
using client_key = std::uint64_t;

/// What one client may take of the server: connections at a time, requests per second.
/// Thread safety: thread-safe.
class client_limits {
 public:
  struct options {
    std::size_t connections = 0;     ///< at a time; 0: no limit
    double requests_per_second = 0;  ///< on average; 0: no limit
    unsigned requests_burst = 100;   ///< at once after a pause
  };

  /// Throws: std::invalid_argument if a rate is out of its range.
  explicit client_limits(options chosen);

  /// One of a client's connections, counted while this lives. Lifetime: the limits outlive it.
  class place {
   public:
    place(client_limits& limits, client_key client) : limits_(&limits), client_(client) {}
    place(place&& from) noexcept : limits_(std::exchange(from.limits_, nullptr)), client_(from.client_) {}
    place& operator=(place&&) = delete;
    ~place() {
      if (limits_ != nullptr) limits_->leave(client_);
    }
    [[nodiscard]] client_key client() const noexcept { return client_; }

   private:
    client_limits* limits_;  // null when moved from
    client_key client_;
  };

  /// Returns: nothing if the client has as many connections as it may.
  [[nodiscard]] std::optional<place> enter(const boost::asio::ip::address& address);

  [[nodiscard]] bool limits_requests() const noexcept { return is_rate_limited_; }

  /// Goes by another rate and burst from now on; a rate of 0: no limit.
  /// Throws: std::invalid_argument if one is out of its range; then nothing changes. One thread at a time.
  void change_rate(double per_second, unsigned burst);

  /// Counts a request, and writes the values of RateLimit and RateLimit-Policy as an answer may show them.
  /// Returns: why it is refused (429), if it is.
  [[nodiscard]] std::optional<problem> refusal(client_key client, std::string& rate_header);

 private:
  [[nodiscard]] client_key key_of(const boost::asio::ip::address& address) const;
  void leave(client_key client);

  options options_;
  std::uint64_t secret_;
  std::unique_ptr<hasten::rate_limiter<>>
      rate_;                                  // made when first needed and kept: a request may be asking it
  std::atomic<bool> is_rate_limited_{false};  // set once rate_ is there
  std::mutex mutex_;
  std::unordered_map<client_key, std::size_t> connections_;  // bounded by those of the server
};

}  // namespace claims_app
