// SPDX-License-Identifier: BSL-1.0
#include "e2e/running_service.hpp"

#include <algorithm>
#include <map>
#include <set>

using e2e::all_samples;
using e2e::body_of;
using e2e::get;
using e2e::running_service;
using e2e::sample;
using e2e::text;

namespace {

// Follows nextCursor to the end.
std::vector<std::string> page_through(httplib::Client& client, const std::string& filters, int limit,
                                      const std::function<void(int)>& after_page = {}) {
  std::vector<std::string> ids;
  std::string cursor;
  for (int page = 1; page < 1000; ++page) {
    std::string path = "/api/v1/claims?limit=" + std::to_string(limit) + filters;
    if (!cursor.empty()) path += "&cursor=" + cursor;
    const auto body = get(client, path);
    for (const auto& each : body.at("data").as_array()) ids.push_back(text(each, "id"));
    CHECK(body.at("data").as_array().size() <= static_cast<std::size_t>(limit));
    if (body.at("nextCursor").is_null()) return ids;
    cursor = text(body, "nextCursor");
    if (after_page) after_page(page);
  }
  FAIL("the pages do not end");
  return ids;
}

std::vector<std::string> ids_of(const std::vector<sample>& all,
                                const std::function<bool(const sample&)>& wanted) {
  std::vector<std::string> out;
  for (const sample& each : all)
    if (wanted(each)) out.push_back(each.id);
  return out;
}

}  // namespace

TEST_CASE("paging gives every claim once and in order, also while others are inserted") {
  running_service running(331);
  const auto before = all_samples(running.database());
  auto client = running.client();
  const auto paged = page_through(client, "", 25, [&](int page) {
    if (page % 3 != 0) return;
    claims_app::local_database other(running.database());
    e2e::add_claims(other.session(), 4);
  });
  const std::set<std::string> unique(paged.begin(), paged.end());
  CHECK(unique.size() == paged.size());
  const auto is_new = [&](const std::string& id) {
    return std::ranges::none_of(before, [&](const sample& each) { return each.id == id; });
  };
  std::vector<std::string> old;
  std::ranges::copy_if(paged, std::back_inserter(old), [&](const std::string& id) { return !is_new(id); });
  CHECK(old == ids_of(before, [](const sample&) { return true; }));
}

TEST_CASE("every combination of filters lets through what the database says") {
  running_service running(240);
  const auto all = all_samples(running.database());
  auto client = running.client();
  for (int chosen = 0; chosen < 32; ++chosen) {
    std::string query;
    if (chosen & 1) query += "&status=denied";
    if (chosen & 2) query += "&payer_id=" + all[0].payer;
    if (chosen & 4) query += "&provider_id=" + all[0].provider;
    if (chosen & 8) query += "&from=2024-01-14";
    if (chosen & 16) query += "&to=2024-01-21";
    const auto expected = ids_of(all, [&](const sample& each) {
      return (!(chosen & 1) || each.status == "denied") && (!(chosen & 2) || each.payer == all[0].payer) &&
             (!(chosen & 4) || each.provider == all[0].provider) &&
             (!(chosen & 8) || each.date >= "2024-01-14") && (!(chosen & 16) || each.date <= "2024-01-21");
    });
    INFO(query);
    CHECK(page_through(client, query, 7) == expected);
    const auto counted = get(client, "/api/v1/claims?limit=1&total=exact" + query);
    CHECK(counted.at("total").as_int64() == static_cast<std::int64_t>(expected.size()));
  }
}

TEST_CASE("a filter by an id that nobody has gives an empty page") {
  running_service running(5);
  auto client = running.client();
  const auto body = get(client, "/api/v1/claims?payer_id=01HF7YAT31JZ5E7N0Q4M2W8X9K&total=exact");
  CHECK(body.at("data").as_array().empty());
  CHECK(body.at("nextCursor").is_null());
  CHECK(body.at("total").as_int64() == 0);
}

TEST_CASE("a claim is shown whole, in the names of the API, and says nothing about the patient") {
  running_service running(30);
  const auto all = all_samples(running.database());
  const auto denied = std::ranges::find(all, std::string("denied"), &sample::status);
  REQUIRE(denied != all.end());
  auto client = running.client();
  const auto body = get(client, "/api/v1/claims/" + denied->id).as_object();
  const std::set<std::string> expected = {"id",
                                          "status",
                                          "providerId",
                                          "payerId",
                                          "patientId",
                                          "claimType",
                                          "billedCents",
                                          "allowedCents",
                                          "paidCents",
                                          "patientResponsibilityCents",
                                          "dateOfService",
                                          "statementFrom",
                                          "statementTo",
                                          "denialReason",
                                          "sourceId",
                                          "source",
                                          "createdAt",
                                          "updatedAt",
                                          "version",
                                          "lines"};
  std::set<std::string> names;
  for (const auto& member : body) names.insert(member.key());
  CHECK(names == expected);
  CHECK(text(body, "id") == denied->id);
  CHECK(text(body, "payerId") == denied->payer);
  CHECK(text(body, "dateOfService") == denied->date);
  CHECK(text(body.at("denialReason"), "carc") == "197");
  CHECK(text(body, "createdAt") == "2023-11-14T22:13:20.000Z");
  CHECK(body.at("allowedCents").is_null());
}

