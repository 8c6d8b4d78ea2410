// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <functional>

namespace hasten {

/// Why an entry left a cache.
enum class removal_cause : std::uint8_t {
  size,      ///< it made room for another
  expired,   ///< its time was over
  erased,    ///< somebody asked for it to go: erase, erase_prefix, clear …
  replaced,  ///< a newer value of the same key took its place
};

/// Told of every entry that left a cache, by the thread that took it out, after the change and outside every lock: it
/// may use the cache, and it may see a newer value there. What it throws is counted and goes no further.
template <class Key, class Value>
using removal_listener = std::function<void(const Key&, const Value&, removal_cause)>;

/// Returns: the name of a cause, for logs and metrics.
[[nodiscard]] constexpr const char* name_of(removal_cause cause) noexcept {
  switch (cause) {
    case removal_cause::size:
      return "size";
    case removal_cause::expired:
      return "expired";
    case removal_cause::erased:
      return "erased";
    case removal_cause::replaced:
      return "replaced";
  }
  return "unknown";
}

}  // namespace hasten
