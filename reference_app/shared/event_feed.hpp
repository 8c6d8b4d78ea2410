// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace claims_app {

/// Events for a bounded number of listeners, and a ring of the latest so that a listener who was cut off goes on
/// where it stopped.
///
/// Publishing never waits for a listener: it wakes them, and each takes what is new when it can. One that is far behind
/// gets the latest event only, but for its first look, which brings all that it asks for and the ring holds. Knows no socket. Thread safety: thread-safe.
///
///     auto listener = feed.subscribe({}, [&] { post(loop, take_what_is_new); });
///     feed.publish("tick", R"({"requests":7})");
class event_feed {
 public:
  struct options {
    std::size_t kept_max = 300;      // events in the ring; 1..100000
    std::size_t listeners_max = 16;  // 1..1000
    std::size_t behind_max = 8;      // who missed more gets only the latest; 1..kept_max
  };

  event_feed() : event_feed(options()) {}

  /// Throws: std::invalid_argument for an option out of range.
  explicit event_feed(options chosen);

  /// Adds an event: `name` and `data` hold no line break. Wakes the listeners in this thread; a wake must not block,
  /// throw or call the feed.
  void publish(std::string_view name, std::string_view data);

  /// Adds a listener, who has seen the events up to `seen`; one without begins with the latest.
  /// Returns: its number, or nothing at listeners_max.
  [[nodiscard]] std::optional<std::uint64_t> subscribe(std::optional<std::uint64_t> seen,
                                                       std::function<void()> wake);
  void unsubscribe(std::uint64_t listener);

  /// Returns: what is new to the listener, as text/event-stream; empty if nothing is.
  [[nodiscard]] std::string take(std::uint64_t listener);

  [[nodiscard]] std::size_t listeners() const;

 private:
  struct listener {
    std::uint64_t seen = 0;
    bool is_new = true;  // it has not looked yet
    std::function<void()> wake;
  };

  const options options_;
  mutable std::mutex mutex_;  // guards all below; a wake runs under it, which is why it may only post
  std::deque<std::pair<std::uint64_t, std::string>> kept_;  // by ascending id
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, listener> listeners_;
  std::uint64_t listener_last_ = 0;
};

}  // namespace claims_app
