// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <httplib.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

int main() {
  using namespace std::chrono_literals;
  // Scores are a minute old at most; after 45 seconds a worker renews them while the old ones are served, and if the loader
  // fails, they stand in for ten minutes.
  hasten::memory_cache<std::string, double> scores({.entries_max = 50'000,
                                                    .ttl = 60s,
                                                    .stale_max = 10min,
                                                    .soft_ttl = 45s,
                                                    .insight = {.hot_keys_max = 100, .miss_ratios = true}});
  hasten::worker_pool pool({.threads = 2});
  const auto on_pool = [&pool](hasten::unique_function<void()> task) { pool.post(std::move(task)); };
  const auto compute = [] { return 0.87; };  // stands for a slow query

  httplib::Server server;
  server.Get("/score", [&](const httplib::Request& request, httplib::Response& response) {
    const std::string key = "score:" + request.get_param_value("claim");
    response.set_content(std::to_string(scores.get_or_load(key, compute, on_pool)), "text/plain");
  });
  server.Get("/advice", [&](const httplib::Request&, httplib::Response& response) {
    std::string text;
    for (const hasten::cache_advice& each : scores.advice()) text += each.sentence + "\n";
    response.set_content(text, "text/plain");
  });

  const int port = server.bind_to_any_port("127.0.0.1");
  std::thread serving([&] { server.listen_after_bind(); });
  httplib::Client client("127.0.0.1", port);
  for (int i = 0; i < 3; ++i) client.Get("/score?claim=01JD8T");
  const auto advice = client.Get("/advice");
  std::printf("%.0f %% hit; %s", scores.stats().hit_rate() * 100,
              advice ? advice->body.c_str() : "no answer\n");
  server.stop();
  serving.join();
  return scores.stats().loads == 1 ? 0 : 1;
}
