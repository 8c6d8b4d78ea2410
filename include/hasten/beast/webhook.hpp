// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/beast/http_poster.hpp>
#include <hasten/core/clock.hpp>
#include <hasten/metrics/alert_payload.hpp>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// Tells alerts to a webhook, in the shape in which Prometheus's Alertmanager would: in the background, bounded, retried,
/// signed if there is a key.
///
/// Each message carries an Idempotency-Key, which is the same when it is tried again, and, with `sign`, the header
/// X-Hasten-Signature: "t=SECONDS,v1=HEX", the signature of "SECONDS.BODY". A receiver computes it again and refuses what
/// is old. The wrong tool for many receivers and their shifts: send to an Alertmanager and let it route.
///
/// Thread safety: thread-safe.
///
///     hasten::webhook hook(io, {.to = {.url = "http://127.0.0.1:9000/alerts"}, .sender = {.service = "orders"}});
///     hook.tell(alerts.tick(clock.now(), wall_clock.now()));
template <class WallClock = wall_clock_source>
class basic_webhook {
 public:
  struct options {
    http_poster::options to = {};
    alert_sender sender = {};
    /// Returns: the hexadecimal HMAC-SHA256 of a text with a key that both sides know. Empty: nothing is signed.
    std::function<std::string(std::string_view text)> sign = {};
  };

  /// Throws: std::invalid_argument for an option out of range. Lifetime: the io_context outlives the webhook.
  basic_webhook(boost::asio::io_context& io, options chosen, WallClock wall = {})
      : sender_(std::move(chosen.sender)),
        sign_(std::move(chosen.sign)),
        wall_(std::move(wall)),
        poster_(io, std::move(chosen.to)) {}

  /// Takes the notices, grouped into messages. Blocks on: nothing that lasts. Throws: std::bad_alloc, what `sign` throws.
  void tell(std::span<const alert_notice> notices) {
    for (alert_message& each : webhook_messages(notices, sender_)) {
      std::vector<http_poster::header> headers{{"Idempotency-Key", short_key(each.key)}};
      if (sign_) {
        const auto now = std::chrono::duration_cast<std::chrono::seconds>(wall_.now().time_since_epoch());
        const std::string seconds = std::to_string(now.count());
        headers.emplace_back("X-Hasten-Signature",
                             "t=" + seconds + ",v1=" + sign_(seconds + "." + each.body));
      }
      poster_.post(std::move(each.body), std::move(headers));
    }
  }

  /// As http_poster::stop().
  void stop(steady_time deadline) { poster_.stop(deadline); }
  [[nodiscard]] http_poster_stats stats() const { return poster_.stats(); }

 private:
  // FNV-1a: the key tells messages apart, it keeps nothing secret.
  static std::string short_key(std::string_view key) {
    std::uint64_t hash = 14'695'981'039'346'656'037ULL;
    for (const char c : key) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
    return std::to_string(hash);
  }

  const alert_sender sender_;
  const std::function<std::string(std::string_view)> sign_;
  const WallClock wall_;
  http_poster poster_;
};

/// The webhook that signs with the machine's time.
using webhook = basic_webhook<>;

/// Tells alerts to a real Alertmanager, which groups, routes and silences them for many services.
///
/// It wants to be reminded: tell it each minute what fires, or it takes the alerts for resolved after `lasts`.
/// Thread safety: thread-safe.
///
///     hasten::alertmanager_client manager(io, {.to = {.url = "http://127.0.0.1:9093/api/v2/alerts"}});
///     manager.tell(alerts.tick(now, wall));
///     manager.tell(alerts.firing(wall));       // once a minute
class alertmanager_client {
 public:
  struct options {
    http_poster::options to = {};
    alert_sender sender = {};
    std::chrono::nanoseconds lasts = std::chrono::minutes(4);  ///< 10 s to a day
  };

  /// Throws: std::invalid_argument for an option out of range. Lifetime: the io_context outlives the client.
  alertmanager_client(boost::asio::io_context& io, options chosen)
      : sender_(std::move(chosen.sender)), lasts_(chosen.lasts), poster_(io, std::move(chosen.to)) {
    if (lasts_ < std::chrono::seconds(10) || lasts_ > std::chrono::hours(24))
      throw std::invalid_argument("alertmanager_client: lasts must be 10 s to a day, got " +
                                  std::to_string(lasts_.count()) + " ns");
  }

  /// Takes the notices. Blocks on: nothing that lasts.
  void tell(std::span<const alert_notice> notices) {
    if (!notices.empty()) poster_.post(alertmanager_json(notices, sender_, lasts_));
  }

  /// As http_poster::stop().
  void stop(steady_time deadline) { poster_.stop(deadline); }
  [[nodiscard]] http_poster_stats stats() const { return poster_.stats(); }

 private:
  const alert_sender sender_;
  const std::chrono::nanoseconds lasts_;
  http_poster poster_;
};

}  // namespace hasten
