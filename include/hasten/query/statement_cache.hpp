// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace hasten {

/// What a statement cache has done since it was made.
struct statement_cache_stats {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;
  std::size_t size = 0;
  std::size_t statements_max = 0;
};

/// A bounded map from SQL text to a prepared statement of one connection; the least recently used goes first.
///
/// A statement that is being executed is taken: nobody else gets it and it is not evicted, so a visitor may
/// run the same text again while its rows are still being read. Looking up the same string object twice costs
/// one comparison and no hash.
///
/// The wrong tool for text that differs each time (values pasted into SQL): such text evicts the good
/// statements.
/// Thread safety: single-owner.
///
///     hasten::statement_cache<prepared> cache({.statements_max = 256});
///     auto* entry = cache.take(text);
///     if (entry == nullptr) entry = cache.put_taken(text, prepare(text));
///     ...                                  // run entry->statement
///     cache.give_back(*entry);
template <class Statement>
class statement_cache {
 public:
  struct options {
    std::size_t statements_max =
        256;  ///< 1..100000; taken statements may exceed it until they are given back
  };

  /// One prepared statement and its text. The address is stable until it is evicted.
  struct entry {
    std::string text;
    Statement statement;
    bool taken = false;
  };

  /// Throws: std::invalid_argument for a bound out of range.
  explicit statement_cache(options limits) : limits_(limits) {
    if (limits_.statements_max < 1 || limits_.statements_max > 100'000)
      throw std::invalid_argument("statement_cache: statements_max must be 1..100000, got " +
                                  std::to_string(limits_.statements_max));
  }
  explicit statement_cache() : statement_cache(options{}) {}
  statement_cache(const statement_cache&) = delete;
  statement_cache& operator=(const statement_cache&) = delete;
  ~statement_cache() = default;

  /// Takes the statement of `text`. Returns: null when it is not cached, or is taken already.
  [[nodiscard]] entry* take(std::string_view text) {
    const place found = find(text);
    if (found == entries_.end() || found->taken) {
      ++misses_;
      return nullptr;
    }
    ++hits_;
    found->taken = true;
    return &*found;
  }

  /// Caches a statement that the caller goes on using; evicts the least recently used beyond the bound.
  /// Returns: null when the text is cached already, and then `statement` is left alone.
  [[nodiscard]] entry* put_taken(std::string_view text, Statement&& statement) {
    if (index_.contains(text)) return nullptr;
    entries_.push_front(entry{std::string(text), std::move(statement), true});
    try {
      index_.emplace(entries_.front().text, entries_.begin());
    } catch (...) {
      entries_.pop_front();
      throw;
    }
    shrink();
    return &entries_.front();
  }

  void give_back(entry& used) noexcept {
    used.taken = false;
    if (entries_.size() > limits_.statements_max) shrink();
  }

  /// Removes a statement that is taken and turned out to be unusable; `broken` dangles afterwards.
  void erase(entry& broken) noexcept {
    const auto found = index_.find(broken.text);
    remove(found->second);
  }

  /// Removes every statement that is not taken. Returns: how many are left because they are taken.
  std::size_t clear() noexcept {
    for (place each = entries_.begin(); each != entries_.end();) {
      const place next = std::next(each);
      if (!each->taken) remove(each);
      each = next;
    }
    return entries_.size();
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

  [[nodiscard]] statement_cache_stats stats() const noexcept {
    return {.hits = hits_,
            .misses = misses_,
            .evictions = evictions_,
            .size = entries_.size(),
            .statements_max = limits_.statements_max};
  }

 private:
  using place = typename std::list<entry>::iterator;

  struct hint {
    const char* data = nullptr;
    std::size_t size = 0;
    place found{};
  };

  // The address only proposes; the text decides, because another string may have come to live there.
  place find(std::string_view text) {
    hint& guess = hints_[(reinterpret_cast<std::uintptr_t>(text.data()) >> 3) % hints_.size()];
    if (guess.data == text.data() && guess.size == text.size() && guess.found->text == text) {
      touch(guess.found);
      return guess.found;
    }
    const auto found = index_.find(text);
    if (found == index_.end()) return entries_.end();
    touch(found->second);
    guess = hint{text.data(), text.size(), found->second};
    return found->second;
  }

  void touch(place used) noexcept {
    if (used != entries_.begin()) entries_.splice(entries_.begin(), entries_, used);
  }

  void shrink() noexcept {
    for (place each = entries_.end(); entries_.size() > limits_.statements_max && each != entries_.begin();) {
      const place candidate = std::prev(each);
      if (candidate->taken) {
        each = candidate;
      } else {
        remove(candidate);
        ++evictions_;
      }
    }
  }

  void remove(place gone) noexcept {
    for (hint& each : hints_)
      if (each.data != nullptr && each.found == gone) each = hint{};
    index_.erase(index_.find(gone->text));
    entries_.erase(gone);
  }

  options limits_;
  std::list<entry> entries_;                           // most recently used first
  std::unordered_map<std::string_view, place> index_;  // keys view into entries_
  std::array<hint, 64> hints_{};                       // never refers to an erased entry
  std::uint64_t hits_ = 0;
  std::uint64_t misses_ = 0;
  std::uint64_t evictions_ = 0;
};

}  // namespace hasten
