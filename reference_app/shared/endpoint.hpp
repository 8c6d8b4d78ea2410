// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/core/unique_function.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <optional>
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
};

/// Handed to a loader on a worker thread: how long it may take, and where it reports its time.
struct work {
  hasten::steady_time deadline;
  std::chrono::nanoseconds database{0};  // waiting for a session and running statements
};

/// Adds the time it lives to a task's database time. Thread safety: single-owner.
class database_time {
 public:
  explicit database_time(work& task) : task_(task), began_(hasten::steady_clock_source::now()) {}
  database_time(const database_time&) = delete;
  database_time& operator=(const database_time&) = delete;
  ~database_time() { task_.database += hasten::steady_clock_source::now() - began_; }

 private:
  work& task_;
  hasten::steady_time began_;
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

/// What a handler decides on the I/O thread, without blocking: an answer at once (`now`), or work for a
/// worker thread (`load`), whose answer is kept under `key` if there is one. A loader throws problem_error
/// to refuse; a refusal is never cached.
struct plan {
  std::optional<answer> now;
  cache_key key;
  hasten::unique_function<answer(work&)> load;
};

using handler = std::function<plan(const request&)>;

enum class access { open, api, admin };

/// One route template. A GET handler also answers HEAD.
struct route {
  std::string_view pattern;  // a literal; "{id}" may be its last segment: "/api/v1/claims/{id}"
  access who = access::api;
  handler get;
  handler post;
};

}  // namespace claims_app
