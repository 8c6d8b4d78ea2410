// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

/// The columns of Synthea's claims.csv that matter, in another order than Synthea writes them.
inline std::string synthea_claims_header() {
  return "PATIENTID,Id,PROVIDERID,PRIMARYPATIENTINSURANCEID,DIAGNOSIS1,DIAGNOSIS2,DIAGNOSIS3,DIAGNOSIS4,"
         "DIAGNOSIS5,"
         "DIAGNOSIS6,DIAGNOSIS7,DIAGNOSIS8,SERVICEDATE,STATUS1,STATUS2,STATUSP,HEALTHCARECLAIMTYPEID1\n";
}

struct synthea_claim_row {
  std::string id = "claim-1";
  std::string patient = "patient-1";
  std::string provider = "provider-1";
  std::string insurance = "df166300-5a78";
  std::string diagnosis_1 = "195662009";
  std::string diagnosis_2 = "65363002";
  std::string service_date = "2014-05-06T08:34:30Z";
  std::string status_1 = "CLOSED";
  std::string status_2 = "";
  std::string status_patient = "CLOSED";
  std::string type = "1";

  [[nodiscard]] std::string text() const {
    return patient + ',' + id + ',' + provider + ',' + insurance + ',' + diagnosis_1 + ',' + diagnosis_2 +
           ",,,,,,," + service_date + ',' + status_1 + ',' + status_2 + ',' + status_patient + ',' + type +
           '\n';
  }
};

/// The columns of claims_transactions.csv that matter, and one that does not.
inline std::string synthea_transactions_header() {
  return "ID,CLAIMID,CHARGEID,TYPE,AMOUNT,METHOD,TODATE,PLACEOFSERVICE,PROCEDURECODE,DIAGNOSISREF1,"
         "DIAGNOSISREF2,"
         "DIAGNOSISREF3,DIAGNOSISREF4,UNITS,TRANSFERTYPE,PAYMENTS,ADJUSTMENTS\n";
}

struct synthea_transaction_row {
  std::string claim = "claim-1";
  std::string type = "CHARGE";
  std::string amount = "";
  std::string method = "";
  std::string to_date = "2014-05-06T08:49:30Z";
  std::string place = "place-1";
  std::string code = "185345009";
  std::string reference_1 = "1";
  std::string reference_2 = "";
  std::string units = "1";
  std::string transfer_type = "";
  std::string payments = "0.00";
  std::string adjustments = "0.00";

  [[nodiscard]] std::string text() const {
    return "t-1," + claim + ",0," + type + ',' + amount + ',' + method + ',' + to_date + ',' + place + ',' +
           code + ',' + reference_1 + ',' + reference_2 + ",,," + units + ',' + transfer_type + ',' +
           payments + ',' + adjustments + '\n';
  }
};
