// SPDX-License-Identifier: BSL-1.0
#include "server/router.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>
#include <vector>

using claims_app::access;
using claims_app::plan;
using claims_app::request;
using claims_app::route;
using claims_app::router;

namespace {

plan nothing(const request&) { return {}; }

router example() {
  return router({{.pattern = "/", .who = access::open, .get = nothing, .post = {}},
                 {.pattern = "/claims", .who = access::api, .get = nothing, .post = nothing},
                 {.pattern = "/claims/{id}", .who = access::api, .get = nothing, .post = {}},
                 {.pattern = "/jobs", .who = access::api, .get = {}, .post = nothing}});
}

}  // namespace

TEST_CASE("a path is found as the template that it fits") {
  const router routes = example();
  CHECK(routes.find("/").index == 0);
  CHECK(routes.find("/claims").index == 1);
  CHECK(routes.find("/claims/42").index == 2);
  CHECK(routes.find("/claims/42").id == "42");
}

TEST_CASE("a segment behind the id leads to a template of its own") {
  const router routes({{.pattern = "/claims/{id}", .get = nothing, .post = {}},
                       {.pattern = "/claims/{id}/risk", .get = nothing, .post = {}},
                       {.pattern = "/claims/{id}/lines", .get = nothing, .post = {}}});
  CHECK(routes.find("/claims/42/risk").index == 1);
  CHECK(routes.find("/claims/42/risk").id == "42");
  CHECK(routes.find("/claims/42/lines").index == 2);
  CHECK(routes.find("/claims/risk").index == 0);
  for (const char* path :
       {"/claims/42/other", "/claims//risk", "/claims/42/risk/", "/42/risk", "/claims/4/2/risk"})
    CHECK(routes.find(path).index == router::none);
}

TEST_CASE("each pair of route and method has a row, and what is not taken has the one behind the last") {
  using claims_app::method_kind;
  const router routes = example();
  CHECK(routes.row_names() ==
        std::vector<std::string>{"GET /", "GET /claims", "POST /claims", "GET /claims/{id}", "POST /jobs"});
  CHECK(routes.row(1, method_kind::head) == 1);
  CHECK(routes.row(1, method_kind::post) == 2);
  CHECK(routes.row(3, method_kind::get) == 5);
  CHECK(routes.row(3, method_kind::other) == 5);
  CHECK(routes.row(router::none, method_kind::get) == 5);
  CHECK(routes.handler_of(3, method_kind::get) == nullptr);
  CHECK(routes.handler_of(3, method_kind::post) != nullptr);
}

TEST_CASE("a change is a method of its own") {
  using claims_app::method_kind;
  const router routes(
      {{.pattern = "/claims/{id}", .get = nothing, .post = {}, .patch = nothing, .del = nothing}});
  CHECK(routes.row_names() ==
        std::vector<std::string>{"GET /claims/{id}", "PATCH /claims/{id}", "DELETE /claims/{id}"});
  CHECK(routes.row(0, method_kind::patch) == 1);
  CHECK(routes.row(0, method_kind::del) == 2);
  CHECK(routes.handler_of(0, method_kind::put) == nullptr);
  CHECK(router::allowed(routes.at(0)) == "GET, HEAD, PATCH, DELETE, OPTIONS");
}

TEST_CASE("a path that fits no template is found nowhere") {
  const router routes = example();
  for (const char* path :
       {"", "claims", "/claims/", "/claims/1/2", "//", "/Claims", "/claims/{id}/", "/other"})
    CHECK(routes.find(path).index == router::none);
}

TEST_CASE("Allow lists what a route takes, and HEAD where it takes GET") {
  const router routes = example();
  CHECK(router::allowed(routes.at(1)) == "GET, HEAD, POST, OPTIONS");
  CHECK(router::allowed(routes.at(2)) == "GET, HEAD, OPTIONS");
  CHECK(router::allowed(routes.at(3)) == "POST, OPTIONS");
}

TEST_CASE("templates that mean nothing or the same are refused") {
  const auto build = [](std::vector<route> routes) { return router(std::move(routes)); };
  CHECK_THROWS_AS(build({{.pattern = "claims", .get = nothing, .post = {}}}), std::invalid_argument);
  CHECK_THROWS_AS(build({{.pattern = "/{id}/lines", .get = nothing, .post = {}}}), std::invalid_argument);
  CHECK_THROWS_AS(build({{.pattern = "/a/{id}/b/c", .get = nothing, .post = {}}}), std::invalid_argument);
  CHECK_THROWS_AS(build({{.pattern = "/a/{id}/{id}", .get = nothing, .post = {}}}), std::invalid_argument);
  CHECK_THROWS_AS(build({{.pattern = "/a/{id}/", .get = nothing, .post = {}}}), std::invalid_argument);
  CHECK_THROWS_AS(
      build({{.pattern = "/a", .get = nothing, .post = {}}, {.pattern = "/a", .get = nothing, .post = {}}}),
      std::invalid_argument);
}
