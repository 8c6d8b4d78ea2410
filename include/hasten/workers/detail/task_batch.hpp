// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/workers/detail/pool_task.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <utility>

namespace hasten::detail {

/// Tasks of one bulk post that wait behind one place of a lane. Any worker can take the next of them at any time, so
/// that none waits for another that runs. What it costs is one addition for each, mostly on a line that no other
/// worker wants just then.
/// Thread safety: thread-safe; run() belongs to who took the index.
class task_batch {
 public:
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();

  task_batch(const task_batch&) = delete;
  task_batch& operator=(const task_batch&) = delete;

  /// Returns: the index of a task that is the caller's from now on, or none.
  [[nodiscard]] std::size_t take_one() noexcept {
    if (next_.load() >= count_) return none;  // so that next_ never runs over, however many come too late
    const std::size_t index = next_.fetch_add(1);
    return index < count_ ? index : none;
  }
  /// Claims all that are left: those from the index that it returns up to count(). Returns: none if there are none.
  [[nodiscard]] std::size_t take_rest() noexcept {
    const std::size_t first = next_.exchange(count_);
    return first < count_ ? first : none;
  }

  /// Runs a taken task, or tells it why not, and destroys it. Throws: what the task throws.
  task_end run(std::size_t index, errc reason) { return run_(*this, index, reason); }

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t left() const noexcept { return count_ - std::min(next_.load(), count_); }
  [[nodiscard]] steady_time accepted() const noexcept { return accepted_; }

  void acquire() noexcept { references_.fetch_add(1); }
  void release() noexcept {
    if (references_.fetch_sub(1) == 1) free_(this);
  }

  // The list of a lane, guarded by its mutex.
  task_batch* before = nullptr;
  task_batch* after = nullptr;

 protected:
  using run_function = task_end (*)(task_batch&, std::size_t, errc);
  using free_function = void (*)(task_batch*) noexcept;
  task_batch(run_function run_task, free_function free_self, steady_time accepted) noexcept
      : run_(run_task), free_(free_self), accepted_(accepted) {}
  ~task_batch() = default;

  std::size_t count_ = 0;  // fixed once the batch is in a lane

 private:
  const run_function run_;
  const free_function free_;
  const steady_time accepted_;
  std::atomic<std::size_t> references_{1};
  alignas(64) std::atomic<std::size_t> next_{0};  // the workers meet here, and at nothing else
};

/// A share of a batch.
/// Thread safety: single-owner.
class batch_reference {
 public:
  batch_reference() = default;
  /// Takes over a reference that was counted already.
  explicit batch_reference(task_batch* batch) noexcept : batch_(batch) {}
  batch_reference(batch_reference&& other) noexcept : batch_(std::exchange(other.batch_, nullptr)) {}
  batch_reference& operator=(batch_reference&& other) noexcept {
    task_batch* const former = std::exchange(batch_, std::exchange(other.batch_, nullptr));
    if (former != nullptr) former->release();
    return *this;
  }
  ~batch_reference() {
    if (batch_ != nullptr) batch_->release();
  }

  [[nodiscard]] static batch_reference to(task_batch& batch) noexcept {
    batch.acquire();
    return batch_reference(&batch);
  }
  [[nodiscard]] task_batch* get() const noexcept { return batch_; }
  [[nodiscard]] task_batch& operator*() const noexcept { return *batch_; }
  [[nodiscard]] task_batch* operator->() const noexcept { return batch_; }
  [[nodiscard]] explicit operator bool() const noexcept { return batch_ != nullptr; }

 private:
  task_batch* batch_ = nullptr;
};

/// What stands in a lane's ring for a batch. It is run like any task, and says that it is none: who runs it takes the
/// batch out of it, and finds tasks there from then on. So single tasks need not be looked at for what they are.
struct batch_ticket {
  batch_reference batch;
  task_end operator()(errc /*reason*/) const noexcept { return task_end::drawn; }
};

/// A batch of callables of one type, side by side, which are called without a detour.
template <class F>
class typed_batch final : public task_batch {
 public:
  /// How many a batch holds at most: enough to make its own cost small, few enough not to be a large block.
  static constexpr std::size_t count_max = std::clamp<std::size_t>(16'384 / sizeof(F), 1, 256);

  explicit typed_batch(steady_time accepted) noexcept : task_batch(&run_one, &free, accepted) {}

  /// Makes the next one in place. Throws: what `make` throws.
  template <class Make>
  void add(Make&& make, std::size_t index) {
    ::new (static_cast<void*>(at(count_))) F(std::invoke(make, index));
    ++count_;
  }

 private:
  F* at(std::size_t index) noexcept { return std::launder(reinterpret_cast<F*>(bytes_)) + index; }

  static task_end run_one(task_batch& self, std::size_t index, errc reason) {
    F* const callable = static_cast<typed_batch&>(self).at(index);
    struct end {
      F* callable;
      ~end() { std::destroy_at(callable); }
    } const at_the_end{callable};
    if (reason != run_now) {
      if constexpr (requires { callable->refused(reason); }) callable->refused(reason);
      return task_end::cancelled;
    }
    std::invoke(*callable);
    return task_end::completed;
  }
  static void free(task_batch* self) noexcept {
    auto* const batch = static_cast<typed_batch*>(self);
    for (std::size_t i = batch->take_rest(); i < batch->count_; ++i) std::destroy_at(batch->at(i));
    delete batch;
  }

  alignas(F) std::byte bytes_[sizeof(F) * count_max];
};

}  // namespace hasten::detail
