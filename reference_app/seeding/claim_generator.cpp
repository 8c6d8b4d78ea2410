// SPDX-License-Identifier: BSL-1.0
#include "seeding/claim_generator.hpp"

#include "seeding/seed_parameters.hpp"
#include "shared/iso_date.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace claims_app {
namespace {

namespace p = seed_parameters;
using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 24> places = {
    "Alder",  "Birch",    "Cedar",   "Dunmore",  "Elmhurst", "Fairview",  "Glenside",  "Harbour",
    "Inwood", "Juniper",  "Kestrel", "Lakeside", "Maple",    "Northgate", "Oakfield",  "Pinecrest",
    "Quarry", "Ridgeway", "Summit",  "Thornton", "Upland",   "Valley",    "Westbrook", "Yarrow"};
constexpr std::array<std::string_view, 6> practice_forms = {
    "Medical Group", "Family Practice", "Health Partners", "Clinic", "Care Associates", "Physicians"};
constexpr std::array<std::string_view, 20> surnames = {
    "Abara",  "Bellweather", "Castellan",    "Draycott", "Ekholm",    "Farrow",    "Grantley",
    "Hallam", "Ibarra",      "Jessop",       "Kimura",   "Lindqvist", "Marchetti", "Novak",
    "Okonjo", "Prasad",      "Quillfeather", "Rosewall", "Sandoval",  "Tamsin"};
constexpr std::array<std::string_view, 8> payer_forms = {"Mutual Health",     "Medicare",    "Advantage Plan",
                                                         "State Medicaid",    "Marketplace", "Tricare Region",
                                                         "Compensation Fund", "Self-pay"};

std::vector<double> shares_of(const auto& entries) {
  std::vector<double> shares;
  shares.reserve(entries.size());
  for (const auto& entry : entries) shares.push_back(entry.share);
  return shares;
}

std::vector<double> power_law(std::size_t count, double exponent, double offset) {
  std::vector<double> weights;
  for (std::size_t rank = 1; rank <= count; ++rank)
    weights.push_back(std::pow(static_cast<double>(rank) + offset, -exponent));
  return weights;
}

// Between two scales by powers, below the first in proportion.
std::size_t scaled(std::size_t claims, double p::scale::* member, std::size_t least) {
  const auto n = static_cast<double>(claims);
  double value = p::scales.front().*member * n / p::scales.front().claims;
  for (std::size_t i = 1; i < p::scales.size() && n > p::scales[i - 1].claims; ++i) {
    const auto& low = p::scales[i - 1];
    const auto& high = p::scales[i];
    const double exponent = std::log(high.*member / low.*member) / std::log(high.claims / low.claims);
    value = low.*member * std::pow(n / low.claims, exponent);
  }
  return std::max(least, static_cast<std::size_t>(std::llround(value)));
}

claim_generator::options validated(claim_generator::options opts) {
  if (opts.claims < 1 || opts.claims > 100'000'000)
    throw std::invalid_argument(
        fmt::format("claim_generator: claims must be 1..100000000, got {}", opts.claims));
  const std::chrono::year year = std::chrono::year_month_day(opts.anchor).year();
  if (year < std::chrono::year(1980) || year > std::chrono::year(2200))
    throw std::invalid_argument(
        fmt::format("claim_generator: anchor must lie in 1980..2200, got {}", static_cast<int>(year)));
  return opts;
}

std::int64_t cents(double dollars) { return std::llround(dollars * 100); }

std::int64_t part_of(std::int64_t amount, double part) {
  return std::llround(static_cast<double>(amount) * part);
}

std::int64_t unix_ms(sys_days day) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(day.time_since_epoch()).count();
}

template <class Entries>
std::string_view any_of(random_source& random, const Entries& entries) {
  return entries[random.below(entries.size())];
}

}  // namespace

