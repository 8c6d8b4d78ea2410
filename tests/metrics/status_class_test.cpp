// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/status_class.hpp>

#include <catch2/catch_test_macros.hpp>

using hasten::status_class;

TEST_CASE("a status belongs to the class of its first digit") {
  STATIC_CHECK(hasten::status_class_of(100) == status_class::informational);
  STATIC_CHECK(hasten::status_class_of(204) == status_class::success);
  STATIC_CHECK(hasten::status_class_of(304) == status_class::redirection);
  STATIC_CHECK(hasten::status_class_of(499) == status_class::client_error);
  STATIC_CHECK(hasten::status_class_of(599) == status_class::server_error);
}

TEST_CASE("a status that is none is a server's error") {
  STATIC_CHECK(hasten::status_class_of(0) == status_class::server_error);
  STATIC_CHECK(hasten::status_class_of(99) == status_class::server_error);
  STATIC_CHECK(hasten::status_class_of(600) == status_class::server_error);
}

TEST_CASE("every class has a name of its own") {
  STATIC_CHECK(to_string(status_class::informational) == "1xx");
  STATIC_CHECK(to_string(status_class::success) == "2xx");
  STATIC_CHECK(to_string(status_class::redirection) == "3xx");
  STATIC_CHECK(to_string(status_class::client_error) == "4xx");
  STATIC_CHECK(to_string(status_class::server_error) == "5xx");
  STATIC_CHECK(to_string(status_class::aborted) == "aborted");
}
