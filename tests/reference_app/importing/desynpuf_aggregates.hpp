// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/soci/monitored_session.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

struct desynpuf_totals {
  std::int64_t rows = 0;
  std::int64_t distinct_clm_id = 0;
  std::int64_t sum_clm_pmt_cents = 0;
  std::int64_t zero_paid = 0;
  std::int64_t negative_paid = 0;
  std::int64_t null_from_dt = 0;
  std::int64_t providers = 0;
  std::int64_t beneficiaries = 0;
  static constexpr auto fields = hasten::field_list(
      &desynpuf_totals::rows, &desynpuf_totals::distinct_clm_id, &desynpuf_totals::sum_clm_pmt_cents,
      &desynpuf_totals::zero_paid, &desynpuf_totals::negative_paid, &desynpuf_totals::null_from_dt,
      &desynpuf_totals::providers, &desynpuf_totals::beneficiaries);
};

struct name_and_count {
  std::string name = {};
  std::int64_t count = 0;
  static constexpr auto fields = hasten::field_list(&name_and_count::name, &name_and_count::count);
};

/// Computes by SQL over one imported file what expected_aggregates.json says of it, in the same shape.
inline boost::json::object desynpuf_aggregates(hasten::monitored_session& session, std::string_view source) {
  static constexpr hasten::statement totals{
      "test.totals",
      "SELECT count(*), count(DISTINCT substr(c.source_ref, 1, instr(c.source_ref, ':') - 1)), "
      "sum(c.paid_cents),"
      " sum(c.paid_cents = 0), sum(c.paid_cents < 0), sum(c.statement_from IS NULL),"
      " count(DISTINCT c.provider_id), count(DISTINCT c.patient_id)"
      " FROM claims c JOIN data_sources s ON s.id = c.data_source_id WHERE s.name = ?1"};
  static constexpr hasten::statement years{"test.years",
                                           "SELECT coalesce(substr(c.statement_from, 1, 4), ''), count(*)"
                                           " FROM claims c JOIN data_sources s ON s.id = c.data_source_id "
                                           "WHERE s.name = ?1 GROUP BY 1 ORDER BY 1"};
  static constexpr hasten::statement top_providers{
      "test.top_providers",
      "SELECT p.identifier, count(*) FROM claims c JOIN data_sources s ON s.id = c.data_source_id"
      " JOIN providers p ON p.id = c.provider_id WHERE s.name = ?1 AND p.identifier_system = 'ccn'"
      " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5"};

  const auto total = session.one<desynpuf_totals>(totals, source);
  boost::json::object by_year;
  for (const auto& year : session.all<name_and_count>(years, source)) by_year[year.name] = year.count;
  boost::json::array top5;
  for (const auto& provider : session.all<name_and_count>(top_providers, source))
    top5.push_back(boost::json::array{boost::json::string(provider.name), provider.count});
  return {{"rows", total.rows},
          {"distinct_clm_id", total.distinct_clm_id},
          {"sum_clm_pmt_cents", total.sum_clm_pmt_cents},
          {"zero_paid", total.zero_paid},
          {"negative_paid", total.negative_paid},
          {"null_from_dt", total.null_from_dt},
          {"providers", total.providers},
          {"beneficiaries", total.beneficiaries},
          {"by_year", std::move(by_year)},
          {"top5_providers", std::move(top5)}};
}