claim_generator::claim_generator(options opts)
    : opts_(validated(opts)),
      random_(opts_.seed),
      choose_kind_(shares_of(p::claim_kinds)),
      choose_diagnosis_(power_law(p::diagnoses.size(), p::diagnosis_exponent, 0)),
      choose_denial_(shares_of(p::denial_reasons)) {
  make_payers(scaled(opts_.claims, &p::scale::payers, p::payer_kinds.size()));
  make_practices_and_providers(scaled(opts_.claims, &p::scale::practices, 1),
                               scaled(opts_.claims, &p::scale::providers, 2));
  make_patients(scaled(opts_.claims, &p::scale::patients, practices()));
  make_calendar();
}

std::optional<claim_generator::claim> claim_generator::next() {
  if (made_ == opts_.claims) return std::nullopt;
  ++made_;
  claim result;
  claim_record& record = result.record;
  const provider& from = providers_[(*choose_provider_)(random_)];
  const practice_patients& patients = patients_[from.practice];
  const patient& whom = patients.members[choose_patient_[from.practice](random_)];
  const payer& by = payers_[whom.payer];
  const std::size_t kind = choose_kind_(random_);

  result.practice = from.practice;
  record.source_ref = fmt::format("seed-{}-{:08}", opts_.seed, made_);
  record.member_number = whom.member_number;
  record.provider = from.record;
  record.payer = by.record;
  record.claim_type = p::claim_kinds[kind].claim_type;
  draw_lines(record, kind, from);

  schedule when = draw_schedule(kind, by);
  decide(record, by, from, when);
  record.date_of_service = record.statement_from = to_iso_date(when.service);
  // A stay lasts about a day for every two thousand dollars it costs; everything else is over the same day.
  const auto nights = p::claim_kinds[kind].is_stay
                          ? days(std::min<std::int64_t>(record.billed_cents.value_or(0) / 500'000 + 1, 30))
                          : days(0);
  record.statement_to = to_iso_date(std::min(when.service + nights, opts_.anchor));
  record.created_at_ms = unix_ms(when.received);
  record.updated_at_ms = unix_ms(record.status == "pending" ? when.received : when.decided);
  return result;
}

void claim_generator::make_payers(std::size_t count) {
  // One of every kind first, so that no kind is missing; then as claims are shared.
  const weighted_choice choose(shares_of(p::payer_kinds));
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t kind = i < p::payer_kinds.size() ? i : choose(random_);
    // There is one Medicare, and nobody insures those who pay themselves.
    const bool is_single = p::payer_kinds[kind].type == "medicare" || p::payer_kinds[kind].type == "self_pay";
    if (i >= p::payer_kinds.size() && is_single) kind = 0;
    const auto& of = p::payer_kinds[kind];
    const double rate = of.denial_rate == 0 ? 0
                                            : random_.beta(of.denial_rate * p::denial_concentration,
                                                           (1 - of.denial_rate) * p::denial_concentration);
    payer made{.record = {}, .kind = kind, .denial_rate = rate};
    made.record.payer_type = of.type;
    const bool keeps_name = is_single && i < p::payer_kinds.size();
    made.record.source_identifier =
        keeps_name ? std::string(of.type) : fmt::format("seed-payer-{:03}", i + 1);
    made.record.name = keeps_name ? std::string(payer_forms[kind])
                                  : fmt::format("{} {}", places[i % places.size()], payer_forms[kind]);
    if (i >= places.size()) made.record.name += fmt::format(" {}", i / places.size() + 1);
    payers_.push_back(std::move(made));
  }
}

void claim_generator::make_practices_and_providers(std::size_t practice_count, std::size_t provider_count) {
  for (std::size_t i = 0; i < practice_count; ++i) {
    std::string name =
        fmt::format("{} {}", places[i % places.size()], practice_forms[i % practice_forms.size()]);
    if (i >= places.size()) name += fmt::format(" {}", i / places.size() + 1);
    practice_names_.push_back(std::move(name));
  }
  for (std::size_t i = 0; i < provider_count; ++i) {
    provider made;
    made.practice = i < practice_count ? i : random_.below(practice_count);
    made.record = {.identifier_system = "source",
                   .identifier = fmt::format("seed-provider-{:05}", i + 1),
                   .name = fmt::format("Dr {}. {}", static_cast<char>('A' + random_.below(26)),
                                       any_of(random_, surnames))};
    made.markup = random_.lognormal(0, p::markup_provider_sigma);
    made.denial_logit = random_.normal(0, p::denial_provider_deviation);
    providers_.push_back(std::move(made));
  }
  choose_provider_.emplace(power_law(provider_count, p::provider_exponent, p::provider_offset));
}

void claim_generator::make_patients(std::size_t count) {
  // A kind's share of the claims is shared evenly among its payers.
  std::array<double, p::payer_kinds.size()> of_kind{};
  for (const payer& each : payers_) ++of_kind[each.kind];
  std::vector<double> weights;
  weights.reserve(payers_.size());
  for (const payer& each : payers_) weights.push_back(p::payer_kinds[each.kind].share / of_kind[each.kind]);
  const weighted_choice choose_payer(weights);

  patients_.resize(practices());
  for (std::size_t i = 0; i < count; ++i) {
    practice_patients& of = patients_[i < practices() ? i : random_.below(practices())];
    of.members.push_back({fmt::format("seed-{}-member-{:07}", opts_.seed, i + 1), choose_payer(random_)});
    of.weights.push_back(random_.gamma(p::patient_shape, 1) + 1e-9);
  }
  for (practice_patients& of : patients_) choose_patient_.emplace_back(std::exchange(of.weights, {}));
}

void claim_generator::make_calendar() {
  for (const auto& weekdays : {p::weekday_weights_professional, p::weekday_weights_institutional}) {
    std::vector<double> weights;
    for (int back = p::window_days; back > 0; --back) {
      const sys_days day = opts_.anchor - days(back);
      const auto month = static_cast<unsigned>(std::chrono::year_month_day(day).month());
      const auto weekday = std::chrono::weekday(day).iso_encoding();
      weights.push_back(p::month_weights[month - 1] * weekdays[weekday - 1] *
                        std::pow(1 + p::annual_growth, -back / 365.25));
    }
    choose_day_.emplace_back(weights);
  }
}

claim_generator::schedule claim_generator::draw_schedule(std::size_t kind, const payer& by) {
  const bool professional = p::claim_kinds[kind].claim_type == "professional";
  const auto& of = p::payer_kinds[by.kind];
  const auto rounded = [](double count) { return days(std::llround(std::min(count, 3650.0))); };
  schedule when;
  when.service = opts_.anchor - days(p::window_days) + days(choose_day_[professional ? 0 : 1](random_));
  when.received = when.service + rounded(random_.lognormal(std::log(p::submit_days_median), p::submit_sigma));
  when.received = std::min(when.received, opts_.anchor);
  double to_decide = random_.lognormal(std::log(of.days_to_decide), p::decide_sigma);
  if (of.type == "medicare") to_decide = std::max(to_decide, p::decide_floor_medicare);
  when.decided = when.received + rounded(to_decide);
  return when;
}

void claim_generator::draw_lines(claim_record& record, std::size_t kind, const provider& from) {
  const auto& of = p::claim_kinds[kind];
  const auto count = static_cast<std::size_t>(
      std::min<std::uint64_t>(1 + random_.negative_binomial(of.lines_r, of.lines_p), of.lines_max));
  const double markup = from.markup * (p::markup_floor + random_.lognormal(p::markup_mu, p::markup_sigma));
  const bool contracted = random_.chance(p::contractual_probability);
  const std::string diagnoses = draw_diagnoses();
  std::int64_t allowed = 0;
  std::int64_t billed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    claim_line_record line;
    const bool carries_amount = !of.is_stay || i == 0;
    const double dollars =
        carries_amount ? std::clamp(random_.lognormal(of.mu, of.sigma), of.min, of.max) : 0;
    line.code_system = of.is_stay && i == 0 ? "drg" : "hcpcs";
    line.code = line.code_system == "drg"         ? any_of(random_, p::stay_codes)
                : of.claim_type == "professional" ? any_of(random_, p::professional_codes)
                                                  : any_of(random_, p::facility_codes);
    line.dx_codes = diagnoses;
    line.place_of_service = of.is_stay ? "21" : of.claim_type == "professional" ? "11" : "22";
    const std::int64_t line_allowed = cents(dollars);
    // What is not contracted is allowed as billed; a provider never bills less than that.
    line.billed_cents = contracted ? std::max(line_allowed, cents(dollars * markup)) : line_allowed;
    line.paid_cents = line_allowed;  // decide() takes off what the payer does not pay
    allowed += line_allowed;
    billed += *line.billed_cents;
    record.lines.push_back(std::move(line));
  }
  record.allowed_cents = allowed;
  record.billed_cents = billed;
}

