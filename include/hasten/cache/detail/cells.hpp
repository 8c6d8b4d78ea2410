// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace hasten::detail {

/// Whether entries are copied out under a version check instead of being pinned while they are looked at.
template <class Key, class Value>
inline constexpr bool copied_out = std::is_trivially_copyable_v<Key> && std::is_trivially_copyable_v<Value> &&
                                   sizeof(Key) <= 64 && sizeof(Value) <= 64;

/// The bytes of a trivially copyable value in whole words, as they are read from shared memory.
template <class T>
class word_copy {
 public:
  static constexpr std::size_t words = (sizeof(T) + 7) / 8;

  word_copy() = default;
  explicit word_copy(const T& value) noexcept : data_{} {
    std::memcpy(data_.data(), std::addressof(value), sizeof(T));
  }

  /// To be called on a complete copy only.
  [[nodiscard]] T get() const noexcept {
    union holder {  // T need not have a default constructor, or a trivial one
      holder() noexcept : none(0) {}
      char none;
      T value;
    } whole;
    std::memcpy(static_cast<void*>(std::addressof(whole.value)), data_.data(), sizeof(T));
    return whole.value;
  }

  void load(const std::uint64_t* from) noexcept {
    // acquire: keeps the closing look at the bucket's version behind this; partner: store()
    for (std::size_t i = 0; i < words; ++i)
      data_[i] = std::atomic_ref(const_cast<std::uint64_t&>(from[i])).load(std::memory_order_acquire);
  }
  void store(std::uint64_t* to) const noexcept {
    // release: the version that announces the change is seen before the change; partner: load()
    for (std::size_t i = 0; i < words; ++i) std::atomic_ref(to[i]).store(data_[i], std::memory_order_release);
  }

 private:
  std::array<std::uint64_t, words> data_;
};

/// Entries of trivially copyable types, as atomic words: a reader copies them while a writer may be at work,
/// and asks the bucket's version afterwards whether the copy is whole.
template <class Key, class Value>
class copied_cells {
 public:
  explicit copied_cells(std::size_t slots)
      : words_(std::make_unique_for_overwrite<std::uint64_t[]>(slots * stride)) {}

  [[nodiscard]] const std::uint64_t* key_words(std::size_t slot) const noexcept {
    return &words_[slot * stride];
  }
  [[nodiscard]] const std::uint64_t* value_words(std::size_t slot) const noexcept {
    return &words_[slot * stride + word_copy<Key>::words];
  }
  /// Returns: the key, the value; only while no writer is at work on the slot.
  [[nodiscard]] Key key(std::size_t slot) const noexcept {
    word_copy<Key> stored;
    stored.load(key_words(slot));
    return stored.get();
  }
  [[nodiscard]] Value value(std::size_t slot) const noexcept {
    word_copy<Value> stored;
    stored.load(value_words(slot));
    return stored.get();
  }

  void construct(std::size_t slot, const Key& key, const Value& value) noexcept {
    word_copy<Key>(key).store(&words_[slot * stride]);
    assign(slot, value);
  }
  void assign(std::size_t slot, const Value& value) noexcept {
    word_copy<Value>(value).store(&words_[slot * stride + word_copy<Key>::words]);
  }

  static constexpr std::size_t cell_bytes = (word_copy<Key>::words + word_copy<Value>::words) * 8;

 private:
  static constexpr std::size_t stride = word_copy<Key>::words + word_copy<Value>::words;
  std::unique_ptr<std::uint64_t[]> words_;
};

/// Entries of any other types, as objects that stay where they are until nobody looks at them.
template <class Key, class Value>
class pinned_cells {
 public:
  struct cell {
    const Key key;
    const Value value;
  };

  explicit pinned_cells(std::size_t slots)
      : cells_(static_cast<cell*>(::operator new(slots * sizeof(cell), std::align_val_t(alignof(cell))))) {}
  pinned_cells(const pinned_cells&) = delete;
  pinned_cells& operator=(const pinned_cells&) = delete;
  ~pinned_cells() { ::operator delete(cells_, std::align_val_t(alignof(cell))); }

  [[nodiscard]] const cell& at(std::size_t slot) const noexcept { return cells_[slot]; }
  [[nodiscard]] const Key& key(std::size_t slot) const noexcept { return cells_[slot].key; }

  template <class K, class V>
  void construct(std::size_t slot, K&& key, V&& value) {
    ::new (static_cast<void*>(cells_ + slot)) cell{Key(std::forward<K>(key)), Value(std::forward<V>(value))};
  }
  void destroy(std::size_t slot) noexcept { cells_[slot].~cell(); }

  static constexpr std::size_t cell_bytes = sizeof(cell);

 private:
  cell* cells_;  // raw memory: the shards know which slots hold an object
};

}  // namespace hasten::detail
