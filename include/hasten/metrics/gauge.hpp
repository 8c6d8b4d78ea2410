// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>

namespace hasten {

/// A level that goes up and down: connections open, bytes in use. Of two threads that set it, the later wins.
///
/// The wrong tool for counting events (a counter), and for a level that some object knows already: let a
/// collector of the registry ask that object.
///
/// Thread safety: thread-safe.
///
///     hasten::gauge open;
///     open.add(1);
///     open.add(-1);
class gauge {
 public:
  void set(double level) noexcept { level_.store(level); }

  void add(double change) noexcept {
    double seen = level_.load();
    while (!level_.compare_exchange_weak(seen, seen + change)) {
    }
  }

  [[nodiscard]] double value() const noexcept { return level_.load(); }

 private:
  std::atomic<double> level_{0};
};

}  // namespace hasten
