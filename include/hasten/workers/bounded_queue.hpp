// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

namespace hasten {

/// What became of an element offered to a bounded_queue.
enum class push_result {
  pushed,  ///< it is in the queue
  full,    ///< the bound is reached; the element is untouched
  closed,  ///< the queue takes nothing more; the element is untouched
};

/// A first-in, first-out queue of at most `size_max` elements between any number of threads, which never
/// waits: full and empty are outcomes.
///
/// A ring in which every slot carries a sequence number that says whose turn it is, so that producers meet
/// one another only at one counter and consumers at another. Closing is part of the producers' counter:
/// after close() no element can slip in, and every element that was in can be taken out. Wrong tool where
/// threads must sleep until something arrives (worker_pool does that on top) or elements need an order other
/// than arrival.
/// Thread safety: thread-safe.
///
///     hasten::bounded_queue<std::string> lines(1024);
///     if (lines.try_push(line) == hasten::push_result::full) ++dropped;
///     for (std::string next; lines.try_pop(next);) write(next);
template <class T>
class bounded_queue {
  static_assert(std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                    std::is_nothrow_destructible_v<T>,
                "an element is moved while its slot is held, so moving it must not throw");

 public:
  static constexpr std::size_t size_max_limit = std::size_t{1} << 30;

  /// Throws: std::invalid_argument unless `size_max` is 1..2^30.
  explicit bounded_queue(std::size_t size_max)
      : size_max_(checked(size_max)),
        mask_(std::bit_ceil(std::max<std::size_t>(size_max, 2)) - 1),
        slots_(std::make_unique<slot[]>(mask_ + 1)) {
    for (std::size_t i = 0; i <= mask_; ++i) slots_[i].turn.store(i, std::memory_order_relaxed);
  }
  bounded_queue(const bounded_queue&) = delete;
  bounded_queue& operator=(const bounded_queue&) = delete;

  /// No other thread may use the queue any more. Destroys what is still in it.
  ~bounded_queue() {
    const std::uint64_t end = tail_.load() >> 1;
    for (std::uint64_t at = head_.load(); at != end; ++at) std::destroy_at(slots_[at & mask_].element());
  }

  /// Moves `element` in, unless the queue is full or closed.
  /// Blocks on: nothing, except the few instructions of a consumer that is emptying the very slot.
  push_result try_push(T&& element) noexcept {
    return try_push(std::move(element), [](std::size_t) {});
  }
  push_result try_push(T& element) noexcept { return try_push(std::move(element)); }

  /// The same; `with_slot(index)` runs while the slot is held, so that the owner can keep an array of
  /// slot_count() entries in step with the ring. It must be brief and must not throw.
  template <class WithSlot>
  push_result try_push(T&& element, WithSlot&& with_slot) noexcept {
    std::uint64_t tail = tail_.load();
    for (unsigned tries = 0;; ++tries) {
      if ((tail & closed_bit) != 0) return push_result::closed;
      const std::uint64_t at = tail >> 1;
      if (is_full(at, 1)) return push_result::full;
      slot& here = slots_[at & mask_];
      // Acquire, with the release at the end of try_pop: its consumer is done with the slot.
      const std::uint64_t turn = here.turn.load(std::memory_order_acquire);
      if (turn == at) {
        if (!tail_.compare_exchange_weak(tail, tail + one)) continue;
        std::construct_at(here.element(), std::move(element));
        with_slot(static_cast<std::size_t>(at & mask_));
        // Release, with the acquire in try_pop: who sees the turn sees the element.
        here.turn.store(at + 1, std::memory_order_release);
        return push_result::pushed;
      }
      if (turn < at) pause(tries);  // there is room, but its last element is just being moved out
      tail = tail_.load();
    }
  }

  /// Moves in as many as there is room for of `count` elements, side by side: one meeting with the other
  /// producers for all of them. `element(i)` gives the i-th as an rvalue reference and must not throw.
  /// Returns: how many went in; 0 if the queue is full or closed.
  template <class Element, class WithSlot>
  std::size_t try_push_some(std::size_t count, Element&& element, WithSlot&& with_slot) noexcept {
    std::uint64_t tail = tail_.load();
    std::uint64_t first = 0;
    std::size_t taken = 0;
    do {
      first = tail >> 1;
      const auto used = static_cast<std::int64_t>(first - head_.load());  // negative: `tail` is out of date
      if ((tail & closed_bit) != 0 || used >= static_cast<std::int64_t>(size_max_)) return 0;
      taken = std::min(count, size_max_ - static_cast<std::size_t>(std::max<std::int64_t>(used, 0)));
    } while (!tail_.compare_exchange_weak(tail, tail + one * taken));
    for (std::size_t i = 0; i < taken; ++i) {
      const std::uint64_t at = first + i;
      slot& here = slots_[at & mask_];
      // Acquire, with the release at the end of try_pop. There is room, so at most a consumer is moving out.
      for (unsigned tries = 0; here.turn.load(std::memory_order_acquire) != at; ++tries) pause(tries);
      std::construct_at(here.element(), element(i));
      with_slot(static_cast<std::size_t>(at & mask_));
      // Release, with the acquire in try_pop.
      here.turn.store(at + 1, std::memory_order_release);
    }
    return taken;
  }

