// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>

namespace hasten {

/// What a pool has done since it was made. The gauges come first, the counters only grow.
struct pool_stats {
  std::size_t size_max = 0;  ///< the bound: leased and idle together never exceed it
  std::size_t in_use = 0;    ///< leased now, those being made included
  std::size_t idle = 0;      ///< waiting to be leased
  std::size_t waiting = 0;   ///< callers blocked in acquire()
  std::size_t overdue = 0;   ///< leased now for longer than the leak watch allows

  std::uint64_t acquired = 0;             ///< leases given out
  std::uint64_t waited = 0;               ///< leases that had to wait for another one to come back
  std::uint64_t timed_out = 0;            ///< callers whose deadline passed first
  std::uint64_t rejected = 0;             ///< callers turned away because the queue was full
  std::uint64_t created = 0;              ///< resources made
  std::uint64_t creation_failures = 0;    ///< attempts to make one that threw
  std::uint64_t validation_failures = 0;  ///< idle resources found dead and replaced
  std::uint64_t discarded = 0;            ///< resources thrown away by their leaseholder
  std::uint64_t expired = 0;              ///< resources retired because of their age
  std::uint64_t surplus = 0;              ///< resources retired because nobody needed them for long
  std::uint64_t leaks = 0;                ///< leases that the watch reported, whether or not they came back
  std::uint64_t observer_failures = 0;    ///< calls of an observer that threw
  std::chrono::nanoseconds wait_total{};  ///< time spent waiting, over all leases that waited
  std::chrono::nanoseconds wait_max{};    ///< the longest such wait
};

/// A lease that has been held for longer than anybody should.
struct pool_leak {
  std::source_location where;  ///< who leased: the line that called acquire()
  std::chrono::nanoseconds held{};
};

/// Who is told what a pool does. Each is called without a lock, by the thread at work; it must be quick. What it
/// throws is counted and dropped. Empty ones are not called.
struct pool_observer {
  std::function<void(std::chrono::nanoseconds)> waited =
      {};  ///< for each lease: how long for a free resource, often 0
  std::function<void(std::chrono::nanoseconds)> created = {};  ///< how long the factory took
  std::function<void(std::chrono::nanoseconds)> used = {};     ///< how long a lease was held
  std::function<void(const pool_leak&)> leaked = {};           ///< once for each lease that is held too long
};

/// What one round of upkeep did.
struct pool_upkeep {
  std::size_t checked = 0;  ///< idle resources that were asked whether they live
  std::size_t dead = 0;     ///< of these, thrown away
  std::size_t expired = 0;  ///< retired because of their age
  std::size_t surplus = 0;  ///< retired because nobody needed them for long
  std::size_t made = 0;     ///< to have as many as should be ready
  std::size_t failed = 0;   ///< attempts to make one that threw
  std::size_t leaks = 0;    ///< leases reported as held too long
};

}  // namespace hasten
