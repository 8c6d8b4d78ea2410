// SPDX-License-Identifier: BSL-1.0
// Replaces operator new by one that counts. A file of its own: inlined next to a new-expression, the pair of
// malloc and free looks to gcc like a mismatch.
#include <workers/allocations.hpp>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::size_t> count{0};

}  // namespace

std::size_t bench_allocations_so_far() noexcept { return count.load(); }

void* operator new(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);  // relaxed: a count orders nothing
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
