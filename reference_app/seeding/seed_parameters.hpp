// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

// What invented claims are drawn from. Each figure says where it comes from:
//   M  measured on CMS DE-SynPUF inpatient claims 2008–2010 (91,496 rows) or on a Synthea run
//   P  published: KFF on marketplace plans 2023, and averages that MGMA and HFMA are quoted with
//   E  an engineering estimate that fits the two
namespace claims_app::seed_parameters {

struct payer_kind {
  std::string_view type;
  double share;           ///< of all claims (E)
  double denial_rate;     ///< mean over the payers of this kind (P for marketplace and overall, else E)
  double days_to_decide;  ///< median from receipt to decision (E)
};
inline constexpr std::array<payer_kind, 8> payer_kinds = {{
    {"commercial", 0.40, 0.105, 18},
    {"medicare", 0.17, 0.08, 15},
    {"medicare_advantage", 0.14, 0.155, 21},
    {"medicaid", 0.17, 0.125, 24},
    {"marketplace", 0.05, 0.19, 20},
    {"tricare", 0.02, 0.09, 22},
    {"workers_comp", 0.01, 0.16, 45},
    {"self_pay", 0.04, 0.0, 30},
}};
inline constexpr double denial_concentration = 40;  // of the Beta that a payer's rate is drawn from (E)
inline constexpr double denial_provider_deviation = 0.35;  // of a provider's rate, in logits (E)
inline constexpr double decide_sigma = 0.45;               // lognormal (E)
inline constexpr double decide_floor_medicare = 14;        // days by law for electronic claims (P)
inline constexpr double submit_days_median = 4;            // from service to receipt (E)
inline constexpr double submit_sigma = 0.8;
inline constexpr double denied_reworked = 0.35;         // P: HFMA, 65 % never are
inline constexpr double overturned_if_reworked = 0.45;  // P: KFF, insurers uphold 56 %

// A carrier's adjustment reason code (CARC) in our own short words, how often a denial carries it (E), and
// whether the group code makes the patient liable.
struct denial_reason {
  std::string_view carc;
  std::string_view label;
  double share;
  bool patient_liable;
};
inline constexpr std::array<denial_reason, 15> denial_reasons = {{
    {"16", "Information missing or wrong", 0.17, false},
    {"197", "Prior authorisation missing", 0.11, false},
    {"18", "Duplicate of another claim", 0.10, false},
    {"96", "Service not covered", 0.10, true},
    {"50", "Not medically necessary by the payer's rules", 0.09, false},
    {"97", "Included in another paid service", 0.08, false},
    {"27", "Coverage had ended", 0.07, true},
    {"22", "Another payer comes first", 0.06, false},
    {"29", "Filed too late", 0.05, false},
    {"11", "Diagnosis does not fit the procedure", 0.05, false},
    {"4", "Modifier missing or wrong", 0.04, false},
    {"109", "Sent to the wrong payer", 0.03, false},
    {"31", "Patient not known to the payer", 0.02, true},
    {"119", "Benefit limit reached", 0.02, true},
    {"151", "More units than the records support", 0.01, false},
}};

struct claim_kind {
  std::string_view claim_type;  ///< as the schema has it
  double share;                 ///< (E)
  double lines_r, lines_p;      ///< lines are 1 + NegBin(r, p) (E; Synthea M: mean 2.8, p95 9)
  std::size_t lines_max;
  bool is_stay;                ///< the amount is drawn for the claim, under a DRG; else for each line
  double mu, sigma, min, max;  ///< allowed dollars, lognormal, clamped
};
inline constexpr std::array<claim_kind, 3> claim_kinds = {{
    {"professional", 0.82, 0.9, 0.36, 50, false, 4.45, 0.95, 5, 20'000},     // E
    {"institutional", 0.14, 1.2, 0.2, 99, false, 5.3, 1.25, 10, 150'000},    // E
    {"institutional", 0.04, 3, 0.2, 450, true, 8.892, 0.773, 500, 400'000},  // M: DE-SynPUF payments
}};

// Billed over allowed: 1.05 + lognormal, times a factor of the provider (E).
inline constexpr double markup_floor = 1.05;
inline constexpr double markup_mu = 0.35;
inline constexpr double markup_sigma = 0.55;
inline constexpr double markup_provider_sigma = 0.25;

// What a paid claim leaves with the patient: 21 % on average (M: DE-SynPUF carrier claims 22.1 %).
inline constexpr double contractual_probability = 0.88;  // a paid claim is billed above what is allowed (E)
inline constexpr double deductible_probability = 0.12;   // (E)
inline constexpr double coinsurance_probability = 0.30;  // (E)
inline constexpr double copay_probability = 0.25;        // (E)

inline constexpr int window_days = 1095;
inline constexpr double annual_growth = 0.03;  // (E)
inline constexpr std::array<double, 12> month_weights = {0.0738, 0.0747, 0.0871, 0.0872, 0.0890, 0.0867,  // M
                                                         0.0890, 0.0877, 0.0823, 0.0827, 0.0788, 0.0809};
// Monday first (E: the data given spreads weekdays evenly, which real ones do not).
inline constexpr std::array<double, 7> weekday_weights_professional = {0.205, 0.205, 0.20, 0.195,
                                                                       0.165, 0.02,  0.01};
inline constexpr std::array<double, 7> weekday_weights_institutional = {0.15, 0.15,  0.15, 0.15,
                                                                        0.15, 0.125, 0.125};

inline constexpr double provider_exponent = 0.9;  // Zipf-Mandelbrot (M: 2,749 hospitals)
inline constexpr double provider_offset = 10;
inline constexpr double patient_shape = 0.7;        // gamma weights (E; M: 60 % have one claim)
inline constexpr double diagnosis_exponent = 1.05;  // Zipf (M: slopes 0.84 and 1.18)

/// How many of each a number of claims comes with; between two, by powers.
struct scale {
  double claims, practices, providers, patients, payers;
};
inline constexpr std::array<scale, 3> scales = {{
    {10'000, 4, 60, 3'000, 20},
    {1'000'000, 60, 1'500, 220'000, 120},
    {10'000'000, 400, 12'000, 2'000'000, 300},
}};

// Codes that are free to use: ICD-10-CM (CDC), MS-DRG and HCPCS level II (CMS). CPT codes are not.
inline constexpr std::array<std::string_view, 48> diagnoses = {
    "I10",     "E11.9",  "E78.5",    "Z00.00", "M54.50", "J06.9",    "F41.1", "E03.9", "K21.9",  "N39.0",
    "J45.909", "F32.A",  "M25.561",  "I25.10", "E66.9",  "G47.33",   "R07.9", "J44.9", "M17.11", "I48.91",
    "R10.9",   "N18.30", "L03.90",   "D64.9",  "H25.13", "E55.9",    "R51.9", "M79.7", "B34.9",  "J18.9",
    "I50.9",   "K57.30", "S93.401A", "Z23",    "N40.0",  "R05.9",    "L70.0", "H52.4", "K59.00", "E87.6",
    "G43.909", "Z12.31", "C50.911",  "A41.9",  "O80",    "S72.001A", "I63.9", "K80.20"};
inline constexpr std::array<std::string_view, 32> professional_codes = {
    "G0463", "G0438", "G0439", "G0008", "G0009", "G2211", "G0444", "G0442", "G0447", "G0101", "Q0091",
    "G0402", "G0403", "G0270", "J1100", "J1885", "J3420", "J0696", "J1030", "J2405", "G0180", "G0179",
    "G0506", "G2012", "G2010", "G0513", "G0108", "G0109", "G0277", "A4550", "A6402", "J7613"};
inline constexpr std::array<std::string_view, 24> facility_codes = {
    "G0378", "G0379", "G0380", "G0381", "G0382", "G0383", "G0384", "C9113",
    "J1644", "J2704", "J3010", "J2250", "J7030", "J7120", "J0690", "J1170",
    "C1713", "C1769", "C1776", "Q9967", "A9552", "J2270", "J0131", "P9016"};
inline constexpr std::array<std::string_view, 20> stay_codes = {
    "871", "470", "291", "807", "392", "189", "193", "690", "683", "065",
    "247", "603", "194", "872", "309", "312", "481", "743", "785", "949"};

}  // namespace claims_app::seed_parameters
