// SPDX-License-Identifier: BSL-1.0
#include "server/event_loop.hpp"

#include "server/connection.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <ctime>
#include <utility>
#include <vector>

namespace claims_app {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds sweep_interval{500};
constexpr std::chrono::milliseconds accept_pause{50};
constexpr std::size_t waste_size = 64 * 1024;

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

}  // namespace

event_loop::event_loop(const parts& given, unsigned index)
    : parts_(given),
      index_(index),
      io_(1),
      sweep_timer_(io_),
      waste_(waste_size),
      watchdog_({.limit = given.options.blocked_time}) {
  std::random_device entropy;
  std::seed_seq seed{entropy(), entropy(), entropy(), entropy(), index};
  random_.seed(seed);
  refresh_date();
}

event_loop::~event_loop() = default;

std::uint16_t event_loop::listen(const asio::ip::tcp::endpoint& where, bool is_encrypted) {
  entrance& added = entrances_.emplace_back(io_, is_encrypted);
  added.accepting.open(where.protocol());
  added.accepting.set_option(asio::socket_base::reuse_address(true));
  added.accepting.set_option(reuse_port(true));
  added.accepting.bind(where);
  added.accepting.listen(1024);
  accept(added);
  if (entrances_.size() == 1) sweep();
  return added.accepting.local_endpoint().port();
}

// What a handler throws, being out of memory for one, costs its connection at most: its deadline closes it.
void event_loop::run() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (...) {
      if (parts_.options.on_failure) parts_.options.on_failure(std::current_exception());
    }
  }
}

void event_loop::accept(entrance& through) {
  through.accepting.async_accept(io_, [this, &through](const error_code& failure, socket peer) {
    accepted(through, failure, std::move(peer));
  });
}

void event_loop::accepted(entrance& through, const error_code& failure, socket peer) {
  if (stopping_ || failure == asio::error::operation_aborted) return;
  if (failure) {
    ++accept_failures_;
    // Out of descriptors, most likely: without a pause the loop would spin on the same refusal.
    through.retry_timer.expires_after(accept_pause);
    through.retry_timer.async_wait([this, &through](const error_code& cancelled) {
      if (!cancelled && !stopping_) accept(through);
    });
    return;
  }
  accept(through);  // first: what fails below costs this client, not all that come after it
  if (connections_.size() >= parts_.options.connections_max / parts_.options.threads + 1) return;
  error_code gone;  // a client that has gone again has no address, and nothing to lose
  const auto from = peer.remote_endpoint(gone);
  if (gone) return;
  auto place = parts_.clients.enter(from.address());
  if (!place) return;
  const auto context = through.is_encrypted ? parts_.certificate->current() : nullptr;
  const auto added = std::make_shared<connection>(*this, std::move(peer), context.get(), *std::move(place));
  connections_.insert(added);
  added->start();
}

void event_loop::sweep() {
  if (stopping_ && connections_.empty()) return;
  // First: if a tick fails, the next sweep still comes.
  sweep_timer_.expires_after(sweep_interval);
  sweep_timer_.async_wait([this](const error_code& cancelled) {
    if (!cancelled) sweep();
  });
  refresh_date();
  const auto now = hasten::steady_clock_source::now();
  // A tick may close its connection, which leaves the set.
  const std::vector<std::shared_ptr<connection>> all(connections_.begin(), connections_.end());
  for (const auto& each : all) each->tick(now);
}

void event_loop::post_stop() {
  asio::post(io_, [this] {
    stopping_ = true;
    error_code ignored;  // closing an acceptor that is not open is no failure
    for (entrance& each : entrances_) {
      each.accepting.close(ignored);
      each.retry_timer.cancel();
    }
    const std::vector<std::shared_ptr<connection>> all(connections_.begin(), connections_.end());
    for (const auto& each : all) each->stop();
    finish_if_done();
  });
}

void event_loop::post_cut() {
  asio::post(io_, [this] {
    cut_ = connections_.size();
    const std::vector<std::shared_ptr<connection>> all(connections_.begin(), connections_.end());
    for (const auto& each : all) each->close();
    finish_if_done();
  });
}

// With no connection, no acceptor and no timer run() has nothing left to wait for and returns.
void event_loop::finish_if_done() {
  if (stopping_ && connections_.empty()) sweep_timer_.cancel();
}

void event_loop::forget(const std::shared_ptr<connection>& closed) {
  connections_.erase(closed);
  finish_if_done();
}

void event_loop::judge(std::size_t row, std::chrono::nanoseconds took, hasten::steady_time now) {
  const auto left_out = watchdog_.judge(took, now);
  if (!left_out || !parts_.options.on_blocked) return;
  parts_.options.on_blocked(
      {.route = parts_.timing.route_names()[row], .duration = took, .left_out = *left_out});
}

std::vector<request_under_way> event_loop::under_way() const {
  const auto now = hasten::steady_clock_source::now();
  std::vector<request_under_way> out;
  for (const auto& each : connections_)
    if (auto found = each->under_way(now)) out.push_back(std::move(*found));
  return out;
}

std::string event_loop::next_request_id() {
  static constexpr char hex[] = "0123456789abcdef";
  const std::uint64_t number = (static_cast<std::uint64_t>(index_) << 40) | (++requests_ & 0xff'ffff'ffffULL);
  std::string out(21, '-');
  for (std::size_t at = 0; at < 8; ++at) out[at] = hex[(parts_.process_tag >> (28 - 4 * at)) & 15];
  for (std::size_t at = 0; at < 12; ++at) out[9 + at] = hex[(number >> (44 - 4 * at)) & 15];
  return out;
}

void event_loop::refresh_date() {
  // By hand, because strftime would speak the user's language.
  static constexpr std::array<const char*, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(hasten::wall_clock_source::now());
  std::tm broken{};
  gmtime_r(&seconds, &broken);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                days[static_cast<std::size_t>(broken.tm_wday)], broken.tm_mday,
                months[static_cast<std::size_t>(broken.tm_mon)], broken.tm_year + 1900, broken.tm_hour,
                broken.tm_min, broken.tm_sec);
  date_ = text.data();
}

}  // namespace claims_app
