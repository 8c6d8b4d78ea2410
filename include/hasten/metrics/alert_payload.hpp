// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/metrics/alert_board.hpp>
#include <hasten/metrics/detail/json_text.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Notices as those who are told read them: pure text, no network.
namespace hasten {

/// What the texts say about their sender.
struct alert_sender {
  std::string service = "hasten";                     ///< the label "service" of every alert
  std::string receiver = "webhook";                   ///< the name under which the webhook is told
  std::string external_url = {};                      ///< where people look: the service's own pages
  std::string runbook_url = {};                       ///< the alert's name is appended, as a fragment
  std::vector<std::string> group_by = {"alertname"};  ///< notices that agree in these go into one message
  std::size_t alerts_max = 100;                       ///< in one message; the rest is counted
};

namespace detail {

using alert_labels = std::map<std::string, std::string>;

inline alert_labels labels_of(const alert_notice& notice, const alert_sender& sender) {
  alert_labels all;
  for (const auto& [name, value] : notice.labels.labels()) all[name] = value;
  all["alertname"] = notice.name;
  all["severity"] = notice.severity;
  all["service"] = sender.service;
  return all;
}

inline alert_labels annotations_of(const alert_notice& notice, const alert_sender& sender) {
  alert_labels all;
  if (!notice.summary.empty()) all["summary"] = notice.summary;
  if (notice.value) {
    std::string text;
    append_json_number(text, *notice.value);
    all["value"] = text;
  }
  if (!sender.runbook_url.empty()) all["runbook_url"] = sender.runbook_url + "#" + notice.name;
  return all;
}

inline void append_json_labels(std::string& out, std::string_view name, const alert_labels& labels) {
  append_json_string(out, name);
  out += ":{";
  bool first = true;
  for (const auto& [key, value] : labels) {
    if (!std::exchange(first, false)) out += ',';
    append_json_member(out, key, value);
  }
  out += '}';
}

// Those that all have in common.
inline alert_labels common_of(const std::vector<alert_labels>& all) {
  alert_labels common = all.empty() ? alert_labels() : all.front();
  for (const alert_labels& each : all)
    std::erase_if(common, [&](const auto& label) {
      const auto found = each.find(label.first);
      return found == each.end() || found->second != label.second;
    });
  return common;
}

inline std::string fingerprint_text(std::uint64_t fingerprint) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[(fingerprint >> shift) & 15];
  return text;
}

inline void append_webhook_alert(std::string& out, const alert_notice& notice, const alert_labels& labels,
                                 const alert_labels& annotations, const alert_sender& sender) {
  out += '{';
  append_json_member(out, "status", notice.firing ? "firing" : "resolved");
  out += ',';
  append_json_labels(out, "labels", labels);
  out += ',';
  append_json_labels(out, "annotations", annotations);
  out += ",\"startsAt\":";
  append_json_time(out, notice.starts_at);
  out += ",\"endsAt\":";
  if (notice.firing)
    out += "\"0001-01-01T00:00:00Z\"";  // Go's zero time, which is how "not yet" is written here
  else
    append_json_time(out, notice.at);
  out += ',';
  append_json_member(out, "generatorURL", sender.external_url);
  out += ',';
  append_json_member(out, "fingerprint", fingerprint_text(notice.fingerprint));
  out += '}';
}

}  // namespace detail

/// One message for a webhook, and what makes it the same message when it is sent again.
struct alert_message {
  std::string body;
  std::string key;  ///< of the group, its state and its alerts: for a header Idempotency-Key
};

/// Returns: the notices as webhooks of Prometheus's Alertmanager receive them (version 4), one message for each group, so
/// that what understands those understands these. A group fires if one of its alerts does.
[[nodiscard]] inline std::vector<alert_message> webhook_messages(std::span<const alert_notice> notices,
                                                                 const alert_sender& sender) {
  using namespace detail;
  std::map<alert_labels, std::vector<const alert_notice*>> groups;
  for (const alert_notice& each : notices) {
    alert_labels key;
    for (auto& [name, value] : labels_of(each, sender))
      if (std::find(sender.group_by.begin(), sender.group_by.end(), name) != sender.group_by.end())
        key[name] = value;
    groups[std::move(key)].push_back(&each);
  }
  std::vector<alert_message> messages;
  for (const auto& [key, members] : groups) {
    const std::size_t told = std::min(members.size(), sender.alerts_max);
    const bool fires =
        std::any_of(members.begin(), members.end(), [](const auto* each) { return each->firing; });
    std::vector<alert_labels> labels, annotations;
    for (const auto* each : members) {
      labels.push_back(labels_of(*each, sender));
      annotations.push_back(annotations_of(*each, sender));
    }
    std::string group_key = "{}:{";
    for (const auto& [name, value] : key)
      group_key += (group_key.back() == '{' ? "" : ",") + name + "=\"" + value + '"';
    group_key += '}';

    alert_message made;
    std::string& out = made.body;
    out = "{\"version\":\"4\",";
    append_json_member(out, "groupKey", group_key);
    out += ",\"truncatedAlerts\":" + std::to_string(members.size() - told) + ',';
    append_json_member(out, "status", fires ? "firing" : "resolved");
    out += ',';
    append_json_member(out, "receiver", sender.receiver);
    out += ',';
    append_json_labels(out, "groupLabels", key);
    out += ',';
    append_json_labels(out, "commonLabels", common_of(labels));
    out += ',';
    append_json_labels(out, "commonAnnotations", common_of(annotations));
    out += ',';
    append_json_member(out, "externalURL", sender.external_url);
    out += ",\"alerts\":[";
    made.key = group_key;
    for (std::size_t i = 0; i < told; ++i) {
      if (i != 0) out += ',';
      append_webhook_alert(out, *members[i], labels[i], annotations[i], sender);
      made.key += ' ' + fingerprint_text(members[i]->fingerprint) + (members[i]->firing ? 'f' : 'r') +
                  std::to_string(members[i]->at.time_since_epoch().count());
    }
    out += "]}";
    messages.push_back(std::move(made));
  }
  return messages;
}

/// Returns: the notices as a real Alertmanager takes them at POST /api/v2/alerts. What fires is to be sent again and
/// again, before `lasts` has passed: an Alertmanager that hears no more of an alert takes it for resolved then, which is
/// what is wanted of a sender that died.
[[nodiscard]] inline std::string alertmanager_json(std::span<const alert_notice> notices,
                                                   const alert_sender& sender,
                                                   std::chrono::nanoseconds lasts = std::chrono::minutes(4)) {
  using namespace detail;
  std::string out = "[";
  for (const alert_notice& each : notices) {
    if (out.size() > 1) out += ',';
    out += '{';
    append_json_labels(out, "labels", labels_of(each, sender));
    out += ',';
    append_json_labels(out, "annotations", annotations_of(each, sender));
    out += ",\"startsAt\":";
    append_json_time(out, each.starts_at);
    out += ",\"endsAt\":";
    append_json_time(
        out, each.firing ? each.at + std::chrono::duration_cast<wall_time::duration>(lasts) : each.at);
    if (!sender.external_url.empty()) {
      out += ',';
      append_json_member(out, "generatorURL", sender.external_url);
    }
    out += '}';
  }
  out += ']';
  return out;
}

}  // namespace hasten
