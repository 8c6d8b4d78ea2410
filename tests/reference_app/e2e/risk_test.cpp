// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"
#include "risk/risk_batch.hpp"

#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/session_pool.hpp>

#include <algorithm>
#include <cstdint>
#include <map>

using e2e::all_samples;
using e2e::check_problem;
using e2e::get;
using e2e::running_service;
using e2e::sample;
using e2e::text;

namespace {

std::string path_of(const std::string& id) { return "/api/v1/claims/" + id + "/risk"; }

struct counts {
  int decided = 0;
  int denied = 0;
  void add(const sample& each) {
    if (each.status == "pending") return;
    ++decided;
    if (each.status == "denied") ++denied;
  }
  [[nodiscard]] double percent(const counts& everybody) const {
    const double usual = static_cast<double>(everybody.denied) / everybody.decided;
    return 100.0 * (denied + 20 * usual) / (decided + 20);
  }
};

}  // namespace

TEST_CASE("a claim's risk is what its parts add up to, and they are what the database says") {
  running_service running(240);
  const auto all = all_samples(running.database());
  counts everybody;
  std::map<std::string, counts> payers;
  std::map<std::string, counts> providers;
  for (const sample& each : all) {
    everybody.add(each);
    payers[each.payer].add(each);
    providers[each.provider].add(each);
  }
  auto client = running.client();
  std::int64_t points = 0;
  for (const sample& each : all) {
    const auto body = get(client, path_of(each.id));
    CHECK(text(body, "claimId") == each.id);
    std::map<std::string, std::int64_t> parts;
    std::int64_t sum = 0;
    for (const auto& factor : body.at("factors").as_array()) {
      parts[text(factor, "name")] = factor.at("points").as_int64();
      sum += factor.at("points").as_int64();
      CHECK(factor.at("points").as_int64() <= factor.at("pointsMax").as_int64());
      CHECK_FALSE(text(factor, "reason").empty());
    }
    CHECK(body.at("points").as_int64() == sum);
    CHECK(parts.at("amount") == 0);  // none above 500 dollars
    // The samples have neither lines nor statement dates, and some no charge.
    CHECK(parts.at("missing_fields") == (each.billed ? 12 : 20));
    CHECK(parts.at("timely_filing") == 0);
    CHECK(parts.at("payer_denials") == std::min(30, static_cast<int>(payers[each.payer].percent(everybody))));
    CHECK(parts.at("provider_denials") ==
          std::min(10, static_cast<int>(providers[each.provider].percent(everybody) / 3)));
    points += sum;
  }

  hasten::query_monitor queries;
  hasten::session_pool sessions({.path = running.database(), .readers = 1}, queries);
  hasten::worker_pool pool({.threads = 2});
  std::int64_t seen = 0;
  const auto summary =
      claims_app::score_all_claims(sessions, pool, {}, [&](std::int64_t done, std::int64_t) { seen = done; });
  CHECK(summary.is_complete);
  CHECK(summary.claims == 240);
  CHECK(seen == 240);
  CHECK(summary.points == points);
  CHECK(summary.low + summary.medium + summary.high == 240);

  std::stop_source stop;
  stop.request_stop();
  CHECK_FALSE(claims_app::score_all_claims(sessions, pool, stop.get_token(), {}).is_complete);
}

TEST_CASE("a score is kept and given again from the cache") {
  running_service running(20);
  const std::string id = all_samples(running.database()).front().id;
  auto client = running.client();
  const auto first = client.Get(path_of(id));
  const auto second = client.Get(path_of(id));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->body == second->body);
  CHECK(second->get_header_value("Server-Timing").find("cache;desc=hit") != std::string::npos);
}

TEST_CASE("the risk of what is no claim is not found, and takes no parameters or methods but GET") {
  running_service running(3);
  auto client = running.client();
  check_problem(client.Get(path_of("01ARZ3NDEKTSV4RRFFQ69G5FAV")), 404);
  check_problem(client.Get(path_of("42")), 404);
  const std::string id = all_samples(running.database()).front().id;
  CHECK(client.Get(path_of(id) + "?model=2")->status == 400);
  check_problem(client.Post(path_of(id), "{}", "application/json"), 405);
  check_problem(client.Get("/api/v1/claims/" + id + "/other"), 404);
}
