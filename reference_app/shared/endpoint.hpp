// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer.hpp"
#include "shared/event_feed.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/core/unique_function.hpp>
#include <hasten/query/repeat_detector.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

/// What a slice and the server say to each other. A slice knows these types and no socket; the server knows
/// them and no claim.
namespace claims_app {

/// What a handler may look at. Views: valid only until the handler returns.
struct request {
  std::string_view id;            // what stands for {id} in the route's template; else empty
  std::string_view query;         // raw, without '?'
  std::string_view content_type;  // as sent; empty if absent
  std::string_view body;
  std::string_view accept = {};  // as sent; empty if absent
  bool accepts_gzip = false;
  std::string_view last_event_id = {};    // of a client that was cut off from a stream; as sent
  std::string_view traceparent = {};      // ours: what to send to whom this request calls
  std::string_view if_match = {};         // as sent; empty if absent, or given more than once
  std::string_view if_none_match = {};    // the same
  std::string_view idempotency_key = {};  // as sent; empty if absent
  std::string_view credentials = {};      // who asks, as Authorization says it: to be hashed, nothing else
};

/// The context of one request, handed to a loader on a worker thread: how long it may take, and where it reports
/// its time.
struct work {
  hasten::steady_time deadline;
  std::chrono::nanoseconds database{0};     // waiting for a session and running statements
  std::chrono::nanoseconds serialise{0};    // writing out what was found
  std::stop_token stop = {};                // asks for an early end, because nobody waits any more
  hasten::repeat_detector statements = {};  // for monitored_session::watch_repeats, which counts them
};

/// Adds the time it lives to one of a task's times. Thread safety: single-owner.
class stage_time {
 public:
  explicit stage_time(std::chrono::nanoseconds& spent)
      : spent_(spent), began_(hasten::steady_clock_source::now()) {}
  stage_time(const stage_time&) = delete;
  stage_time& operator=(const stage_time&) = delete;
  ~stage_time() { spent_ += hasten::steady_clock_source::now() - began_; }

 private:
  std::chrono::nanoseconds& spent_;
  hasten::steady_time began_;
};

/// Adds the time it lives to a task's database time. Thread safety: single-owner.
class database_time : public stage_time {
 public:
  explicit database_time(work& task) : stage_time(task.database) {}
};

/// A cache key with its text inside: finding an answer allocates nothing. Made of literals, generations,
/// public ids and keyed hashes; never of what a client sent.
class cache_key {
 public:
  cache_key() = default;

  cache_key& add(std::string_view part) {
    HASTEN_EXPECTS(size_ + part.size() <= text_.size(), "a cache key is at most 96 bytes");
    std::copy(part.begin(), part.end(), text_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += part.size();
    return *this;
  }

  [[nodiscard]] std::string_view view() const noexcept { return {text_.data(), size_}; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::array<char, 96> text_{};
  std::size_t size_ = 0;
};

/// Returns: the key under which the compressed form of an answer is kept.
[[nodiscard]] inline cache_key packed_key(cache_key plain) { return plain.add("~gzip"); }

/// What a handler decides on the I/O thread, without blocking: an answer at once (`now`), or work for a
/// worker thread (`load`), whose answer is kept under `key` if there is one. A loader throws problem_error
/// to refuse; a refusal is never cached. Or a stream of events, which lasts until somebody ends it.
struct plan {
  std::optional<answer> now;
  std::shared_ptr<event_feed> stream;
  cache_key key;
  std::chrono::nanoseconds kept{0};  // how long under `key`; zero: as long as any answer
  hasten::unique_function<answer(work&)> load;
};

using handler = std::function<plan(const request&)>;

/// What most routes answer.
inline constexpr std::string_view json_type = "application/json";

enum class access { open, api, admin };

/// One route template. A GET handler also answers HEAD.
struct route {
  // A literal; "{id}" may be its last segment or the last but one: "/api/v1/claims/{id}", "/api/v1/claims/{id}/risk".
  std::string_view pattern;
  access who = access::api;
  handler get;
  handler post;
  handler put = {};
  handler patch = {};
  handler del = {};
  // Of what it answers, to be held against Accept; empty: the handler does that itself.
  std::string_view type = {};
  bool takes_any_body = false;  // of any type and coding, or none; else JSON is wanted
  bool is_older_name = false;   // another route answers the same, and is the one to be told of
};

}  // namespace claims_app
