// SPDX-License-Identifier: BSL-1.0
#include "e2e/raw_client.hpp"
#include "e2e/running_service.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

using e2e::body_of;
using e2e::running_service;
using e2e::text;
using e2e::with_token;

namespace {

e2e::json::value told(httplib::Client& client, const std::string& path) {
  return body_of(client.Get(path, with_token()));
}

// Asks for the events, with more lines of a head perhaps.
void listen(e2e::raw_client& client, const std::string& more = "") {
  client.send("GET /api/v1/admin/events HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer " + e2e::token + "\r\n" +
              more + "\r\n");
}

// Returns: all that came, once it holds `wanted`.
std::string take_until(e2e::raw_client& client, const std::string& wanted) {
  std::string all;
  while (all.find(wanted) == std::string::npos) {
    const std::string more = client.take_all();
    REQUIRE_FALSE(more.empty());
    all += more;
  }
  return all;
}

}  // namespace

TEST_CASE("probes, health and its words for others are told at once") {
  running_service running(3);
  auto client = running.client();
  for (const char* probe : {"/livez", "/readyz", "/startupz"}) CHECK(client.Get(probe)->status == 200);
  const auto health = client.Get("/api/v1/admin/health", with_token());
  CHECK(health->get_header_value("Content-Type") == "application/health+json");
  const auto checks = e2e::json::parse(health->body).at("checks").as_object();
  for (const char* check : {"database", "databasePool", "databaseLog", "disk", "cache", "workers",
                            "eventLoop", "memory", "fileDescriptors", "responses"}) {
    INFO(check);
    REQUIRE(checks.contains(check));
    CHECK(text(checks.at(check).as_array().at(0), "status") != "unknown");
  }
  auto headers = with_token();
  headers.emplace("Accept", "application/vnd.spring-boot.actuator.v3+json");
  const auto actuator = e2e::json::parse(client.Get("/api/v1/admin/health", headers)->body);
  CHECK(text(actuator.at("components").at("database"), "status") == "UP");
  for (const char* path : {"/api/v1/health", "/api/monitoring/health"}) {
    const std::string word = text(body_of(client.Get(path)), "status");
    CHECK((word == "healthy" || word == "degraded"));
  }
}

TEST_CASE("performance is told in totals and windows, and under the address that others use") {
  running_service running(3);
  auto client = running.client();
  for (int count = 0; count < 5; ++count) static_cast<void>(e2e::get(client, "/api/v1/claims"));
  for (const char* path : {"/api/v1/admin/performance", "/api/admin/performance"}) {
    const auto all = told(client, path);
    CHECK(all.at("requests").at("total").as_int64() >= 5);
    CHECK(all.at("requests").at("errorRate").to_number<double>() == 0.0);
    CHECK(all.at("requests").at("p99Ms").to_number<double>() > 0);
    CHECK(all.at("windows").as_object().size() == 5);
    CHECK(all.at("cache").at("hitRate").to_number<double>() > 0);
    CHECK(all.at("memory").at("residentBytes").as_int64() > 0);
    CHECK(all.at("database").at("readers").at("max").as_int64() == 2);
  }
  const auto ranked = told(client, "/api/v1/admin/requests?window=1h&sort=count");
  CHECK(text(ranked, "schema") == "hasten.requests/1");
  CHECK(client.Get("/api/v1/admin/requests?window=7m", with_token())->status == 400);
  CHECK(told(client, "/api/v1/admin/requests/slow").at("slowest").is_array());
  CHECK(told(client, "/api/v1/admin/requests/inflight").at("count").as_int64() == 1);  // itself
  CHECK(told(client, "/api/v1/admin/timeseries").at("series").as_array().size() == 12);
  CHECK(told(client, "/api/v1/admin/timeseries?series=p99_seconds&window=1h").at("stepSeconds").as_int64() ==
        10);
  CHECK(client.Get("/api/v1/admin/timeseries?series=nothing", with_token())->status == 400);
  CHECK(text(told(client, "/api/v1/admin/info"), "version").size() >= 5);
  CHECK(text(told(client, "/api/v1/admin/config"), "adminToken") == "******");
}

