// SPDX-License-Identifier: BSL-1.0
#include "admin/outbound.hpp"

#include <hasten/beast/tls_channel.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace claims_app {

namespace {

std::string hmac_hex(std::string_view key, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  static constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += hex[digest[i] >> 4];
    out += hex[digest[i] & 15];
  }
  return out;
}

hasten::http_channel_maker channels_to(std::string_view url, const std::string& authorities_file) {
  if (!url.starts_with("https://")) return {};
  return hasten::tls_channels({.authorities_file = authorities_file});
}

hasten::otlp_options with_channels(hasten::otlp_options chosen) {
  const std::string& any =
      chosen.metrics_url.starts_with("https://") ? chosen.metrics_url : chosen.traces_url;
  chosen.secure = channels_to(any, chosen.authorities_file);
  return chosen;
}

}  // namespace

outbound::outbound(options chosen)
    : remind_after_(chosen.remind_after),
      otlp_(io_, with_channels(chosen.otlp), hasten::wall_clock_source::now()),
      sampler_({.ratio = chosen.trace_ratio}) {
  const hasten::alert_sender sender{.service = chosen.service, .runbook_url = "docs/operations.md"};
  if (!chosen.webhook_url.empty()) {
    hasten::webhook::options hook{
        .to = {.url = chosen.webhook_url, .secure = channels_to(chosen.webhook_url, "")},
        .sender = sender,
        .sign = {}};
    if (!chosen.webhook_secret.empty())
      hook.sign = [key = chosen.webhook_secret](std::string_view text) { return hmac_hex(key, text); };
    webhook_.emplace(io_, std::move(hook));
  }
  if (!chosen.alertmanager_url.empty())
    alertmanager_.emplace(
        io_, hasten::alertmanager_client::options{
                 .to = {.url = chosen.alertmanager_url, .secure = channels_to(chosen.alertmanager_url, "")},
                 .sender = sender,
                 .lasts = 4 * chosen.remind_after});
  thread_ = std::thread([this] { io_.run(); });
}

outbound::~outbound() {
  work_.reset();
  io_.stop();
  thread_.join();
}

void outbound::tell(std::span<const hasten::alert_notice> notices) {
  if (webhook_) webhook_->tell(notices);
  if (alertmanager_) alertmanager_->tell(notices);
}

void outbound::tick(hasten::steady_time now, const hasten::alert_board& alerts,
                    const hasten::registry& metrics) {
  const auto at = hasten::wall_clock_source::now();
  otlp_.tick(now, at, metrics);
  if (!alertmanager_ || (reminded_ && now - *reminded_ < remind_after_)) return;
  reminded_ = now;
  alertmanager_->tell(alerts.firing(at));
}

bool outbound::keeps(int status, std::chrono::nanoseconds took, bool sampled, std::uint64_t draw) {
  return sampler_.keeps({.sampled_by_caller = sampled, .failed = status >= 500, .took = took, .draw = draw});
}

void outbound::add(const span_record& span) {
  const auto now = hasten::wall_clock_source::now();
  const auto before = [now](std::chrono::nanoseconds ago) {
    return now - std::chrono::duration_cast<hasten::wall_time::duration>(ago);
  };
  const std::size_t blank = span.name.find(' ');
  hasten::otlp_resource attributes = {{"http.response.status_code", std::to_string(span.status)}};
  if (blank != std::string_view::npos) {
    attributes.emplace_back("http.request.method", span.name.substr(0, blank));
    attributes.emplace_back("http.route", span.name.substr(blank + 1));
  }
  const std::string trace = span.trace.trace_id();
  const std::string id = span.trace.span_id();
  otlp_.add({.trace_id = trace,
             .span_id = id,
             .parent_id = span.parent,
             .name = std::string(span.name),
             .what = hasten::otlp_span::kind::server,
             .began = before(span.duration),
             .ended = now,
             .failed = span.status >= 500,
             .attributes = std::move(attributes)});
  // The stages have no begin of their own: the queue comes first, the database after it.
  const auto child = [&](const char* name, std::chrono::nanoseconds from, std::chrono::nanoseconds took,
                         char mark, hasten::otlp_span::kind what) {
    if (took.count() <= 0) return;
    std::string own = id;
    own[0] = own[0] == mark ? 'f' : mark;
    otlp_.add({.trace_id = trace,
               .span_id = std::move(own),
               .parent_id = id,
               .name = name,
               .what = what,
               .began = before(span.duration - from),
               .ended = before(span.duration - from - took),
               .failed = false,
               .attributes = {}});
  };
  child("queue", std::chrono::nanoseconds(0), span.queue, 'a', hasten::otlp_span::kind::internal);
  child("db", span.queue, span.database, 'b', hasten::otlp_span::kind::client);
}

void outbound::stop(hasten::steady_time deadline, const hasten::registry& metrics) {
  otlp_.stop(deadline, hasten::wall_clock_source::now(), metrics);
  if (webhook_) webhook_->stop(deadline);
  if (alertmanager_) alertmanager_->stop(deadline);
}

std::uint64_t outbound::lost() const {
  const auto lost_by = [](const hasten::http_poster_stats& stats) { return stats.dropped + stats.given_up; };
  const hasten::otlp_stats exported = otlp_.stats();
  std::uint64_t sum = lost_by(exported.metrics) + lost_by(exported.traces) + exported.spans_dropped;
  if (webhook_) sum += lost_by(webhook_->stats());
  if (alertmanager_) sum += lost_by(alertmanager_->stats());
  return sum;
}

}  // namespace claims_app
