// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/detail/json_text.hpp>
#include <hasten/metrics/health_report.hpp>

#include <chrono>
#include <string>
#include <string_view>

namespace hasten {

/// The status code that a probe expects: 503 if the whole fails, 200 else.
[[nodiscard]] constexpr unsigned http_status_of(const health_report& report) noexcept {
  return report.status == health_status::fail ? 503 : 200;
}

/// Returns: the report as application/health+json: the status, and under "checks" each component with its own,
/// its figure, and how long it took and how old it is in milliseconds.
[[nodiscard]] inline std::string health_json(const health_report& report) {
  std::string out = "{\"status\":";
  detail::append_json_string(out, to_string(report.status));
  out += ",\"checks\":{";
  for (const auto& each : report.components) {
    if (&each != &report.components.front()) out += ',';
    detail::append_json_string(out, each.name);
    out += ":[{\"status\":";
    detail::append_json_string(out, each.known ? to_string(each.result.status) : "unknown");
    if (!each.result.note.empty()) {
      out += ",\"output\":";
      detail::append_json_string(out, each.result.note);
    }
    if (each.result.observed) {
      out += ",\"observedValue\":";
      detail::append_json_number(out, *each.result.observed);
      out += ",\"observedUnit\":";
      detail::append_json_string(out, each.result.unit);
    }
    out += ",\"durationMs\":";
    detail::append_json_milliseconds(out, each.duration);
    out += ",\"ageMs\":";
    detail::append_json_milliseconds(out, each.age);
    out += ",\"consecutive\":" + std::to_string(each.in_a_row);
    out += each.critical ? ",\"critical\":true" : ",\"critical\":false";
    if (each.running) out += ",\"running\":true";
    if (each.stale) out += ",\"stale\":true";
    out += "}]";
  }
  out += "}}";
  return out;
}

/// Returns: the report as monitors of Spring Boot's Actuator read it: UP, DOWN or UNKNOWN, with "components". A
/// warning is UP to them, for they would take a service with it out of use.
[[nodiscard]] inline std::string actuator_json(const health_report& report) {
  const auto word = [](health_status status) { return status == health_status::fail ? "DOWN" : "UP"; };
  std::string out = "{\"status\":\"";
  out += word(report.status);
  out += "\",\"components\":{";
  for (const auto& each : report.components) {
    if (&each != &report.components.front()) out += ',';
    detail::append_json_string(out, each.name);
    out += ":{\"status\":\"";
    out += each.known ? word(each.result.status) : "UNKNOWN";
    out += "\",\"details\":{\"durationMs\":";
    detail::append_json_milliseconds(out, each.duration);
    if (!each.result.note.empty()) {
      out += ",\"note\":";
      detail::append_json_string(out, each.result.note);
    }
    out += "}}";
  }
  out += "}}";
  return out;
}

}  // namespace hasten