  /// Moves the oldest element to `out`.
  /// Returns: false if there is none, or if the oldest is still being moved in.
  bool try_pop(T& out) noexcept {
    return try_pop(out, [](std::size_t) {});
  }

  /// The same, with the counterpart of try_push's `with_slot`.
  template <class WithSlot>
  bool try_pop(T& out, WithSlot&& with_slot) noexcept {
    return try_pop(out, std::forward<WithSlot>(with_slot), [] { return true; });
  }

  /// The same, if `may_take()`, which is asked when the oldest element is known and before it is taken, so that it
  /// sees whatever happened before that element was put in. It must be brief and must not throw.
  /// Returns: false as well if it may not.
  template <class WithSlot, class MayTake>
  bool try_pop(T& out, WithSlot&& with_slot, MayTake&& may_take) noexcept {
    std::uint64_t head = head_.load();
    for (;;) {
      slot& here = slots_[head & mask_];
      // Acquire, with the release at the end of try_push.
      const std::uint64_t turn = here.turn.load(std::memory_order_acquire);
      if (turn == head + 1) {
        if (!may_take()) return false;
        if (!head_.compare_exchange_weak(head, head + 1)) continue;
        out = std::move(*here.element());
        std::destroy_at(here.element());
        with_slot(static_cast<std::size_t>(head & mask_));
        // Release, with the acquire in try_push: the next producer finds the slot empty.
        here.turn.store(head + mask_ + 1, std::memory_order_release);
        return true;
      }
      if (turn < head + 1) return false;
      head = head_.load();
    }
  }

  /// From now on nothing goes in; what is in can still be taken out. Closing twice is closing once.
  void close() noexcept { tail_.fetch_or(closed_bit); }

  [[nodiscard]] bool is_closed() const noexcept { return (tail_.load() & closed_bit) != 0; }

  /// Whether there was nothing in the queue at one moment during the call; an element that is still being
  /// moved in counts as being in.
  [[nodiscard]] bool is_empty() const noexcept {
    // Head before tail: head never overtakes tail, so equal values mean empty at the moment of the second.
    const std::uint64_t head = head_.load();
    return head == tail_.load() >> 1;
  }

  /// Returns: how many elements were in at about the time of the call.
  [[nodiscard]] std::size_t size() const noexcept {
    const std::uint64_t head = head_.load();
    const std::uint64_t tail = tail_.load() >> 1;
    return tail > head ? static_cast<std::size_t>(tail - head) : 0;
  }

  [[nodiscard]] std::size_t size_max() const noexcept { return size_max_; }

  /// Returns: how many elements have been taken out so far, which is also the position of the oldest. Position
  /// `at` lies in slot `at % slot_count()`.
  [[nodiscard]] std::uint64_t front() const noexcept { return head_.load(); }

  /// Whether the element of that position is in the queue, ready to be taken out: what `with_slot` wrote for it
  /// can be read (from atomics) and is what it was if this is still true afterwards.
  [[nodiscard]] bool holds(std::uint64_t position) const noexcept {
    return slots_[position & mask_].turn.load() == position + 1;
  }

  /// Returns: the length of an array kept in step with the ring; a power of two, at least size_max().
  [[nodiscard]] std::size_t slot_count() const noexcept { return mask_ + 1; }

 private:
  static constexpr std::uint64_t closed_bit = 1;
  static constexpr std::uint64_t one = 2;  // positions are counted above the closed bit
  static constexpr std::size_t line = 64;

  struct alignas(sizeof(T) + sizeof(std::uint64_t) <= line ? line : alignof(std::uint64_t)) slot {
    // == position: free for the producer of that position; == position + 1: holds its element.
    std::atomic<std::uint64_t> turn;
    alignas(T) std::byte bytes[sizeof(T)];

    T* element() noexcept { return std::launder(reinterpret_cast<T*>(bytes)); }
  };

  static std::size_t checked(std::size_t size_max) {
    if (size_max == 0 || size_max > size_max_limit) {
      throw std::invalid_argument("bounded_queue: size_max must be 1..1073741824, got " +
                                  std::to_string(size_max));
    }
    return size_max;
  }

  static void pause(unsigned tries) noexcept {
    if (tries % 64 == 63) std::this_thread::yield();
  }

  /// Exact whatever the ring's length. Reads the consumers' counter only when the last value seen of it no
  /// longer proves that there is room.
  bool is_full(std::uint64_t at, std::uint64_t count) noexcept {
    // Relaxed: any older value of head_ only makes the answer pessimistic, and then head_ itself is read.
    if (at + count - head_seen_.load(std::memory_order_relaxed) <= size_max_) return false;
    const std::uint64_t head = head_.load();
    head_seen_.store(head, std::memory_order_relaxed);
    // Signed: a stale `at` may lie behind head; it is not full then, and its exchange will fail.
    return static_cast<std::int64_t>(at + count - head) > static_cast<std::int64_t>(size_max_);
  }

  const std::size_t size_max_;
  const std::size_t mask_;
  const std::unique_ptr<slot[]> slots_;
  alignas(line) std::atomic<std::uint64_t> tail_{0};  // next position to fill * 2 + closed
  std::atomic<std::uint64_t> head_seen_{0};           // some past value of head_
  alignas(line) std::atomic<std::uint64_t> head_{0};  // next position to empty
};

}  // namespace hasten
