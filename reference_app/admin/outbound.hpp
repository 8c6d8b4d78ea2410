// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/server.hpp"

#include <hasten/beast/otlp_exporter.hpp>
#include <hasten/beast/webhook.hpp>
#include <hasten/metrics/trace_sampler.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

namespace claims_app {

/// What the server tells others of its own accord: alerts to a webhook or an Alertmanager, metrics and traces to a
/// collector. All of it in the background, on a thread of its own that only waits for the network.
/// Thread safety: thread-safe, but stop and the destructor belong to one thread.
class outbound {
 public:
  struct options {
    std::string webhook_url;       // empty: none; so with the next
    std::string webhook_secret;    // empty: messages are not signed
    std::string alertmanager_url;  // http://host:9093/api/v2/alerts
    std::chrono::seconds remind_after{60};
    hasten::otlp_options otlp;
    double trace_ratio = 0.01;
    std::string service = "hasten-reference";
  };

  /// Throws: std::invalid_argument for an option out of range.
  explicit outbound(options chosen);
  ~outbound();
  outbound(const outbound&) = delete;
  outbound& operator=(const outbound&) = delete;

  void tell(std::span<const hasten::alert_notice> notices);

  /// To be called about once a second.
  void tick(hasten::steady_time now, const hasten::alert_board& alerts, const hasten::registry& metrics);

  [[nodiscard]] bool wants_spans() const noexcept { return otlp_.exports_traces(); }
  [[nodiscard]] bool keeps(int status, std::chrono::nanoseconds took, bool sampled, std::uint64_t draw);
  void add(const span_record& span);

  /// Sends what it can until `deadline`.
  void stop(hasten::steady_time deadline, const hasten::registry& metrics);

  /// Returns: messages and spans that were lost.
  [[nodiscard]] std::uint64_t lost() const;

 private:
  const std::chrono::seconds remind_after_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  std::optional<hasten::webhook> webhook_;
  std::optional<hasten::alertmanager_client> alertmanager_;
  hasten::otlp_exporter otlp_;
  hasten::trace_sampler<> sampler_;
  std::optional<hasten::steady_time> reminded_;
  std::thread thread_;  // last: it uses all above
};

}  // namespace claims_app
