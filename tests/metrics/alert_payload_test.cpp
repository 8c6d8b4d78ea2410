// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/alert_payload.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using hasten::alert_notice;

namespace {

const hasten::wall_time start = std::chrono::sys_days{std::chrono::year(2026) / 11 / 20} + 13h + 1250ms;

alert_notice notice(std::string name, bool firing, hasten::label_set labels = {}) {
  return {.fingerprint = 0xabc,
          .name = std::move(name),
          .severity = "warning",
          .summary = "p95 is above 200 ms",
          .labels = std::move(labels),
          .firing = firing,
          .value = 0.25,
          .at = start + 1min,
          .starts_at = start};
}

const hasten::alert_sender sender{
    .service = "orders", .external_url = "http://orders", .runbook_url = "http://runbook"};

}  // namespace

TEST_CASE("a webhook receives what Alertmanager would have sent") {
  const std::vector<alert_notice> notices = {notice("SlowResponses", true, {{"route", "/orders"}})};
  const auto messages = hasten::webhook_messages(notices, sender);
  REQUIRE(messages.size() == 1);
  CHECK(
      messages[0].body ==
      R"({"version":"4","groupKey":"{}:{alertname=\"SlowResponses\"}","truncatedAlerts":0,"status":"firing",)"
      R"("receiver":"webhook","groupLabels":{"alertname":"SlowResponses"},)"
      R"("commonLabels":{"alertname":"SlowResponses","route":"/orders","service":"orders","severity":"warning"},)"
      R"("commonAnnotations":{"runbook_url":"http://runbook#SlowResponses","summary":"p95 is above 200 ms","value":"0.25"},)"
      R"("externalURL":"http://orders","alerts":[{"status":"firing",)"
      R"("labels":{"alertname":"SlowResponses","route":"/orders","service":"orders","severity":"warning"},)"
      R"("annotations":{"runbook_url":"http://runbook#SlowResponses","summary":"p95 is above 200 ms","value":"0.25"},)"
      R"("startsAt":"2026-11-20T13:00:01.250Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://orders",)"
      R"("fingerprint":"0000000000000abc"}]})");
}

TEST_CASE("notices are grouped, one that fires makes its group fire, and labels not shared are not common") {
  const std::vector<alert_notice> notices = {notice("Slow", false, {{"route", "/a"}}),
                                             notice("Slow", true, {{"route", "/b"}}), notice("Down", false)};
  const auto messages = hasten::webhook_messages(notices, sender);
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].body.find(R"("status":"resolved","receiver")") != std::string::npos);  // Down
  CHECK(messages[0].body.find(R"("endsAt":"2026-11-20T13:01:01.250Z")") != std::string::npos);
  CHECK(messages[1].body.find(R"("status":"firing","receiver")") != std::string::npos);
  CHECK(messages[1].body.find(
            R"("commonLabels":{"alertname":"Slow","service":"orders","severity":"warning"})") !=
        std::string::npos);
  CHECK(messages[0].key != messages[1].key);
}

TEST_CASE("a message is bounded, and says how many alerts it leaves out") {
  auto few = sender;
  few.alerts_max = 1;
  const std::vector<alert_notice> notices = {notice("Slow", true, {{"route", "/a"}}),
                                             notice("Slow", true, {{"route", "/b"}})};
  const auto messages = hasten::webhook_messages(notices, few);
  REQUIRE(messages.size() == 1);
  CHECK(messages[0].body.find("\"truncatedAlerts\":1,") != std::string::npos);
  CHECK(messages[0].body.find("/b") == std::string::npos);
}

TEST_CASE("an Alertmanager is told for how long an alert lasts if it hears no more, and when one is over") {
  const std::vector<alert_notice> notices = {notice("Slow", true), notice("Down", false)};
  const std::string body = hasten::alertmanager_json(notices, {.service = "orders"}, 4min);
  CHECK(body.find(R"("endsAt":"2026-11-20T13:05:01.250Z"})") != std::string::npos);
  CHECK(body.find(R"("endsAt":"2026-11-20T13:01:01.250Z"})") != std::string::npos);
  CHECK(body.starts_with(R"([{"labels":{"alertname":"Slow","service":"orders","severity":"warning"})"));
  CHECK(hasten::alertmanager_json({}, sender) == "[]");
}
