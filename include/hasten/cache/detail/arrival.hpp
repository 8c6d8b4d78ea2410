// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/bucket_table.hpp>

#include <cstdint>

namespace hasten::detail {

/// An entry to be stored: made already, in a slot of its own, or else its value.
/// Thread safety: thread-compatible.
template <class Key, class Value>
struct arrival {
  const Key& key;
  const Value* value = nullptr;
  std::uint32_t slot = no_slot;
  std::int64_t weight = 0;
};

/// How storing an entry ended: crowded, it did not, and there has to be room in another shard first.
enum class stored : std::uint8_t { yes, no, crowded };

}  // namespace hasten::detail
