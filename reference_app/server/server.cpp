// SPDX-License-Identifier: BSL-1.0
#include "server/server.hpp"

#include "server/event_loop.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace claims_app {

namespace asio = boost::asio;

struct server::state {
  state(options chosen, const dispatcher& requests, const router& routes, request_timer& timing)
      : settings(std::move(chosen)),
        clients(settings.per_client),
        given{settings,
              requests,
              routes,
              timing,
              clients,
              std::random_device{}(),
              certificate ? &*certificate : nullptr,
              strict_transport} {}

  [[nodiscard]] static std::optional<tls_certificate> certificate_of(const options& chosen) {
    if (!chosen.encrypted) return std::nullopt;
    return std::optional<tls_certificate>(std::in_place, chosen.encrypted->files,
                                          hasten::wall_clock_source::now());
  }
  [[nodiscard]] static std::string strict_transport_of(const options& chosen) {
    if (!chosen.encrypted || chosen.encrypted->strict_transport.count() <= 0) return {};
    return "\r\nStrict-Transport-Security: max-age=" +
           std::to_string(chosen.encrypted->strict_transport.count());
  }

  options settings;
  client_limits clients;
  std::optional<tls_certificate> certificate{certificate_of(settings)};
  const std::string strict_transport = strict_transport_of(settings);
  event_loop::parts given;
  std::vector<std::unique_ptr<event_loop>> loops;
  std::vector<std::thread> threads;
  std::atomic<std::uint16_t> port{0};
  std::atomic<std::uint16_t> tls_port{0};
  std::atomic<bool> stopping{false};

  std::mutex mutex;  // guards running; nothing else happens under it
  std::condition_variable ended;
  std::size_t running = 0;
};

namespace {

server::options checked(server::options chosen) {
  if (chosen.threads < 1 || chosen.threads > 256)
    throw std::invalid_argument("server: threads must be 1..256, got " + std::to_string(chosen.threads));
  if (chosen.connections_max < 1)
    throw std::invalid_argument("server: connections_max must be at least 1, got 0");
  if (chosen.limits.head_bytes < 1024 || chosen.limits.head_bytes > 1024 * 1024)
    throw std::invalid_argument("server: limits.head_bytes must be 1024..1048576, got " +
                                std::to_string(chosen.limits.head_bytes));
  return chosen;
}

// SO_REUSEPORT lets every loop listen on one port, but it would let a second process join in as well, and the
// two would share the clients out between them: a plain socket finds out first whether the port is free.
void require_free(const asio::ip::tcp::endpoint& where) {
  asio::io_context io;
  asio::ip::tcp::acceptor probe(io);
  probe.open(where.protocol());
  probe.set_option(asio::socket_base::reuse_address(true));
  probe.bind(where);
  probe.listen(1);
}

}  // namespace

server::server(options chosen, const dispatcher& requests, const router& routes, request_timer& timing)
    : state_(std::make_unique<state>(checked(std::move(chosen)), requests, routes, timing)) {}

server::~server() { stop(hasten::steady_clock_source::now()); }

void server::start() {
  state& self = *state_;
  for (unsigned index = 0; index < self.settings.threads; ++index)
    self.loops.push_back(std::make_unique<event_loop>(self.given, index));
  self.port = listen_on(self.settings.address, self.settings.port, false);
  if (const auto& wanted = self.settings.encrypted)
    self.tls_port = listen_on(wanted->address, wanted->port, true);
  self.running = self.loops.size();
  for (const auto& loop : self.loops) {
    self.threads.emplace_back([&self, &loop = *loop] {
      loop.run();
      const std::lock_guard lock(self.mutex);
      --self.running;
      self.ended.notify_all();
    });
  }
}

// Returns: the port, the same one on every loop.
std::uint16_t server::listen_on(const std::string& address, std::uint16_t port, bool is_encrypted) {
  try {
    asio::ip::tcp::endpoint where(asio::ip::make_address(address), port);
    if (port != 0) require_free(where);
    for (const auto& loop : state_->loops) where.port(loop->listen(where, is_encrypted));
    return where.port();
  } catch (const boost::system::system_error& failure) {
    throw std::system_error(static_cast<std::error_code>(failure.code()),
                            address + " port " + std::to_string(port));
  }
}

std::uint16_t server::port() const noexcept { return state_->port; }

std::uint16_t server::tls_port() const noexcept { return state_->tls_port; }

std::optional<std::string> server::reload_certificate() {
  auto& certificate = state_->certificate;
  return certificate ? certificate->reload(hasten::wall_clock_source::now()) : std::nullopt;
}

std::optional<certificate_reading> server::certificate() const {
  const auto& certificate = state_->certificate;
  if (!certificate) return std::nullopt;
  return certificate->reading();
}

bool server::is_stopping() const noexcept { return state_->stopping; }

namespace {

// Runs `ask(index)` on every loop. Returns: whether all had run by the deadline. What `ask` refers to is shared with
// the loops, for one may run it after that.
template <class Ask>
bool ask_all(const std::vector<std::unique_ptr<event_loop>>& loops, hasten::steady_time deadline, Ask ask) {
  struct state {
    std::mutex mutex;  // guards left
    std::condition_variable done;
    std::size_t left = 0;
  };
  const auto shared = std::make_shared<state>();
  shared->left = loops.size();
  for (const auto& loop : loops)
    asio::post(loop->io(), [shared, ask, &loop = *loop] {
      ask(loop);
      const std::lock_guard lock(shared->mutex);
      if (--shared->left == 0) shared->done.notify_all();
    });
  std::unique_lock lock(shared->mutex);
  return shared->done.wait_until(lock, deadline, [&] { return shared->left == 0; });
}

}  // namespace

std::vector<request_under_way> server::under_way(hasten::steady_time deadline) const {
  struct gathered {
    std::mutex mutex;  // guards all
    std::vector<request_under_way> all;
  };
  const auto shared = std::make_shared<gathered>();
  ask_all(state_->loops, deadline, [shared](event_loop& loop) {
    auto found = loop.under_way();
    const std::lock_guard lock(shared->mutex);
    for (request_under_way& each : found) shared->all.push_back(std::move(each));
  });
  const std::lock_guard lock(shared->mutex);
  return shared->all;
}

std::chrono::nanoseconds server::lag(hasten::steady_time deadline) const {
  const auto began = hasten::steady_clock_source::now();
  ask_all(state_->loops, deadline, [](event_loop&) {});
  return hasten::steady_clock_source::now() - began;
}

void server::change_rate(double per_second, unsigned burst) {
  state_->clients.change_rate(per_second, burst);
}

loop_totals server::totals() const noexcept {
  loop_totals out;
  for (const auto& loop : state_->loops) {
    out.blocked += loop->watchdog().count();
    out.accept_failures += loop->accept_failures();
  }
  return out;
}

std::size_t server::stop(hasten::steady_time deadline) {
  state& self = *state_;
  self.stopping = true;
  if (self.threads.empty()) return 0;
  for (const auto& loop : self.loops) loop->post_stop();
  {
    std::unique_lock lock(self.mutex);
    self.ended.wait_until(lock, deadline, [&self] { return self.running == 0; });
  }
  for (const auto& loop : self.loops) loop->post_cut();
  for (std::thread& thread : self.threads) thread.join();
  self.threads.clear();
  std::size_t cut = 0;
  for (const auto& loop : self.loops) cut += loop->cut_count();
  return cut;
}

}  // namespace claims_app
