// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/server.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <semaphore>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace claims_app {

inline plan immediate(const request&) {
  plan out;
  out.now = answer{.body = "now", .headers = {}};
  return out;
}

// A server of toys: "/now" at once; "/held" and "/kept" when `gate` is opened or they are asked to stop; "/broken" fails; "/big" is long.
class toy_server {
 public:
  explicit toy_server(server::options chosen = {}, std::size_t queue = 100)
      : routes_(make_routes()),
        guard_({.token = "a-token-for-the-tests"}),
        timing_({.routes = {"/now", "/held", "/broken", "/bug", "/big", "/events", "PUT", "DELETE", "/kept",
                            "(none)"}}),
        requests_({.routes = routes_,
                   .guard = guard_,
                   .cache = cache_,
                   .ttls = ttls_,
                   .workers = workers_for(queue),
                   .work_time = std::chrono::seconds(5)}),
        server_(with_defaults(std::move(chosen)), requests_, routes_, timing_) {
    server_.start();
  }
  ~toy_server() {
    gate.release(1000);
    server_.stop(hasten::steady_clock_source::now() + std::chrono::seconds(10));
    workers_->drain(hasten::steady_clock_source::now() + std::chrono::seconds(10));
    workers_.reset();
  }

  [[nodiscard]] int port() const { return server_.port(); }
  [[nodiscard]] server& http() { return server_; }
  [[nodiscard]] request_timer& timing() { return timing_; }
  [[nodiscard]] std::vector<std::string> log() {
    const std::lock_guard lock(mutex_);
    return log_;
  }

  std::counting_semaphore<2000> gate{0};
  std::counting_semaphore<2000> held{0};      // one more for every request that a worker holds
  std::counting_semaphore<2000> given_up{0};  // one more for every one that was asked to stop
  std::atomic<std::size_t> big_bytes{4 * 1024 * 1024};
  const std::shared_ptr<event_feed> feed =
      std::make_shared<event_feed>(event_feed::options{.kept_max = 100, .listeners_max = 2, .behind_max = 8});
  std::atomic<std::size_t> held_bytes{0};  // after the word

 private:
  std::vector<route> make_routes() {
    std::vector<route> out;
    out.push_back({.pattern = "/now", .who = access::open, .get = immediate, .post = {}});
    out.push_back({.pattern = "/held",
                   .who = access::open,
                   .get =
                       [this](const request&) {
                         plan made;
                         made.load = [this](work& task) { return hold(task); };
                         return made;
                       },
                   .post = {}});
    out.push_back({.pattern = "/broken",
                   .who = access::open,
                   .get =
                       [](const request&) {
                         plan made;
                         made.load = [](work&) -> answer { throw std::runtime_error("canary"); };
                         return made;
                       },
                   .post = {}});
    out.push_back({.pattern = "/bug",
                   .who = access::open,
                   .get = [](const request&) -> plan { throw std::logic_error("canary"); },
                   .post = {}});
    out.push_back({.pattern = "/big",
                   .who = access::open,
                   .get =
                       [this](const request&) {
                         plan made;
                         made.now = answer{.body = std::string(big_bytes, 'x'), .headers = {}};
                         return made;
                       },
                   .post = {}});
    out.push_back({.pattern = "/events",
                   .who = access::open,
                   .get =
                       [this](const request&) {
                         plan made;
                         made.stream = feed;
                         return made;
                       },
                   .post = {}});
    out.push_back({.pattern = "/thing/{id}",
                   .who = access::open,
                   .get = {},
                   .post = {},
                   .put = immediate,
                   .del = [](const request&) {
                     plan made;
                     made.now = answer{.status = 204, .body = {}, .headers = {}};
                     return made;
                   }});
    out.push_back({.pattern = "/kept",
                   .who = access::open,
                   .get =
                       [this](const request&) {
                         plan made;
                         made.key.add("kept");
                         made.load = [this](work& task) { return hold(task); };
                         return made;
                       },
                   .post = {}});
    return out;
  }

  answer hold(work& task) {
    const std::stop_callback ends(task.stop, [this] {
      given_up.release();
      gate.release();
    });
    held.release();
    gate.acquire();
    return {.body = "held" + std::string(held_bytes, 'x'), .headers = {}};
  }

  hasten::worker_pool& workers_for(std::size_t queue) {
    workers_ = std::make_unique<hasten::worker_pool>(
        hasten::worker_pool::options{.threads = 2, .queue_max = queue, .name = "toy"});
    return *workers_;
  }

  server::options with_defaults(server::options chosen) {
    chosen.port = 0;
    chosen.threads = 2;
    chosen.on_request = [this](const access_record& what) {
      const std::lock_guard lock(mutex_);
      log_.push_back(std::string(what.route) + " " + std::to_string(what.status) + " " +
                     std::string(what.failure));
    };
    return chosen;
  }

  std::mutex mutex_;  // guards log_
  std::vector<std::string> log_;
  std::unique_ptr<hasten::worker_pool> workers_;
  router routes_;
  access_guard guard_;
  answer_cache cache_;
  const answer_ttls ttls_;
  request_timer timing_;
  dispatcher requests_;
  server server_;
};

inline const std::string head = " HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace claims_app
