// SPDX-License-Identifier: BSL-1.0
#include "app/test_echo.hpp"

#include <algorithm>
#include <string>

namespace claims_app {

namespace {

plan echo(const request& what) {
  plan out;
  out.now = answer{.content_type = "application/octet-stream", .body = std::string(what.body), .headers = {}};
  return out;
}

}  // namespace

void add_test_echo(std::vector<route>& routes) {
  routes.push_back(
      {.pattern = "/echo", .who = access::open, .get = {}, .post = echo, .takes_any_body = true});
  const auto root = std::ranges::find(routes, "/", &route::pattern);
  if (root == routes.end()) return;
  root->post = root->put = root->patch = root->del = echo;
  root->takes_any_body = true;
}

}  // namespace claims_app
