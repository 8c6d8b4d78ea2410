// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/server.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/core/pool_stats.hpp>
#include <hasten/metrics/alert_board.hpp>
#include <hasten/query/plan_book.hpp>
#include <hasten/query/query_stats.hpp>

#include <cstddef>
#include <exception>
#include <span>
#include <string>
#include <string_view>

/// The lines that the running server logs. Each is made of closed sets (templates, statement names, statuses), times
/// and ids of ours: no path, no query string, no body, no value. All are thread-safe and none throws.
namespace claims_app {

/// Prepares the process's logger. `level`: debug (every request), info, warn, error or off.
void start_log(const std::string& level);

/// At warn if the server failed, else at debug: the counters of /api/v1/admin/performance hold the rest.
void log_request(const access_record& what) noexcept;

/// At warn: whoever reads it has a handler to mend.
void log_blocked_loop(const blocked_loop& what) noexcept;

/// At warn, with where the time went.
void log_slow_response(const hasten::slow_response& what) noexcept;

/// At warn, with the line that took the session.
void log_leak(const hasten::pool_leak& what) noexcept;

/// At warn what fires, at info what is over.
void log_alerts(std::span<const hasten::alert_notice> notices) noexcept;

/// At info: how an operator chose what the cache forgets, and how much that was; no key.
void log_eviction(std::string_view chosen_by, std::size_t evicted) noexcept;

/// At warn if a statement came to be run in another way, at debug if it is run badly from the start.
void log_plan(const hasten::plan_event& what) noexcept;

/// At info: the certificate that connections are shown from now on.
void log_certificate(hasten::wall_time expires) noexcept;

/// At error, with the reason, in which only names of files occur.
void log_certificate_refused(const std::string& why) noexcept;

void log_slow_query(const hasten::slow_query& what) noexcept;

void log_task_failure(const std::exception_ptr& failure) noexcept;

}  // namespace claims_app
