// SPDX-License-Identifier: BSL-1.0
#include "admin/cache_handlers.hpp"

#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 1> parameters = {"key"};
constexpr std::size_t hot_keys_shown = 20;

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

/// Returns: the key that was asked for, if one was.
std::optional<std::string> key_of(const request& what) {
  query_parameters query(what.query, parameters);
  query.check();
  const auto key = query.text("key");
  return key ? std::optional<std::string>(*key) : std::nullopt;
}

[[noreturn]] void refuse_key() {
  throw problem_error({.status = 404,
                       .kind = "key-not-counted",
                       .detail = "No lookups of this key are counted: only those asked for most are.",
                       .items = {},
                       .headers = {}});
}

void write_count(json_writer& json, const hasten::key_count<std::string>& each) {
  json.begin_object().member("key", each.key).member("lookups", each.count);
  json.member("lookupsTooManyAtMost", each.error_max);
  json.member("hits", each.hits).member("misses", each.misses).end_object();
}

}  // namespace

void cache_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/admin/cache/stats",
                    .who = access::admin,
                    .get =
                        [this](const request& what) {
                          return plan{.now = stats(what), .stream = {}, .key = {}, .load = {}};
                        },
                    .post = {}});
  routes.push_back({.pattern = "/api/v1/admin/cache/stats/reset",
                    .who = access::admin,
                    .get = {},
                    .post = [this](const request& what) {
                      return plan{.now = reset(what), .stream = {}, .key = {}, .load = {}};
                    }});
}

answer cache_handlers::stats(const request& what) const {
  const auto key = key_of(what);
  if (!key) return all();
  const auto count = cache_.stats(*key);
  if (!count) refuse_key();
  answer out;
  json_writer json(out.body);
  write_count(json, *count);
  return out;
}

answer cache_handlers::reset(const request& what) {
  if (const auto key = key_of(what); !key)
    cache_.reset_stats();
  else if (!cache_.reset_stats(*key))
    refuse_key();
  return {.body = R"({"reset":true})", .headers = {}};
}

answer cache_handlers::all() const {
  const hasten::cache_stats stats = cache_.stats();
  const hasten::histogram_snapshot loads = cache_.load_times();
  answer out;
  json_writer json(out.body);
  json.begin_object().member("hits", stats.hits).member("misses", stats.misses);
  json.member("hitRate", stats.hit_rate()).member("size", stats.size).member("entriesMax", stats.entries_max);
  json.member("loads", stats.loads).member("loadFailures", stats.load_failures);
  json.member("loadTimeMs", milliseconds(stats.load_time));
  const auto quantile = [&](double q) { return static_cast<double>(loads.quantile(q)) / 1e6; };
  json.member("loadP50Ms", quantile(0.5)).member("loadP99Ms", quantile(0.99));
  json.member("evictedForRoom", stats.evictions_size).member("evictedExpired", stats.evictions_expired);
  json.member("removed", stats.removals).member("replaced", stats.replaced);
  json.key("namespaces").begin_array();
  for (const hasten::namespace_count& each : cache_.namespaces()) {
    json.begin_object().member("name", each.name).member("hits", each.hits).member("misses", each.misses);
    json.member("hitRate", each.hit_rate()).member("loads", each.loads);
    json.member("loadFailures", each.load_failures).end_object();
  }
  json.end_array().key("hotKeys").begin_array();
  for (const auto& each : cache_.hot_keys(hot_keys_shown)) write_count(json, each);
  json.end_array().key("advice").begin_array();
  for (const hasten::cache_advice& each : cache_.advice()) json.value(each.sentence);
  json.end_array().end_object();
  return out;
}

}  // namespace claims_app