void claim_generator::decide(claim_record& record, const payer& by, const provider& from, schedule& when) {
  const double rate = by.denial_rate;
  const double odds = rate / (1 - rate) * std::exp(from.denial_logit);
  const bool denied_first = rate > 0 && random_.chance(odds / (1 + odds));
  bool denied = denied_first;
  if (denied_first && random_.chance(p::denied_reworked)) {
    // An appeal takes about as long again, twice: to be written and to be decided.
    const auto appealed = when.decided + 2 * (when.decided - when.received);
    if (appealed <= opts_.anchor) {
      when.decided = appealed;
      denied = !random_.chance(p::overturned_if_reworked);
    }
  }
  if (when.decided > opts_.anchor) {
    record.status = "pending";
    record.allowed_cents.reset();
    for (auto& line : record.lines) line.paid_cents = 0;
  } else if (denied) {
    deny(record);
  } else {
    pay(record, by);
  }
}

void claim_generator::pay(claim_record& record, const payer& by) {
  record.status = "approved";
  const std::int64_t allowed = record.allowed_cents.value_or(0);
  std::int64_t share = 0;
  if (p::payer_kinds[by.kind].type == "self_pay") {
    share = allowed;
  } else {
    if (random_.chance(p::deductible_probability)) share = part_of(allowed, 0.5 + random_.uniform() / 2);
    if (random_.chance(p::coinsurance_probability)) share += part_of(allowed - share, 0.2);
    if (random_.chance(p::copay_probability))
      share +=
          std::min<std::int64_t>(allowed - share, 1'500 + 500 * static_cast<std::int64_t>(random_.below(8)));
  }
  record.patient_resp_cents = share;
  record.paid_cents = allowed - share;
  // The patient's share comes off the lines in order, so that the lines add up to the claim.
  for (auto& line : record.lines) {
    const std::int64_t taken = std::min(line.paid_cents, share);
    line.paid_cents -= taken;
    share -= taken;
  }
}

void claim_generator::deny(claim_record& record) {
  const auto& reason = p::denial_reasons[choose_denial_(random_)];
  record.status = "denied";
  record.denial_carc = reason.carc;
  record.denial_reason = reason.label;
  record.patient_resp_cents = reason.patient_liable ? record.billed_cents.value_or(0) : 0;
  record.allowed_cents = 0;
  record.paid_cents = 0;
  for (auto& line : record.lines) line.paid_cents = 0;
}

std::string claim_generator::draw_diagnoses() {
  std::string text;
  const std::size_t count = 1 + random_.below(4);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string_view code = p::diagnoses[choose_diagnosis_(random_)];
    if (text.find(code) != text.npos) continue;
    if (!text.empty()) text += ' ';
    text += code;
  }
  return text;
}

}  // namespace claims_app
