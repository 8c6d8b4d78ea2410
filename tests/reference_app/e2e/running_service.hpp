// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/service.hpp"
#include "e2e/sample_claims.hpp"
#include "support/temporary_folder.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>
#include <catch2/catch_test_macros.hpp>
#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace e2e {

namespace json = boost::json;

inline const std::string token = "a-token-for-the-tests-alone";

/// The real server on a port that the system chose, over a real file with `claims` sample claims.
class running_service {
 public:
  using change_config = std::function<void(claims_app::serve_config&)>;

  explicit running_service(std::size_t claims, const change_config& change = {}) {
    config_.database = (folder_.path() / "claims.db").string();
    config_.address = "127.0.0.1";
    config_.threads = 2;
    config_.workers = 2;
    config_.admin_token = token;
    if (change) change(config_);
    sample_claims(config_.database, claims);
    service_ = std::make_unique<claims_app::service>(config_);
    service_->prepare([](std::string_view) {});
    service_->start();
  }

  [[nodiscard]] int port() const { return service_->port(); }
  [[nodiscard]] const std::string& database() const { return config_.database; }
  [[nodiscard]] claims_app::service& service() { return *service_; }

  [[nodiscard]] httplib::Client client() const { return client_of(port()); }
  /// One of the operators' own listener.
  [[nodiscard]] httplib::Client admin_client() const { return client_of(service_->admin_port()); }

 private:
  [[nodiscard]] static httplib::Client client_of(int port) {
    httplib::Client out("127.0.0.1", port);
    out.set_keep_alive(true);
    out.set_read_timeout(std::chrono::seconds(30));
    return out;
  }

  temporary_folder folder_;
  claims_app::serve_config config_;
  std::unique_ptr<claims_app::service> service_;
};

[[nodiscard]] inline json::value body_of(const httplib::Result& result) {
  REQUIRE(result);
  return json::parse(result->body);
}

/// Reads a 200 as JSON.
[[nodiscard]] inline json::value get(httplib::Client& client, const std::string& path) {
  const auto result = client.Get(path);
  REQUIRE(result);
  INFO(result->body);
  REQUIRE(result->status == 200);
  return json::parse(result->body);
}

[[nodiscard]] inline httplib::Headers with_token() { return {{"Authorization", "Bearer " + token}}; }

[[nodiscard]] inline std::string text(const json::value& object, std::string_view name) {
  return json::value_to<std::string>(object.at(name));
}

/// Expects a problem of this status that names the request as its header does.
inline void check_problem(const httplib::Result& result, int status) {
  REQUIRE(result);
  INFO(result->body);
  CHECK(result->status == status);
  CHECK(result->get_header_value("Content-Type") == "application/problem+json");
  const json::value told = json::parse(result->body);
  CHECK(told.at("status").as_int64() == status);
  CHECK(text(told, "requestId") == result->get_header_value("X-Request-Id"));
  CHECK_FALSE(text(told, "title").empty());
}

}  // namespace e2e
