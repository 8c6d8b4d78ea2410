// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/query_error.hpp>
#include <hasten/query/query_monitor.hpp>

#include <utility>

namespace hasten::detail {

/// Runs `fn` and counts what it throws; notes in `broken` that the session should not be used again.
template <class Fn>
decltype(auto) guarded(query_monitor::call& call, bool& broken, Fn&& fn) {
  try {
    return std::forward<Fn>(fn)();
  } catch (...) {
    const query_error_kind kind = kind_of_current_exception();
    call.fail(kind);
    // After these, a new connection may work where this one will not.
    broken = broken || kind == query_error_kind::connection_lost || kind == query_error_kind::database_down ||
             kind == query_error_kind::corrupt;
    throw;
  }
}

}  // namespace hasten::detail