TEST_CASE("what an operator watches wants the token") {
  running_service running(1);
  auto client = running.client();
  for (const char* path :
       {"/api/v1/admin/requests", "/api/v1/admin/requests/slow", "/api/v1/admin/requests/inflight",
        "/api/v1/admin/alerts", "/api/v1/admin/alerts/rules", "/api/v1/admin/alerts/silences",
        "/api/v1/admin/timeseries", "/api/v1/admin/events", "/api/v1/admin/info", "/api/v1/admin/config",
        "/api/v1/admin/loggers", "/metrics", "/api/admin/performance", "/api/monitoring/metrics"}) {
    INFO(path);
    CHECK(client.Get(path)->status == 401);
  }
}

TEST_CASE("alerts have rules and can be silenced for a while") {
  running_service running(1);
  auto client = running.client();
  CHECK(told(client, "/api/v1/admin/alerts/rules").at("rules").as_array().size() >= 15);
  CHECK(told(client, "/api/v1/admin/alerts").at("alerts").is_array());
  const std::string silences = "/api/v1/admin/alerts/silences";
  const auto post = [&](const char* body) {
    return client.Post(silences, with_token(), body, "application/json");
  };
  const auto made = post(R"({"alert":"ResponsesSlow","seconds":60,"reason":"a deployment"})");
  REQUIRE(made->status == 201);
  const std::string where = made->get_header_value("Location");
  CHECK(text(told(client, silences).at("silences").as_array().at(0), "alert") == "ResponsesSlow");
  CHECK(post(R"({"alert":"Nothing","seconds":60})")->status == 422);
  CHECK(post(R"({"alert":"ResponsesSlow"})")->status == 422);
  CHECK(client.Delete(where, with_token())->status == 204);
  CHECK(client.Delete(where, with_token())->status == 404);
  CHECK(told(client, silences).at("silences").as_array().empty());
}

TEST_CASE("the level of the log is changed for a while") {
  running_service running(1);
  auto client = running.client();
  const std::string path = "/api/v1/admin/loggers/hasten";
  const auto set = client.Put(path, with_token(), R"({"level":"error","ttlSeconds":60})", "application/json");
  REQUIRE(set->status == 200);
  const auto now = body_of(set).at("loggers").at("hasten");
  CHECK(text(now, "level") == "error");
  CHECK(now.at("revertsInSeconds").as_int64() <= 60);
  CHECK(client.Put(path, with_token(), R"({"level":"loud"})", "application/json")->status == 422);
  CHECK(client.Put("/api/v1/admin/loggers/other", with_token(), R"({"level":"info"})", "application/json")
            ->status == 404);
  CHECK(client.Delete(path, with_token())->status == 204);
  const auto after = told(client, "/api/v1/admin/loggers").at("loggers").at("hasten");
  CHECK(text(after, "level") == text(after, "usualLevel"));
}

TEST_CASE("events come each second, and charts fill") {
  running_service running(1);
  e2e::raw_client client(running.port());
  listen(client);
  const std::string all = take_until(client, "id: 3\n");
  CHECK(all.find("Content-Type: text/event-stream\r\n") != std::string::npos);
  CHECK(all.find("event: tick\ndata: {\"at\":") != std::string::npos);
  CHECK(all.find("\"health\":\"") != std::string::npos);
  auto other = running.client();
  CHECK(
      told(other, "/api/v1/admin/timeseries?series=memory_bytes&window=1m").at("values").as_array().size() >=
      1);
}

TEST_CASE("a listener that was cut off goes on behind the event it names, as far as the ring holds it") {
  running_service running(1);
  e2e::raw_client first(running.port());
  listen(first);
  static_cast<void>(take_until(first, "id: 3\n"));
  first.vanish();
  // Both are there already, so they come with the head.
  e2e::raw_client again(running.port());
  listen(again, "Last-Event-ID: 1\r\n");
  const std::string rest = take_until(again, "id: 3\n");
  CHECK(rest.find("id: 1\n") == std::string::npos);
  CHECK(rest.find("id: 2\n") < rest.find("id: 3\n"));
  // One that names no event of ours, or none at all, begins with the latest or the next.
  for (const char* unknown : {"Last-Event-ID: 4000000000\r\n", "Last-Event-ID: -1\r\n", ""}) {
    INFO(unknown);
    e2e::raw_client other(running.port());
    listen(other, unknown);
    const std::string latest = take_until(other, "\nid: ");
    CHECK(latest.find("id: 1\n") == std::string::npos);
  }
}

