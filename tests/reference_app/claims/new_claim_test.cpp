// SPDX-License-Identifier: BSL-1.0
#include "claims/new_claim.hpp"

#include "claims/claim_change.hpp"

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <string>

using claims_app::problem_error;
using claims_app::read_new_claim;

namespace {

using namespace std::chrono_literals;
constexpr std::chrono::year_month_day today = 2024y / 6 / 15;

const std::string ids = R"("providerId":"01HF7YAT31JZ5E7N0Q4M2W8X9K","payerId":"01HF7YAT31JZ5E7N0Q4M2W8X9M",)"
                        R"("patientId":"01HF7YAT31JZ5E7N0Q4M2W8X9N")";
const std::string good = "{" + ids + R"(,"claimType":"professional","dateOfService":"2024-06-15"})";

// A good claim with one member more, or with one replaced by another value of the same name later in the text.
std::string with(const std::string& members) {
  return "{" + ids + R"(,"claimType":"professional","dateOfService":"2024-06-15",)" + members + "}";
}

struct refusal {
  int status = 0;
  std::string pointers;
};

refusal refusal_of(const std::string& body) {
  try {
    static_cast<void>(read_new_claim(body, today));
  } catch (const problem_error& refused) {
    refusal out{.status = refused.info().status, .pointers = {}};
    for (const auto& item : refused.info().items) {
      CHECK(item.reason.find("canary") == std::string::npos);
      CHECK(item.where.find("canary") == std::string::npos);
      out.pointers += item.where + ";";
    }
    CHECK(refused.info().detail.find("canary") == std::string::npos);
    return out;
  }
  return {};
}

}  // namespace

TEST_CASE("a claim needs its parties, its type and its day, and no more") {
  const auto claim = read_new_claim(good, today);
  CHECK(claim.provider_id == "01HF7YAT31JZ5E7N0Q4M2W8X9K");
  CHECK(claim.date_of_service == "2024-06-15");
  CHECK_FALSE(claim.billed_cents);
  CHECK(claim.lines.empty());
  CHECK(refusal_of("{}").pointers == "/providerId;/payerId;/patientId;/claimType;/dateOfService;");
}

TEST_CASE("lines are numbered and their words kept") {
  const auto claim = read_new_claim(
      with(
          R"("billedCents":300,"lines":[{"code":"99213","codeSystem":"hcpcs","billedCents":100,"units":1.5,)"
          R"("diagnosisCodes":["E11.9","I10"],"modifiers":["25"]},{"code":"80053","codeSystem":"hcpcs","billedCents":200}])"),
      today);
  REQUIRE(claim.lines.size() == 2);
  CHECK(claim.lines[0].number == 1);
  CHECK(claim.lines[0].dx_codes == "E11.9 I10");
  CHECK(claim.lines[0].modifiers == "25");
  CHECK(claim.lines[0].units == 1.5);
  CHECK(claim.lines[1].units == 1);
  CHECK_FALSE(claim.lines[1].dx_codes);
}

TEST_CASE("the sum of the lines is the claim's amount, given or not") {
  const std::string lines = R"("lines":[{"code":"1","codeSystem":"drg","billedCents":100},)"
                            R"({"code":"2","codeSystem":"drg","billedCents":23}])";
  CHECK(read_new_claim(with(lines), today).billed_cents == 123);
  CHECK(read_new_claim(with(R"("billedCents":123,)" + lines), today).billed_cents == 123);
  CHECK(refusal_of(with(R"("billedCents":124,)" + lines)).pointers == "/billedCents;");
  const std::string open = R"("lines":[{"code":"1","codeSystem":"drg"}])";
  CHECK_FALSE(read_new_claim(with(open), today).billed_cents);
  CHECK(read_new_claim(with(R"("billedCents":5,)" + open), today).billed_cents == 5);
}

TEST_CASE("a day must be in the calendar and not in the future") {
  const auto on = [](const std::string& day) {
    return refusal_of("{" + ids + R"(,"claimType":"professional","dateOfService":")" + day + "\"}").pointers;
  };
  CHECK(on("2024-02-29").empty());
  for (const char* bad :
       {"2023-02-29", "2024-13-01", "2024-6-1", "20240601", "1899-12-31", "2024-06-16", "canary", ""})
    CHECK(on(bad) == "/dateOfService;");
}

TEST_CASE("everything wrong is told at once, each with its place") {
  const auto refused = refusal_of(
      R"({"providerId":"canary","payerId":5,"claimType":"canary","billedCents":-1,"dateOfService":"canary","canary":1,)"
      R"("sourceId":"a b","lines":[{"code":"","codeSystem":"x","units":0,"billedCents":1.5,"diagnosisCodes":["ok1","canary canary"]},7]})");
  CHECK(refused.status == 422);
  CHECK(refused.pointers ==
        ";/providerId;/payerId;/patientId;/claimType;/billedCents;/dateOfService;/sourceId;/lines/0/code;"
        "/lines/0/codeSystem;/lines/0/units;/lines/0/billedCents;/lines/0/diagnosisCodes/1;/lines/1;");
}

