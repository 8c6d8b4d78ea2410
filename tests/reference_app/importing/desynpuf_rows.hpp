// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "importing/csv_reader.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

/// A reader over a text in memory.
struct csv_reader_of {
  explicit csv_reader_of(std::string text)
      : value([text = std::move(text), at = std::make_shared<std::size_t>(0)](std::span<char> to) {
          const std::size_t count = std::min(to.size(), text.size() - *at);
          std::memcpy(to.data(), text.data() + *at, count);
          *at += count;
          return count;
        }) {}
  claims_app::csv_reader value;
};

/// The header of a DE-SynPUF inpatient file, its columns in another order than CMS writes them.
inline std::string desynpuf_header() {
  std::string text =
      "CLM_ID,DESYNPUF_ID,SEGMENT,CLM_FROM_DT,CLM_THRU_DT,PRVDR_NUM,CLM_PMT_AMT,NCH_PRMRY_PYR_CLM_PD_AMT,"
      "CLM_ADMSN_DT,NCH_BENE_IP_DDCTBL_AMT,NCH_BENE_PTA_COINSRNC_LBLTY_AM,NCH_BENE_BLOOD_DDCTBL_LBLTY_AM,"
      "CLM_DRG_CD";
  for (int i = 1; i <= 10; ++i) text += ",ICD9_DGNS_CD_" + std::to_string(i);
  for (int i = 1; i <= 45; ++i) text += ",HCPCS_CD_" + std::to_string(i);
  return text + "\n";
}

/// One row below desynpuf_header(), of an invented person.
struct desynpuf_row {
  std::string claim_id = "196201177000368";
  std::string beneficiary = "00016F745862898F";
  std::string segment = "1";
  std::string from = "20090412";
  std::string thru = "20090418";
  std::string provider = "3900MB";
  std::string payment = "26000.00";
  std::string primary_payer = "0.00";
  std::string admission = "20090412";
  std::string deductible = "1068.00";
  std::string coinsurance = "0.00";
  std::string blood_deductible = "0.00";
  std::string drg = "201";
  std::vector<std::string> diagnoses = {};
  std::vector<std::string> hcpcs = {};

  [[nodiscard]] std::string text() const {
    std::string row;
    for (const auto& field : {claim_id, beneficiary, segment, from, thru, provider, payment, primary_payer,
                              admission, deductible, coinsurance, blood_deductible, drg})
      row += (field.find(',') == field.npos ? field : '"' + field + '"') + ',';
    for (std::size_t i = 0; i < 10; ++i) row += (i < diagnoses.size() ? diagnoses[i] : "") + ',';
    for (std::size_t i = 0; i < 45; ++i)
      row += (i < hcpcs.size() ? hcpcs[i] : std::string()) + (i == 44 ? '\n' : ',');
    return row;
  }
};
