// SPDX-License-Identifier: BSL-1.0
// A page of a hundred claims, rendered by the app's writer and by Boost.JSON, whose text is the oracle's.
#include "claims/claim.hpp"
#include "support/interleave.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace hasten;

std::vector<claims_app::claim> some_claims() {
  std::vector<claims_app::claim> out(100);
  for (std::size_t at = 0; at < out.size(); ++at) {
    claims_app::claim& each = out[at];
    each.id = "01JD5W3Q8Z7N4K2M6P9R0T" + std::to_string(1000 + at);
    each.status = at % 9 == 0 ? "denied" : "paid";
    each.provider_id = "01JD5W3Q8Z7N4K2M6P9RPROV" + std::to_string(10 + at % 40);
    each.payer_id = "01JD5W3Q8Z7N4K2M6P9RPAYR" + std::to_string(10 + at % 12);
    each.claim_type = "professional";
    each.billed_cents = static_cast<std::int64_t>(12'345 + 97 * at);
    if (at % 9 != 0) each.allowed_cents = static_cast<std::int64_t>(9'876 + 31 * at);
    each.paid_cents = static_cast<std::int64_t>(8'000 + 13 * at);
    each.date_of_service = "2026-03-" + std::to_string(10 + at % 20);
    each.version = static_cast<std::int64_t>(1 + at % 3);
  }
  return out;
}

void write_page(const std::vector<claims_app::claim>& page, std::string& out) {
  out.clear();
  claims_app::json_writer json(out);
  json.begin_object().key("claims").begin_array();
  for (const claims_app::claim& each : page) {
    json.begin_object().member("id", each.id).member("status", each.status);
    json.member("providerId", each.provider_id).member("payerId", each.payer_id);
    json.member("claimType", each.claim_type).member("billedCents", each.billed_cents);
    json.member("allowedCents", each.allowed_cents).member("paidCents", each.paid_cents);
    json.member("dateOfService", each.date_of_service).member("version", each.version).end_object();
  }
  json.end_array().end_object();
}

boost::json::value number(const std::optional<std::int64_t>& perhaps) {
  return perhaps ? boost::json::value(*perhaps) : boost::json::value(nullptr);
}

std::string write_by_boost(const std::vector<claims_app::claim>& page) {
  boost::json::array claims;
  claims.reserve(page.size());
  for (const claims_app::claim& each : page) {
    claims.push_back({{"id", each.id},
                      {"status", each.status},
                      {"providerId", each.provider_id},
                      {"payerId", each.payer_id},
                      {"claimType", each.claim_type},
                      {"billedCents", number(each.billed_cents)},
                      {"allowedCents", number(each.allowed_cents)},
                      {"paidCents", each.paid_cents},
                      {"dateOfService", each.date_of_service},
                      {"version", each.version}});
  }
  return boost::json::serialize(boost::json::object{{"claims", std::move(claims)}});
}

}  // namespace

int main(int count, char** arguments) {
  bench::interleave measured(count, arguments);
  const std::size_t pages = measured.quick() ? 500 : 5'000;
  const auto page = some_claims();
  std::string out;
  write_page(page, out);
  if (boost::json::parse(out) != boost::json::parse(write_by_boost(page))) {
    std::fprintf(stderr, "bench_server: the two pages say different things\n");
    return 1;
  }
  const auto ours = [&] {
    return bench::cpu_nanoseconds_per(pages * 1'000, [&] {
      for (std::size_t at = 0; at < pages; ++at) {
        write_page(page, out);
        bench::keep(out);
      }
    });
  };
  const auto theirs = [&] {
    return bench::cpu_nanoseconds_per(pages * 1'000, [&] {
      for (std::size_t at = 0; at < pages; ++at) bench::keep(write_by_boost(page));
    });
  };
  const auto outcomes = measured.compare("A page of 100 claims of 10 fields, as JSON", "µs",
                                         {{"json_writer", ours}, {"Boost.JSON", theirs}});
  measured.ratio("server.page100.render_us", outcomes[0].median);
  return measured.finish();
}
