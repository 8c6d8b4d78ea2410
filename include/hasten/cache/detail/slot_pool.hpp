// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/bucket_table.hpp>
#include <hasten/cache/detail/eviction_policy.hpp>
#include <hasten/cache/detail/reader_records.hpp>
#include <hasten/cache/detail/removal_hook.hpp>
#include <hasten/cache/removal.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>

namespace hasten::detail {

/// The slots of a shard that hold no entry: ready for use, or on their way there.
///
/// Who listens to removals is told of a slot's entry first. Values that cannot be copied word by word are then destroyed
/// outside the lock, once no thread has them pinned: until then their slots are in limbo, and whoever took one out
/// sweeps. Slots are chained through the links of the policy, which slots outside its queues do not need.
/// Thread safety: thread-safe, but for what says that it needs the shard's lock.
template <class Key, class Value, class Arrays, class Mutex>
class slot_pool {
 public:
  static constexpr bool copies = Arrays::copies;

  /// `all` has the entries, readers and hook of the cache.
  template <class Surroundings>
  slot_pool(const Surroundings& all, std::size_t base, eviction_policy& policy, Mutex& mutex)
      : slots_(all.entries.slots_per_shard()),
        base_(base),
        entries_(all.entries),
        policy_(policy),
        readers_(all.readers),
        hook_(all.hook),
        mutex_(mutex) {}
  slot_pool(const slot_pool&) = delete;
  slot_pool& operator=(const slot_pool&) = delete;
  ~slot_pool() {
    if constexpr (!copies)
      for (const std::uint32_t first : {limbo_.load(), departed_.load()})
        for (std::uint32_t slot = first; slot != no_slot; slot = policy_.chain(slot))
          entries_.cells().destroy(base_ + slot);
  }

  [[nodiscard]] bool listening() const noexcept { return hook_.listening(); }

  /// Returns: a slot, or no_slot. Needs the lock.
  [[nodiscard]] std::uint32_t take() noexcept {
    if (free_ != no_slot) return std::exchange(free_, policy_.chain(free_));
    if (fresh_ < slots_) return fresh_++;
    free_ = cleaned_.exchange(no_slot);
    return free_ == no_slot ? no_slot : std::exchange(free_, policy_.chain(free_));
  }

  /// Takes back the slot of an entry that was taken out. Needs the lock.
  void retire(std::uint32_t slot, removal_cause cause) noexcept {
    if (hook_.listening()) [[unlikely]] {
      policy_.note(slot) = static_cast<std::uint32_t>(cause);
      policy_.chain(slot) = departed_.load();
      departed_.store(slot);
    } else if constexpr (copies) {
      policy_.chain(slot) = std::exchange(free_, slot);
    } else {
      push(limbo_, slot);
      ++limbo_count_;
    }
  }

  // All that follows: outside every lock.

  /// Returns: a slot, or no_slot when all spare ones are looked at or told of.
  [[nodiscard]] std::uint32_t reserve() noexcept {
    for (int attempt = 0; attempt < 2; ++attempt) {
      {
        const std::scoped_lock lock(mutex_);
        if (const std::uint32_t slot = take(); slot != no_slot) return slot;
      }
      sweep(true);
    }
    return no_slot;
  }

  /// Takes back a slot without an entry.
  void give_back(std::uint32_t slot) noexcept { push(cleaned_, slot); }

  /// Tells of what was taken out, and destroys what is not looked at any more. Runs the listener and destructors of
  /// Key and Value. Unless `eager`, leaves a few for later where other threads read, as asking them is dear.
  void sweep(bool eager) noexcept {
    if (hook_.listening()) [[unlikely]]
      tell_departed();
    if constexpr (!copies) {
      constexpr std::uint32_t batch = 32;
      if (limbo_.load() == no_slot) return;
      if (!eager && limbo_count_.load() < batch && !readers_.alone()) return;
      std::uint32_t slot = limbo_.exchange(no_slot);
      // Only now: of an entry that another thread takes out after these two looks, they say nothing, and it
      // would be destroyed under a reader whose pin is not visible yet.
      if (!readers_.alone()) readers_.order_pins();
      std::uint32_t destroyed = 0;
      while (slot != no_slot) {
        const std::uint32_t next = policy_.chain(slot);
        if (pinned(slot)) {
          push(limbo_, slot);
        } else {
          entries_.cells().destroy(base_ + slot);
          push(cleaned_, slot);
          ++destroyed;
        }
        slot = next;
      }
      limbo_count_.fetch_sub(destroyed);
    }
  }

 private:
  // One at a time: a listener that takes its time holds up one slot, not all.
  void tell_departed() noexcept {
    while (departed_.load() != no_slot) {
      std::unique_lock lock(mutex_);
      const std::uint32_t slot = departed_.load();
      if (slot == no_slot) return;
      departed_.store(policy_.chain(slot));
      const auto cause = static_cast<removal_cause>(policy_.note(slot));
      if constexpr (copies) {
        const Key key = entries_.cells().key(base_ + slot);
        const Value value = entries_.cells().value(base_ + slot);
        policy_.chain(slot) = std::exchange(free_, slot);
        lock.unlock();
        hook_.tell(key, value, cause);
      } else {
        lock.unlock();
        const auto& cell = entries_.cells().at(base_ + slot);
        hook_.tell(cell.key, cell.value, cause);
        push(limbo_, slot);
        ++limbo_count_;
      }
    }
  }

  // Chains belong to whoever took them whole.
  void push(std::atomic<std::uint32_t>& chain, std::uint32_t slot) noexcept {
    std::uint32_t head = chain.load();
    do policy_.chain(slot) = head;
    while (!chain.compare_exchange_weak(head, slot));
  }

  // After order_pins().
  [[nodiscard]] bool pinned(std::uint32_t slot) const noexcept {
    const void* const object = &entries_.cells().at(base_ + slot);
    bool held = false;
    // seq_cst: partner is pin::hold, before the reader looks the slot up again
    readers_.each([&](const reader_record& reader) {
      for (const auto& pin : reader.pins) held |= pin.load() == object;
    });
    return held;
  }

  const std::uint32_t slots_;
  const std::size_t base_;  // of this shard's slots in the arrays
  Arrays& entries_;
  eviction_policy& policy_;
  reader_records& readers_;
  removal_hook<Key, Value>& hook_;
  Mutex& mutex_;                  // of the shard: guards free_ and fresh_, and changes of departed_
  std::uint32_t free_ = no_slot;  // chain of slots ready for use
  std::uint32_t fresh_ = 0;       // slots from here on were never used
  std::atomic<std::uint32_t> departed_ = no_slot;  // chain of slots taken out, to be told of
  std::atomic<std::uint32_t> limbo_ = no_slot;     // chain of slots taken out, perhaps still looked at
  std::atomic<std::uint32_t> limbo_count_ = 0;     // about as many
  std::atomic<std::uint32_t> cleaned_ = no_slot;   // chain of slots whose objects are destroyed
};

}  // namespace hasten::detail