TEST_CASE("sixteen may listen at once, the seventeenth is told to come back, and whoever leaves makes room") {
  running_service running(1);
  std::vector<std::unique_ptr<e2e::raw_client>> listeners;
  for (int count = 0; count < 16; ++count) {
    listeners.push_back(std::make_unique<e2e::raw_client>(running.port()));
    listen(*listeners.back());
    REQUIRE(listeners.back()->read().status == 200);
  }
  auto one_more = running.client();
  const auto refused = one_more.Get("/api/v1/admin/events", with_token());
  e2e::check_problem(refused, 503);
  CHECK(refused->get_header_value("Retry-After") == "1");
  CHECK(told(one_more, "/api/v1/admin/info").is_object());  // all else is answered still
  listeners.pop_back();
  // The server learns of it a moment later, so the place is asked for until it is given.
  int status = 503;
  while (status == 503) {
    e2e::raw_client next(running.port());
    listen(next);
    status = next.read().status;
  }
  CHECK(status == 200);
}

TEST_CASE(
    "the page for Prometheus names what the conventions name, and promtool finds nothing to complain about") {
  running_service running(3);
  auto client = running.client();
  for (int count = 0; count < 3; ++count) static_cast<void>(e2e::get(client, "/api/v1/claims"));
  static_cast<void>(client.Get("/nothing"));
  const auto page = client.Get("/metrics", with_token());
  CHECK(page->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"http_server_request_duration_seconds_count{http_request_method=\"GET\",http_route=\"/api/v1/"
        "claims\","
        "http_response_status_code=\"2xx\",error_type=\"\",url_scheme=\"http\"} 3\n",
        "http_request_method=\"_OTHER\",http_route=\"\",http_response_status_code=\"4xx\"",
        "db_client_operation_duration_seconds_count{db_system_name=\"sqlite\",db_query_summary=\"claims."
        "page\"} 1\n",
        "db_client_connections{pool_name=\"readers\",state=\"used\"} ",
        "db_client_connection_use_time_seconds_count{pool_name=\"writer\"} ", "cache_requests_total{",
        "worker_tasks_total{worker_pool=\"claims\",outcome=\"success\"} ",
        "worker_queue_depth{worker_pool=\"claims\",queue=\"background\"} 0\n",
        "worker_queue_capacity{worker_pool=\"claims\"} ",
        "worker_task_wait_duration_seconds_count{worker_pool=\"claims\",queue=\"normal\"} ",
        "process_resident_memory_bytes ", "hasten_eventloop_lag_seconds_count ", "hasten_build_info{",
        "hasten_health_status{check=\"database\"} 0\n", "hasten_alert_state{alertname=\"ResponsesSlow\""}) {
    INFO(line);
    CHECK(page->body.find(line) != std::string::npos);
  }
  // What nobody has asked for has no series.
  CHECK(page->body.find("http_route=\"/api/v1/payers\"") == std::string::npos);
  auto open_metrics = with_token();
  open_metrics.emplace("Accept", "application/openmetrics-text;version=1.0.0");
  const std::string open_page = client.Get("/metrics", open_metrics)->body;
  CHECK(open_page.ends_with("# EOF\n"));
  CHECK(open_page.find(" # {trace_id=\"") != std::string::npos);
  CHECK(page->body.find("trace_id") == std::string::npos);
#ifdef HASTEN_PROMTOOL
  std::FILE* const tool = popen("'" HASTEN_PROMTOOL "' check metrics", "w");
  REQUIRE(tool != nullptr);
  std::fwrite(page->body.data(), 1, page->body.size(), tool);
  CHECK(pclose(tool) == 0);
#endif
}