TEST_CASE("the second reader of an answer gets it from the cache, and the statistics say so") {
  running_service running(20);
  auto client = running.client();
  const auto stats = [&] {
    return e2e::json::parse(client.Get("/api/v1/admin/cache/stats", e2e::with_token())->body);
  };
  for (const std::string path :
       {"/api/v1/claims?limit=5", "/api/v1/denials/metrics", "/api/v1/payers", "/api/v1/providers"}) {
    const auto before = stats();
    const auto first = client.Get(path);
    const auto second = client.Get(path);
    REQUIRE((first && second));
    INFO(path);
    CHECK(first->get_header_value("Server-Timing").find("cache;desc=miss") != std::string::npos);
    CHECK(first->get_header_value("Server-Timing").find("db;dur=") != std::string::npos);
    CHECK(second->get_header_value("Server-Timing").find("cache;desc=hit") != std::string::npos);
    CHECK(second->get_header_value("Server-Timing").find("db;dur=") == std::string::npos);
    CHECK(first->body == second->body);
    CHECK(first->get_header_value("X-Request-Id") != second->get_header_value("X-Request-Id"));
    const auto after = stats();
    CHECK(after.at("misses").as_int64() - before.at("misses").as_int64() == 1);
    CHECK(after.at("hits").as_int64() - before.at("hits").as_int64() == 1);
  }
}

TEST_CASE("the same filters in another order are the same question") {
  running_service running(20);
  auto client = running.client();
  static_cast<void>(get(client, "/api/v1/claims?status=denied&limit=5"));
  const auto again = client.Get("/api/v1/claims?limit=5&status=den%69ed");
  REQUIRE(again);
  CHECK(again->get_header_value("Server-Timing").find("cache;desc=hit") != std::string::npos);
}

TEST_CASE("the metrics add up to what the database holds") {
  running_service running(200);
  const auto all = all_samples(running.database());
  auto client = running.client();
  const auto body = get(client, "/api/v1/denials/metrics?from=2024-01-12&to=2024-01-20");
  std::map<std::string, std::int64_t> claims, billed, paid, unbilled;
  for (const sample& each : all) {
    if (each.date < "2024-01-12" || each.date > "2024-01-20") continue;
    for (const std::string& key : {each.status, std::string("all")}) {
      ++claims[key];
      billed[key] += each.billed.value_or(0);
      paid[key] += each.paid;
      unbilled[key] += each.billed ? 0 : 1;
    }
  }
  CHECK(body.at("claims").as_int64() == claims["all"]);
  CHECK(body.at("denied").as_int64() == claims["denied"]);
  CHECK(body.at("deniedCents").as_int64() == billed["denied"]);
  CHECK(body.at("withoutBilledAmount").as_int64() == unbilled["all"]);
  CHECK(body.at("denialRate").as_double() ==
        static_cast<double>(claims["denied"]) / static_cast<double>(claims["all"]));
  for (const std::string status : {"pending", "approved", "denied"}) {
    const auto& one = body.at("byStatus").at(status);
    CHECK(one.at("claims").as_int64() == claims[status]);
    CHECK(one.at("billedCents").as_int64() == billed[status]);
    CHECK(one.at("paidCents").as_int64() == paid[status]);
  }
  CHECK(get(client, "/api/v1/denials/metrics?to=1999-01-01").at("denialRate").is_null());
}

TEST_CASE("payers and providers can be paged through") {
  running_service running(1);
  auto client = running.client();
  const auto first = get(client, "/api/v1/providers?limit=3");
  REQUIRE(first.at("data").as_array().size() == 3);
  const auto second = get(client, "/api/v1/providers?limit=3&cursor=" + text(first, "nextCursor"));
  CHECK(second.at("data").as_array().size() == 2);
  CHECK(second.at("nextCursor").is_null());
  CHECK(get(client, "/api/v1/payers").at("data").as_array().size() == 3);
  e2e::check_problem(client.Get("/api/v1/payers?cursor=" + text(first, "nextCursor")), 400);
}
