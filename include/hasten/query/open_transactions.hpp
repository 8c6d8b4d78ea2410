// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>

#include <cstddef>
#include <mutex>
#include <optional>
#include <source_location>

namespace hasten {

/// A transaction that has not ended yet.
struct open_transaction {
  steady_time began{};
  std::source_location where = {};  ///< the line of code that began it
};

/// The transactions of a program that are open at this moment, for finding the one that never ends: it keeps a write-ahead
/// log from being cut back and everybody else from writing, and SQLite tells nobody of it.
///
/// It knows those that are entered, which `transaction` does with the monitor's; not what a bare BEGIN opens.
/// Thread safety: thread-safe.
///
///     if (const auto oldest = monitor.transactions().oldest())
///       std::clog << oldest->where.file_name() << ':' << oldest->where.line() << " keeps a transaction open\n";
class open_transactions {
 public:
  /// One of them, from its construction to its end. The list must outlive it.
  /// Thread safety: single-owner.
  class entry {
   public:
    entry(open_transactions& list, steady_time began, const std::source_location& where) noexcept
        : list_(list), what_{.began = began, .where = where} {
      const std::lock_guard lock(list_.mutex_);
      before_ = list_.last_;
      (before_ != nullptr ? before_->after_ : list_.first_) = this;
      list_.last_ = this;
      ++list_.size_;
    }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry() {
      const std::lock_guard lock(list_.mutex_);
      (before_ != nullptr ? before_->after_ : list_.first_) = after_;
      (after_ != nullptr ? after_->before_ : list_.last_) = before_;
      --list_.size_;
    }

   private:
    friend class open_transactions;
    open_transactions& list_;
    const open_transaction what_;
    entry* before_ = nullptr;  // the list's mutex guards these two
    entry* after_ = nullptr;
  };

  open_transactions() = default;
  open_transactions(const open_transactions&) = delete;
  open_transactions& operator=(const open_transactions&) = delete;

  /// Returns: the one that was entered first of those that are open.
  [[nodiscard]] std::optional<open_transaction> oldest() const {
    const std::lock_guard lock(mutex_);
    if (first_ == nullptr) return std::nullopt;
    return first_->what_;
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return size_;
  }

 private:
  mutable std::mutex mutex_;  // guards the rest and the links of the entries
  entry* first_ = nullptr;
  entry* last_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace hasten
