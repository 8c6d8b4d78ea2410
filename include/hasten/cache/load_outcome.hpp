// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <optional>
#include <utility>

namespace hasten {

/// How a load ended, for those who are called back: a value, or what the loader threw.
/// Thread safety: thread-compatible.
///
///     cache.get_or_load_async(key, load, executor, [](hasten::load_outcome<double> score) {
///       if (score.value) show(*score.value); else log_failure(score.failure);
///     });
template <class Value>
struct load_outcome {
  std::optional<Value> value;
  std::exception_ptr failure = nullptr;  ///< null if and only if there is a value

  /// Returns the value, or throws what the loader threw.
  [[nodiscard]] Value get() && {
    if (failure) std::rethrow_exception(failure);
    return *std::move(value);
  }
};

}  // namespace hasten
