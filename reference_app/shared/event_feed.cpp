// SPDX-License-Identifier: BSL-1.0
#include "shared/event_feed.hpp"

#include <algorithm>
#include <stdexcept>

namespace claims_app {

event_feed::event_feed(options chosen) : options_(chosen) {
  if (chosen.kept_max < 1 || chosen.kept_max > 100'000)
    throw std::invalid_argument("event_feed: kept_max must be 1..100000, got " +
                                std::to_string(chosen.kept_max));
  if (chosen.listeners_max < 1 || chosen.listeners_max > 1000)
    throw std::invalid_argument("event_feed: listeners_max must be 1..1000, got " +
                                std::to_string(chosen.listeners_max));
  if (chosen.behind_max < 1 || chosen.behind_max > chosen.kept_max)
    throw std::invalid_argument("event_feed: behind_max must be 1..kept_max, got " +
                                std::to_string(chosen.behind_max));
}

void event_feed::publish(std::string_view name, std::string_view data) {
  const std::lock_guard lock(mutex_);
  std::string text = "id: " + std::to_string(++last_) + "\nevent: ";
  text.append(name).append("\ndata: ").append(data).append("\n\n");
  kept_.emplace_back(last_, std::move(text));
  if (kept_.size() > options_.kept_max) kept_.pop_front();
  for (const auto& each : listeners_) each.second.wake();
}

std::optional<std::uint64_t> event_feed::subscribe(std::optional<std::uint64_t> seen,
                                                   std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (listeners_.size() >= options_.listeners_max) return std::nullopt;
  // An id of a process before this one may be ahead of ours: then there is nothing that it could have missed.
  const std::uint64_t from = seen ? std::min(*seen, last_) : last_ - std::min<std::uint64_t>(last_, 1);
  listeners_.emplace(++listener_last_, listener{.seen = from, .wake = std::move(wake)});
  return listener_last_;
}

void event_feed::unsubscribe(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(id);
}

std::string event_feed::take(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  std::string out;
  const auto found = listeners_.find(id);
  if (found == listeners_.end() || kept_.empty()) return out;
  std::uint64_t& seen = found->second.seen;
  const bool is_behind = !found->second.is_new && last_ - seen > options_.behind_max;
  found->second.is_new = false;
  for (const auto& [number, text] : kept_)
    if (number > seen && (!is_behind || number == last_)) out += text;
  seen = last_;
  return out;
}

std::size_t event_feed::listeners() const {
  const std::lock_guard lock(mutex_);
  return listeners_.size();
}

}  // namespace claims_app
