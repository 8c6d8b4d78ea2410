// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/workers/detail/pool_task.hpp>
#include <hasten/workers/worker_pool_stats.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace hasten::detail {

/// The labels of one pool, at most `size_max`; none is ever removed.
/// Thread safety: thread-safe.
class label_table {
 public:
  explicit label_table(std::size_t size_max) : size_max_(size_max) {}

  /// Returns: the number of a new label, from 1.
  /// Throws: std::length_error beyond `size_max`.
  std::uint32_t add(std::string name) {
    auto record = std::make_unique<label_record>(std::move(name));
    const std::scoped_lock lock(mutex_);
    if (records_.size() >= size_max_) {
      throw std::length_error("worker_pool: more than labels_max labels, which is " +
                              std::to_string(size_max_));
    }
    records_.push_back(std::move(record));
    return static_cast<std::uint32_t>(records_.size());
  }

  /// Returns: the record of a label, or null for number 0.
  [[nodiscard]] label_record* find(std::uint32_t number) {
    if (number == 0) return nullptr;
    const std::scoped_lock lock(mutex_);
    HASTEN_EXPECTS(number <= records_.size(), "a task_label belongs to the pool that made it");
    return records_[number - 1].get();
  }

  [[nodiscard]] std::vector<label_stats> stats() const {
    std::vector<label_stats> all;
    const std::scoped_lock lock(mutex_);
    all.reserve(records_.size());
    for (const auto& record : records_) all.push_back(stats_of(*record));
    return all;
  }

 private:
  static label_stats stats_of(const label_record& record) {
    const auto ends = [&record](task_end end) {
      return record.ends[static_cast<std::size_t>(end)].load(
          std::memory_order_relaxed);  // a count orders nothing
    };
    return {record.name,
            ends(task_end::completed),
            ends(task_end::failed),
            ends(task_end::expired),
            record.wait.snapshot(),
            record.run.snapshot()};
  }

  const std::size_t size_max_;
  mutable std::mutex mutex_;  // guards records_; no user code under it
  std::vector<std::unique_ptr<label_record>> records_;
};

}  // namespace hasten::detail
