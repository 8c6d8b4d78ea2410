// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

/// Returns: how often this program has allocated with operator new.
std::size_t bench_allocations_so_far() noexcept;
