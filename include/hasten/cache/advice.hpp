// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/cache/cache_stats.hpp>
#include <hasten/cache/miss_ratio_curve.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace hasten {

/// One thing that could be done about a cache, with the figures it rests on.
/// Thread safety: immutable.
struct cache_advice {
  enum class kind : std::uint8_t {
    too_early,      ///< too few lookups to say anything
    enlarge,        ///< a larger cache would hit clearly more often
    shrink,         ///< a smaller cache would hit almost as often
    lengthen_ttl,   ///< most misses are of entries whose time was over
    mend_loader,    ///< a large part of the loads fails
    leave_as_it_is  ///< none of the above
  };

  kind what = kind::leave_as_it_is;
  std::string sentence;      ///< for people; names no key and no value
  double hit_rate_now = 0;   ///< 0 to 1
  double hit_rate_then = 0;  ///< with `entries_then` entries; as now where the size is not the point
  std::size_t entries_then = 0;
};

namespace detail {

[[nodiscard]] inline std::string in_percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", share * 100);
  return text;
}

}  // namespace detail

/// Says what the figures of a cache suggest: a pure function of `stats` and of what miss_ratio_curve estimated over the
/// same time. The first advice is the one with most to gain; there is always at least one.
/// Throws: std::bad_alloc.
///
///     for (const auto& each : hasten::advise(cache.stats(), cache.miss_ratios())) print(each.sentence);
///     // "at 2x capacity (20000 entries) the hit rate would be 83 % instead of 71 %"
[[nodiscard]] inline std::vector<cache_advice> advise(const cache_stats& stats,
                                                      const miss_ratio_estimate& estimate) {
  constexpr std::uint64_t lookups_min = 1'000;
  constexpr std::uint64_t sampled_min = 200;
  constexpr double gain_min = 0.02;   // of the hit rate, for a doubling: well above the error of the estimate
  constexpr double loss_max = 0.005;  // for halving the size
  constexpr double expired_min = 0.3;  // of the misses
  constexpr double failed_min = 0.1;   // of the loads

  std::vector<cache_advice> all;
  const double now = stats.hit_rate();
  const auto add = [&](cache_advice::kind what, std::string sentence, double then, std::size_t entries) {
    all.push_back({what, std::move(sentence), now, then, entries});
  };
  const std::size_t entries = stats.entries_max;
  const std::uint64_t lookups = stats.hits + stats.misses;
  if (lookups < lookups_min) {
    add(cache_advice::kind::too_early, "after " + std::to_string(lookups) + " lookups it is too early to say",
        now, entries);
    return all;
  }

  const std::uint64_t tried = stats.loads + stats.load_failures;
  const double failed =
      tried == 0 ? 0 : static_cast<double>(stats.load_failures) / static_cast<double>(tried);
  if (failed >= failed_min)
    add(cache_advice::kind::mend_loader,
        detail::in_percent(failed) + " of the loads fail: each is a miss that no cache can mend", now,
        entries);

  if (estimate.sampled >= sampled_min && stats.misses != 0) {
    if (estimate.expired_share >= expired_min)
      add(cache_advice::kind::lengthen_ttl,
          "the ttl, not the capacity, causes " + detail::in_percent(estimate.expired_share) +
              " of the misses",
          now + (1 - now) * estimate.expired_share, entries);
    for (const auto& point : estimate.points) {
      const std::size_t times = point.entries / std::max<std::size_t>(1, entries);
      if (point.entries == entries * 2 || point.entries == entries * 4) {
        if (point.hit_rate - now < gain_min * (times == 2 ? 1 : 2)) continue;
        add(cache_advice::kind::enlarge,
            "at " + std::to_string(times) + "x capacity (" + std::to_string(point.entries) +
                " entries) the hit rate would be " + detail::in_percent(point.hit_rate) + " instead of " +
                detail::in_percent(now),
            point.hit_rate, point.entries);
      } else if (point.entries < entries && now - point.hit_rate <= loss_max) {
        add(cache_advice::kind::shrink,
            "with half the capacity (" + std::to_string(point.entries) +
                " entries) the hit rate would still be " + detail::in_percent(point.hit_rate),
            point.hit_rate, point.entries);
      }
    }
  }
  if (all.empty())
    add(cache_advice::kind::leave_as_it_is,
        "size and ttl suit what is asked for: " + detail::in_percent(now) + " hit", now, entries);
  std::sort(all.begin(), all.end(), [](const cache_advice& a, const cache_advice& b) {
    const double gains[] = {a.hit_rate_then - a.hit_rate_now, b.hit_rate_then - b.hit_rate_now};
    return gains[0] != gains[1] ? gains[0] > gains[1] : a.what < b.what;
  });
  return all;
}

}  // namespace hasten
