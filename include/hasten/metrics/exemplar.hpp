// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hasten {

/// One observation of a distribution and the trace that it came from: what leads from a point on a chart to a request that
/// was like that.
///
/// Thread safety: thread-compatible.
struct exemplar {
  static constexpr std::size_t trace_id_size = 32;

  std::uint64_t value = 0;                            ///< as recorded, nanoseconds for a duration
  wall_time at{};                                     ///< when it was observed
  std::array<char, trace_id_size> trace_id_digits{};  ///< hexadecimal

  /// Lifetime: that of the exemplar.
  [[nodiscard]] std::string_view trace_id() const noexcept {
    return {trace_id_digits.data(), trace_id_digits.size()};
  }

  friend bool operator==(const exemplar&, const exemplar&) = default;
};

}  // namespace hasten
