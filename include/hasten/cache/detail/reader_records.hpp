// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/detail/lookup_sampler.hpp>
#include <hasten/core/expects.hpp>
#include <hasten/core/thread_slot.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(__linux__)
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hasten::detail {

/// Lets many fast readers leave their memory barriers to the one slow writer (Linux: membarrier). Where the
/// kernel does not offer it, readers pay themselves.
class asymmetric_barrier {
 public:
  /// Returns: whether light() readers may count on heavy().
  [[nodiscard]] static bool enable() noexcept {
#if defined(__linux__)
    return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
#else
    return false;
#endif
  }
  static void light() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
  static void heavy() noexcept {
#if defined(__linux__)
    const long status = ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
    HASTEN_EXPECTS(status == 0, "membarrier stays available once it is registered");
#endif
  }
};

/// What one thread writes while it reads a cache: its counts, and the values that it is looking at just now
/// (hazard pointers). Written by its thread only, read by all.
struct alignas(128) reader_record {
  static constexpr unsigned pins_max = 8;

  std::atomic<std::uint64_t> hits = 0;
  std::atomic<std::uint64_t> misses = 0;
  std::array<std::atomic<const void*>, pins_max> pins{};
  unsigned pinned = 0;             // how many of `pins` are taken: visits of one thread nest
  std::atomic<bool> lent = false;  // for records of threads without a slot: somebody is using it
  reader_record* next = nullptr;   // of the list of such records
  lookup_sampler sampler;

  // Both return: whether this lookup is the next sample.
  bool count_hit() noexcept { return bump(hits) == sampler.next_hit(); }
  bool count_miss() noexcept { return bump(misses) == sampler.next_miss(); }

 private:
  static std::uint64_t bump(std::atomic<std::uint64_t>& count) noexcept {
    // relaxed: one writer, and a sum of counts promises no order with anything else
    const std::uint64_t now = count.load(std::memory_order_relaxed) + 1;
    count.store(now, std::memory_order_relaxed);
    return now;
  }
};

/// The records of all threads that used one cache.
/// Thread safety: thread-safe.
class reader_records {
 public:
  /// `sampled`: whether lookups are drawn for statistics by key.
  explicit reader_records(bool sampled = false) : sampled_(sampled) {}
  reader_records(const reader_records&) = delete;
  reader_records& operator=(const reader_records&) = delete;
  ~reader_records() {
    for (auto& record : own_) delete record.load();
    for (reader_record* record = lendable_.load(); record != nullptr;) {
      reader_record* const next = record->next;
      delete record;
      record = next;
    }
  }

  /// The record of the calling thread for as long as the lease lives.
  class lease {
   public:
    explicit lease(reader_records& records) : record_(&records.mine(shared_)) {}
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    ~lease() {
      if (shared_) [[unlikely]]
        record_->lent.store(false);
    }
    [[nodiscard]] reader_record& operator*() const noexcept { return *record_; }
    [[nodiscard]] reader_record* operator->() const noexcept { return record_; }

   private:
    bool shared_ = false;
    reader_record* record_;
  };

  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& entry : own_)
      if (const reader_record* const record = entry.load()) visit(*record);
    for (const reader_record* record = lendable_.load(); record != nullptr; record = record->next)
      visit(*record);
  }

  /// Whether no other thread has read this cache so far. If so, none can be looking at what was taken out
  /// before the call: the record of a new reader is counted before its first look.
  [[nodiscard]] bool alone() const noexcept {
    const unsigned slot = thread_slot();
    const bool known = slot < thread_slots_max && own_[slot].load() != nullptr;
    return count_.load() == (known ? 1U : 0U);
  }

  /// Makes pins published before a look visible to the caller, and the caller's changes to later looks.
  void order_pins() const noexcept {
    if (light_) asymmetric_barrier::heavy();
  }
  [[nodiscard]] bool light() const noexcept { return light_; }

 private:
  reader_record& mine(bool& shared) {
    // acquire: a thread may inherit the slot, and with it the record, of one that ended
    if (reader_record* const record = own_[slot_of_thread].load(std::memory_order_acquire)) [[likely]]
      return *record;
    return first_use(shared);
  }

  [[nodiscard]] reader_record* make() const {
    auto* const record = new reader_record;
    if (sampled_) record->sampler.begin();
    return record;
  }

  [[gnu::noinline]] reader_record& first_use(bool& shared) {
    if (const unsigned slot = thread_slot(); slot < thread_slots_max) {
      // Not empty if this is the very first call of a thread whose slot had an owner before.
      if (reader_record* const record = own_[slot].load()) return *record;
      reader_record* const record = make();
      own_[slot].store(record);
      ++count_;
      return *record;
    }
    shared = true;
    for (reader_record* record = lendable_.load(); record != nullptr; record = record->next)
      if (!record->lent.load() && !record->lent.exchange(true)) return *record;
    reader_record* const record = make();
    record->lent.store(true);
    record->next = lendable_.load();
    while (!lendable_.compare_exchange_weak(record->next, record)) {
    }
    ++count_;
    return *record;
  }

  const bool light_ = asymmetric_barrier::enable();
  const bool sampled_;
  // By slot. The two beyond the last one stay null: "shared" and "not asked yet" lead to first_use() by the
  // same test as a record not made yet.
  std::array<std::atomic<reader_record*>, thread_slots_max + 2> own_{};
  std::atomic<reader_record*> lendable_ = nullptr;  // grows to the most slotless threads at one time
  std::atomic<unsigned> count_ = 0;                 // of all records
};

/// Keeps one object from being destroyed while it is looked at.
class pin {
 public:
  pin(reader_record& record, bool light) noexcept : record_(record), index_(record.pinned++), light_(light) {
    HASTEN_EXPECTS(index_ < reader_record::pins_max, "visits of one cache by one thread nest at most 8 deep");
  }
  pin(const pin&) = delete;
  pin& operator=(const pin&) = delete;
  ~pin() {
    // release: what was read is read before the pin is seen gone; partner: the scan of the pins
    record_.pins[index_].store(nullptr, std::memory_order_release);
    --record_.pinned;
  }

  /// Protects `object` if it is still reachable when looked up again after this call; else it may be gone.
  void hold(const void* object) noexcept {
    if (light_) {
      // release: as in ~pin. That the store comes before the next look is up to order_pins().
      record_.pins[index_].store(object, std::memory_order_release);
      asymmetric_barrier::light();
    } else {
      record_.pins[index_].store(object);
    }
  }

 private:
  reader_record& record_;
  const unsigned index_;
  const bool light_;
};

}  // namespace hasten::detail