TEST_CASE("amounts, counts and shapes have bounds") {
  CHECK(refusal_of(with(R"("billedCents":99999999999)")).status == 0);
  for (const char* bad : {"100000000000", "-1", "1.0", "\"1\"", "18446744073709551615", "true", "[]", "{}"})
    CHECK(refusal_of(with("\"billedCents\":" + std::string(bad))).pointers == "/billedCents;");
  std::string lines;
  for (int count = 0; count < 101; ++count)
    lines += (count == 0 ? "" : ",") + std::string(R"({"code":"1","codeSystem":"drg"})");
  CHECK(refusal_of(with("\"lines\":[" + lines + "]")).pointers == "/lines;");
  CHECK(refusal_of(with("\"lines\":{}")).pointers == "/lines;");
  for (const char* bad : {"[]", "1", "\"canary\"", "null"}) CHECK(refusal_of(bad).status == 422);
}

TEST_CASE("what is no JSON is refused with the place where it ends to be") {
  for (const char* bad :
       {"", "{", "{canary", "{}x", "{\"a\":canary}", "{\"a\":\"\xff\"}", "[1,]", "{\"a\":01}", "nul"}) {
    const auto refused = refusal_of(bad);
    INFO(bad);
    CHECK(refused.status == 400);
    CHECK(refused.pointers.empty());
  }
  CHECK(refusal_of(std::string(100'000, '[')).status == 400);
}

namespace {

claims_app::claim decided(const char* status) {
  claims_app::claim out;
  out.status = status;
  out.allowed_cents = 900;
  out.paid_cents = 700;
  if (out.status == "denied") {
    out.denial_carc = "197";
    out.denial_reason = "no authorisation";
  }
  return out;
}

// The status of the refusal and its pointers, or "" if the claim can be changed so.
std::string refusal_of_change(const char* status, const std::string& body) {
  try {
    static_cast<void>(changed(decided(status), claims_app::read_claim_change(body)));
  } catch (const problem_error& refused) {
    std::string out = std::to_string(refused.info().status);
    for (const auto& item : refused.info().items) {
      CHECK(item.reason.find("canary") == std::string::npos);
      CHECK(item.where.find("canary") == std::string::npos);
      out += " " + item.where;
    }
    return out;
  }
  return "";
}

}  // namespace

TEST_CASE("a change sets what it names and leaves the rest") {
  using claims_app::read_claim_change;
  const auto denied =
      changed(decided("pending"), read_claim_change(R"({"status":"denied","denialReason":{"carc":"B7"}})"));
  CHECK(denied.status == "denied");
  CHECK(denied.denial_carc == "B7");
  CHECK_FALSE(denied.denial_reason);
  CHECK(denied.paid_cents == 700);
  const auto paid = changed(decided("denied"), read_claim_change(R"({"status":"approved","paidCents":-5})"));
  CHECK(paid.paid_cents == -5);
  CHECK(paid.allowed_cents == 900);
  CHECK_FALSE(paid.denial_carc);
  CHECK_FALSE(paid.denial_reason);
  CHECK_FALSE(changed(decided("approved"), read_claim_change(R"({"allowedCents":null})")).allowed_cents);
  CHECK(read_claim_change("{}").is_empty());
  CHECK_FALSE(read_claim_change(R"({"denialReason":null})").is_empty());
}

TEST_CASE("a change that leaves a claim at odds with itself is refused") {
  CHECK(refusal_of_change("pending", R"({"status":"denied"})") == "422 /denialReason");
  CHECK(refusal_of_change("denied", R"({"denialReason":null})") == "422 /denialReason");
  CHECK(refusal_of_change("approved", R"({"denialReason":{"carc":"16"}})") == "422 /denialReason");
  CHECK(refusal_of_change("denied", R"({"status":"approved","denialReason":{"carc":"16"}})") ==
        "422 /denialReason");
  CHECK(refusal_of_change("approved", R"({"status":"pending"})") == "409 /status");
  CHECK(refusal_of_change("denied", R"({"denialReason":{"carc":"16","text":"missing record"}})").empty());
  CHECK(refusal_of_change("denied", R"({"status":"approved","denialReason":null})").empty());
  CHECK(refusal_of_change("pending", R"({"status":"pending"})").empty());
}

TEST_CASE("what is no change is refused, member by member") {
  CHECK(refusal_of_change("pending", R"({"canary":1})") == "422 ");
  CHECK(refusal_of_change("pending", R"([])") == "422 ");
  CHECK(
      refusal_of_change("pending", R"({"status":null,"paidCents":null,"patientResponsibilityCents":null})") ==
      "422 /status /paidCents /patientResponsibilityCents");
  CHECK(refusal_of_change("pending", R"({"status":"canary"})") == "422 /status");
  CHECK(refusal_of_change("pending", R"({"allowedCents":-1,"paidCents":1.5})") ==
        "422 /allowedCents /paidCents");
  CHECK(refusal_of_change("pending", R"({"denialReason":{}})") == "422 /denialReason/carc");
  CHECK(refusal_of_change("pending", R"({"denialReason":{"carc":"canary","text":"<b>","canary":1}})") ==
        "422 /denialReason /denialReason/carc /denialReason/text");
  CHECK(refusal_of_change("pending", R"({"denialReason":"canary"})") == "422 /denialReason");
  CHECK(refusal_of_change("pending", "{") == "400");
}
