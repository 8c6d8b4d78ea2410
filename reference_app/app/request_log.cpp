// SPDX-License-Identifier: BSL-1.0
#include "app/request_log.hpp"

#include "shared/instant.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>

namespace claims_app {

namespace {

double milliseconds(std::chrono::nanoseconds span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

}  // namespace

void start_log(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("hasten", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
  logger->flush_on(spdlog::level::debug);
  spdlog::set_default_logger(std::move(logger));
}

// spdlog swallows its own failures after reporting them on stderr; a formatter that throws is among those.
void log_request(const access_record& what) noexcept {
  const auto level = what.status == 500 ? spdlog::level::warn : spdlog::level::debug;
  spdlog::log(level, "request route=\"{}\" status={} ms={:.3f} id={} trace={}{}{}", what.route, what.status,
              milliseconds(what.duration), what.request_id, what.trace_id,
              what.failure.empty() ? "" : " failure=", what.failure);
  if (!what.repeated.empty())
    spdlog::info("route=\"{}\" ran the statement {} again and again; id={}", what.route, what.repeated,
                 what.request_id);
}

void log_slow_response(const hasten::slow_response& what) noexcept {
  spdlog::warn("slow response route=\"{}\" status={} ms={:.3f} trace={} stages: {}", what.route, what.status,
               milliseconds(what.duration), what.trace_id, what.stages);
}

void log_blocked_loop(const blocked_loop& what) noexcept {
  spdlog::warn("a handler blocked its event loop route=\"{}\" ms={:.3f} others={}", what.route,
               milliseconds(what.duration), what.left_out);
}

void log_alerts(std::span<const hasten::alert_notice> notices) noexcept {
  for (const hasten::alert_notice& each : notices)
    spdlog::log(each.firing ? spdlog::level::warn : spdlog::level::info,
                "alert {} {} severity={} value={}: {}", each.name, each.firing ? "fires" : "is over",
                each.severity, each.value.value_or(0), each.summary);
}

void log_eviction(std::string_view chosen_by, std::size_t evicted) noexcept {
  spdlog::info("an operator evicts from the cache of answers, chosen by {}: evicted={}", chosen_by, evicted);
}

// A plan names tables and indexes and never a value.
void log_plan(const hasten::plan_event& what) noexcept {
  if (what.before == nullptr && what.now.plan.is_good()) return;
  const auto level = what.before == nullptr ? spdlog::level::debug : spdlog::level::warn;
  spdlog::log(level, "the plan of {} {}; good={} steps={}", what.now.name,
              what.before == nullptr ? "is new" : "changed", what.now.plan.is_good(),
              what.now.plan.steps.size());
}

void log_certificate(hasten::wall_time expires) noexcept {
  const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(expires.time_since_epoch());
  spdlog::info("the certificate was read anew; it expires {}", to_rfc3339(at.count()));
}

void log_certificate_refused(const std::string& why) noexcept {
  spdlog::error("the certificate stays what it was, for the new one cannot be used: {}", why);
}

void log_slow_query(const hasten::slow_query& what) noexcept {
  spdlog::warn("slow statement name={} ms={:.3f} rows={} failed={}", what.name, milliseconds(what.duration),
               what.rows, what.failed);
}

void log_leak(const hasten::pool_leak& what) noexcept {
  spdlog::warn("a session is held for too long: ms={:.0f} taken at {}:{}", milliseconds(what.held),
               what.where.file_name(), what.where.line());
}

void log_task_failure(const std::exception_ptr&) noexcept {
  // Its text may hold values; a task reports through its request, so this is a bug worth a line of its own.
  spdlog::error("an exception got as far as a thread's own loop");
}

}  // namespace claims_app
