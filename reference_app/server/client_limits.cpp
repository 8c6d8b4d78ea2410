// SPDX-License-Identifier: BSL-1.0
#include "server/client_limits.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>

namespace claims_app {

namespace {

std::uint64_t drawn_secret() {
  std::random_device entropy;
  return (static_cast<std::uint64_t>(entropy()) << 32) | entropy();
}

// Seconds, rounded up: who waits that long is not refused again.
long seconds_of(std::chrono::nanoseconds time) {
  return static_cast<long>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

}  // namespace

client_limits::client_limits(options chosen) : options_(chosen), secret_(drawn_secret()) {
  change_rate(options_.requests_per_second, options_.requests_burst);
}

void client_limits::change_rate(double per_second, unsigned burst) {
  if (per_second > 0) {
    const hasten::rate_limiter<>::options wanted{.per_second = per_second, .burst = burst};
    if (rate_)
      rate_->change(wanted);
    else
      rate_ = std::make_unique<hasten::rate_limiter<>>(wanted);
  }
  is_rate_limited_ = per_second > 0;
}

client_key client_limits::key_of(const boost::asio::ip::address& address) const {
  std::uint64_t number = 0;
  if (address.is_v4()) {
    number = address.to_v4().to_uint() | 0x1'0000'0000ULL;
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::memcpy(&number, bytes.data(), sizeof number);
  }
  return number ^ secret_;
}

std::optional<client_limits::place> client_limits::enter(const boost::asio::ip::address& address) {
  const client_key client = key_of(address);
  if (options_.connections > 0) {
    const std::lock_guard lock(mutex_);
    std::size_t& count = connections_[client];
    if (count >= options_.connections) return std::nullopt;
    ++count;
  }
  return std::optional<place>(std::in_place, *this, client);
}

void client_limits::leave(client_key client) {
  if (options_.connections == 0) return;
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(client);
  if (--found->second == 0) connections_.erase(found);
}

// The fields are those of draft-ietf-httpapi-ratelimit-headers.
std::optional<problem> client_limits::refusal(client_key client, std::string& rate_header) {
  const auto verdict = rate_->ask(client);
  const auto limits = rate_->limits();
  rate_header = "RateLimit-Policy: \"client\";q=" + std::to_string(limits.burst) +
                ";w=" + std::to_string(std::max(1L, static_cast<long>(limits.burst / limits.per_second))) +
                "\r\nRateLimit: \"client\";r=" + std::to_string(verdict.remaining) +
                ";t=" + std::to_string(seconds_of(verdict.full_after));
  if (verdict.allowed) return std::nullopt;
  return problem{.status = 429,
                 .kind = {},
                 .detail = "This client asks more often than it may; Retry-After says when to go on.",
                 .items = {},
                 .headers = {{.name = "Retry-After",
                              .value = std::to_string(std::max(1L, seconds_of(verdict.retry_after)))}}};
}

}  // namespace claims_app
