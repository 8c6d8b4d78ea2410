// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/access_guard.hpp"
#include "server/router.hpp"
#include "shared/answer_cache.hpp"
#include "shared/answer_ttls.hpp"
#include "shared/endpoint.hpp"
#include "shared/problem.hpp"

#include <hasten/core/unique_function.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace claims_app {

/// How an answer came about, for Server-Timing.
enum class cache_use { none, hit, miss };

/// What came of a request: an answer ready for the wire, or a problem that still wants the request's id.
struct reply {
  rendered_answer_ptr ready;
  std::optional<problem> refused;
  std::shared_ptr<event_feed> stream;  // in place of an answer: events from now on
  cache_use cache = cache_use::none;
  std::chrono::nanoseconds queue{0};     // until a worker took it
  std::chrono::nanoseconds joined{0};    // waiting for another request that loads the same
  std::chrono::nanoseconds database{0};  // and the others: see work
  std::chrono::nanoseconds working{0};
  std::chrono::nanoseconds serialise{0};
  std::uint64_t statements = 0;
  std::string repeated;  // the statement that ran suspiciously often, by its name; mostly empty
  std::string failure;   // for the log: the kind of failure in words of ours, never a value
};

/// Calls its function exactly once with what came of a request; if the task that holds it is dropped
/// unrun, because the queue is full or the pool closes, with a 503. Thread safety: single-owner.
class completion {
 public:
  explicit completion(hasten::unique_function<void(reply)> done) : done_(std::move(done)) {}
  completion(completion&&) noexcept = default;
  completion& operator=(completion&&) = delete;
  ~completion();

  void operator()(reply outcome);

 private:
  hasten::unique_function<void(reply)> done_;  // empty once called or moved from
};

/// Whom a listener is for. Probes are for everyone anywhere; on a listener for clients the operators' routes do not exist,
/// nor do the clients' on one for operators.
enum class audience { everyone, clients, operators };

/// From a parsed head to a reply: route, authorise, look in the cache, hand the rest to a worker.
/// Knows no socket. Thread safety: thread-safe.
class dispatcher {
 public:
  struct parts {
    const router& routes;
    const access_guard& guard;
    answer_cache& cache;
    const answer_ttls& ttls;
    hasten::worker_pool& workers;
    std::chrono::nanoseconds work_time;  // how long a worker may take for one request
    audience serves = audience::everyone;
  };

  explicit dispatcher(const parts& given) : parts_(given) {}

  struct head {
    method_kind method = method_kind::other;
    std::string_view path;  // raw
    std::string_view authorization;
    std::string_view content_type;
    std::string_view content_encoding = {};
    std::string_view accept = {};
    bool tells_length = true;  // of the body
  };
  struct admission {
    std::size_t route = router::none;
    method_kind method = method_kind::other;
    std::string id;                  // stands for {id}
    bool is_known = false;           // the guard let the caller pass to more than the open routes
    std::optional<problem> refused;  // why the body need not be read
    rendered_answer_ptr ready;       // an answer that needs no handler
  };

  /// Decides all that the head decides, before a byte of the body is read.
  [[nodiscard]] admission admit(const head& what) const;

  /// Returns: the reply, if it takes no blocking work; otherwise `done` is called from a worker, and `stop` is set to
  /// what ends that work early: queued, it is never begun; begun, it is asked to, unless its answer is to be kept.
  [[nodiscard]] std::optional<reply> begin(const admission& admitted, const request& what,
                                           hasten::unique_function<void(reply)> done,
                                           std::stop_source& stop) const;

 private:
  [[nodiscard]] static std::optional<problem> refused_body(const head& what);
  [[nodiscard]] reply run(plan& what, coding wanted, hasten::steady_time posted, std::stop_token stop) const;

  parts parts_;
};

}  // namespace claims_app
