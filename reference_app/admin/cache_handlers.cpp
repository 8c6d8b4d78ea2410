// SPDX-License-Identifier: BSL-1.0
#include "admin/cache_handlers.hpp"

#include "shared/json_writer.hpp"
#include "shared/problem.hpp"
#include "shared/query_parameters.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 2> list_parameters = {"prefix", "limit"};
constexpr std::array<std::string_view, 2> evict_parameters = {"key", "prefix"};
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

// The first entries by key whose keys begin alike, without what is kept under them.
struct entry_list {
  struct entry {
    std::size_t bytes = 0;
    std::chrono::nanoseconds left{};  // zero: for ever
  };
  std::size_t matching = 0;
  std::map<std::string, entry> first = {};
};

entry_list entries_of(answer_cache& cache, std::string_view prefix, std::size_t limit) {
  entry_list out;
  cache.each([&](const std::string& key, const rendered_answer_ptr& kept, std::chrono::nanoseconds left) {
    if (!key.starts_with(prefix)) return;
    ++out.matching;
    if (out.first.size() == limit && key > out.first.rbegin()->first) return;
    out.first[key] = {.bytes = kept->head.size() + kept->body.size(), .left = left};
    if (out.first.size() > limit) out.first.erase(std::prev(out.first.end()));
  });
  return out;
}

// An answer, and its compressed form. Returns: how many there were.
std::size_t evict_one(answer_cache& cache, const std::string& key) {
  const bool is_plain_kept = cache.erase(key);
  const bool is_packed_kept = cache.erase(key + std::string(packed_key({}).view()));
  return static_cast<std::size_t>(is_plain_kept) + static_cast<std::size_t>(is_packed_kept);
}

void write_count(json_writer& json, const hasten::key_count<std::string>& each) {
  json.begin_object().member("key", each.key).member("lookups", each.count);
  json.member("lookupsTooManyAtMost", each.error_max);
  json.member("hits", each.hits).member("misses", each.misses).end_object();
}

}  // namespace

void cache_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/admin/cache",
                    .who = access::admin,
                    .get = [this](const request& what) { return list(what); },
                    .post = {},
                    .put = {},
                    .patch = {},
                    .del = [this](const request& what) { return evict(what); }});
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

// Both look through all of the cache, which is a worker's business.
plan cache_handlers::list(const request& what) const {
  query_parameters query(what.query, list_parameters);
  const std::string prefix(query.text("prefix").value_or(""));
  const auto limit = static_cast<std::size_t>(query.integer("limit", 1, 1000).value_or(100));
  query.check();
  plan out;
  out.load = [this, prefix, limit](work&) {
    const entry_list found = entries_of(cache_, prefix, limit);
    const hasten::cache_stats stats = cache_.stats();
    answer made;
    json_writer json(made.body);
    json.begin_object().key("caches").begin_array().begin_object().member("name", "answers");
    json.member("size", stats.size).member("entriesMax", stats.entries_max).key("namespaces").begin_array();
    for (const hasten::namespace_count& each : cache_.namespaces()) json.value(each.name);
    json.end_array().end_object().end_array();
    json.member("matching", found.matching).key("entries").begin_array();
    for (const auto& [key, each] : found.first) {
      json.begin_object().member("key", key).member("bytes", each.bytes);
      if (each.left > each.left.zero()) json.member("expiresInMs", milliseconds(each.left));
      json.end_object();
    }
    json.end_array().end_object();
    return made;
  };
  return out;
}

plan cache_handlers::evict(const request& what) const {
  query_parameters query(what.query, evict_parameters);
  const auto key = query.text("key");
  const auto prefix = query.text("prefix");
  if (key && prefix) query.complain("prefix", "must not be given along with key");
  if (prefix && prefix->empty()) query.complain("prefix", "must not be empty");
  query.check();
  const std::string_view chosen_by = key ? "key" : prefix ? "prefix" : "all";
  plan out;
  out.load = [this, chosen_by, is_one = key.has_value(),
              which = std::string(key ? *key : prefix.value_or(""))](work&) {
    const std::size_t evicted = is_one ? evict_one(cache_, which) : cache_.erase_prefix(which);
    log_(chosen_by, evicted);
    if (is_one && evicted == 0)
      throw problem_error({.status = 404,
                           .kind = "key-not-kept",
                           .detail = "Nothing is kept under this key.",
                           .items = {},
                           .headers = {}});
    answer made;
    json_writer(made.body).begin_object().member("evicted", evicted).end_object();
    return made;
  };
  return out;
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
