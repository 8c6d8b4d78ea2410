// SPDX-License-Identifier: BSL-1.0
// Percentiles by route, Server-Timing and a page for Prometheus, for a service on cpp-httplib.
#include <hasten/metrics/prometheus_text.hpp>
#include <hasten/metrics/registry.hpp>
#include <hasten/metrics/response_timer.hpp>

#include <httplib.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>

namespace {

enum route : std::size_t { read_claim, metrics_page };  // the places in the timer's list

// A handler, timed as a route: one that throws counts as aborted, and httplib answers 500.
template <class Handler>
httplib::Server::Handler timed(hasten::response_timer<>& timer, route which, Handler handler) {
  return [&timer, which, handler = std::move(handler)](const httplib::Request& request,
                                                       httplib::Response& response) {
    auto scope = timer.start(which);
    handler(scope, request, response);
    response.set_header("Server-Timing", scope.server_timing_value());  // if the caller may know
    scope.finish(response.status == -1 ? 200U : static_cast<unsigned>(response.status));
  };
}

void write_latencies(hasten::metric_sink& sink, const hasten::response_timer<>& timer) {
  sink.begin(
      {"http_server_request_duration_seconds", "How long requests took.", hasten::metric_type::histogram});
  for (const auto& each : timer.routes())
    sink.distribution({{"http_route", each.route}}, each.answered(), hasten::bucket_bounds::seconds());
}

}  // namespace

int main() {
  hasten::response_timer timer(
      {.routes = {"GET /claims/{id}", "GET /metrics"}, .stages = {"db", "serialise"}});
  hasten::registry metrics;
  metrics.add_collector([&](hasten::metric_sink& sink) { write_latencies(sink, timer); });

  httplib::Server server;
  server.Get(R"(/claims/(\d+))",
             timed(timer, read_claim, [](auto& scope, const auto& request, auto& response) {
               scope.stage("db");
               const std::string id = request.matches[1];  // stands for a query
               scope.stage("serialise");
               response.set_content("{\"id\":" + id + "}", "application/json");
             }));
  server.Get(
      "/metrics", timed(timer, metrics_page, [&](auto&, const auto& request, auto& response) {
        hasten::prometheus_text page(hasten::prometheus_text::accepted(request.get_header_value("Accept")));
        metrics.collect(page);
        response.set_content(page.finish(), std::string(page.content_type()).c_str());
      }));

  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  httplib::Client client("127.0.0.1", port);
  for (int id = 0; id < 100; ++id) client.Get("/claims/" + std::to_string(id));
  const auto one = client.Get("/claims/7");
  const auto page = client.Get("/metrics");
  server.stop();
  serving.join();

  const auto latencies = timer.route(read_claim).answered();
  std::printf("%llu answers, p99 %.3f ms; Server-Timing: %s\n",
              static_cast<unsigned long long>(latencies.count()),
              static_cast<double>(latencies.quantile(0.99)) / 1e6,
              one ? one->get_header_value("Server-Timing").c_str() : "none");
  const bool is_shown =
      page && page->body.find("_count{http_route=\"GET /claims/{id}\"} 101\n") != std::string::npos;
  return latencies.count() == 101 && is_shown ? 0 : 1;
}
