// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/label_set.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <stdexcept>
#include <string>

TEST_CASE("labels are written as both text formats want them") {
  CHECK(hasten::label_set().text().empty());
  const hasten::label_set labels{{"method", "GET"}, {"route", "/claims/{id}"}};
  CHECK(labels.text() == R"(method="GET",route="/claims/{id}")");
  CHECK(labels.labels().size() == 2);
}

TEST_CASE("what is no UTF-8 in a value is replaced byte by byte, what is stays") {
  const auto value = [](const std::string& given) {
    return hasten::label_set{{"a", given}}.labels().at(0).second;
  };
  const std::string bad = "\xEF\xBF\xBD";
  for (const char* good : {"", "plain", "\u00e9\u20ac\U0001F600", "\x7f", "\U0010FFFF"})
    CHECK(value(good) == good);
  CHECK(value("a\xff"
              "b") == "a" + bad + "b");
  CHECK(value("\xc3") == bad);
  CHECK(value("\xe2\x82") == bad + bad);
  CHECK(value("\xc0\xaf") == bad + bad);                      // too long for what it says
  CHECK(value("\xed\xa0\x80") == bad + bad + bad);            // half of a pair
  CHECK(value("\xf4\x90\x80\x80") == bad + bad + bad + bad);  // beyond the last character
  CHECK(value("\xe2\x82x\u20ac") == bad + bad + "x\u20ac");
  CHECK(hasten::label_set{{"a", "\xff"}}.text() == "a=\"" + bad + "\"");
}

TEST_CASE("quotes, backslashes and line ends in a value are escaped") {
  const hasten::label_set labels{{"a", "say \"hi\"\nC:\\temp"}};
  CHECK(labels.text() == R"(a="say \"hi\"\nC:\\temp")");
}

TEST_CASE("a name is lower-case letters, digits and underscores") {
  STATIC_CHECK(hasten::is_metric_name("http_requests_total"));
  STATIC_CHECK(hasten::is_metric_name("_p99"));
  STATIC_CHECK_FALSE(hasten::is_metric_name(""));
  STATIC_CHECK_FALSE(hasten::is_metric_name("9lives"));
  STATIC_CHECK_FALSE(hasten::is_metric_name("__name__"));
  STATIC_CHECK_FALSE(hasten::is_metric_name("camelCase"));
  STATIC_CHECK_FALSE(hasten::is_metric_name("a:b"));
  STATIC_CHECK_FALSE(hasten::is_metric_name("a b"));
  CHECK_FALSE(hasten::is_metric_name(std::string(129, 'a')));
}

TEST_CASE("labels that no format could carry are refused by name") {
  using Catch::Matchers::Message;
  using hasten::label_set;
  CHECK_THROWS_MATCHES((label_set{{"le", "1"}}), std::invalid_argument,
                       Message("label_set: \"le\" cannot name a label"));
  CHECK_THROWS_MATCHES((label_set{{"quantile", "1"}}), std::invalid_argument,
                       Message("label_set: \"quantile\" cannot name a label"));
  CHECK_THROWS_MATCHES((label_set{{"a", "1"}, {"b", "2"}, {"a", "3"}}), std::invalid_argument,
                       Message("label_set: \"a\" is given twice"));
  CHECK_THROWS_MATCHES((label_set{{"a", std::string(257, 'x')}}), std::invalid_argument,
                       Message("label_set: the value of \"a\" must be 0..256 bytes, got 257"));
}
