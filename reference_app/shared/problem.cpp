// SPDX-License-Identifier: BSL-1.0
#include "shared/problem.hpp"

#include "shared/json_writer.hpp"

#include <hasten/core/error.hpp>

namespace claims_app {

namespace {

std::string_view title_of(std::string_view kind, int status) {
  if (kind == "invalid-parameter") return "A query parameter is not acceptable";
  if (kind == "invalid-claim") return "The claim is not acceptable";
  if (kind == "malformed-json") return "The body is not JSON";
  if (kind == "malformed-request") return "The request is not HTTP/1.1 as this server takes it";
  if (kind == "duplicate-claim") return "The claim exists already";
  return reason_phrase(status);
}

problem failed() {
  return {.status = 500,
          .kind = {},
          .detail = "The server failed; the log names this request by its id.",
          .items = {},
          .headers = {}};
}

}  // namespace

answer to_answer(const problem& what, std::string_view request_id, std::string_view trace_id) {
  answer out{
      .status = what.status, .content_type = "application/problem+json", .body = {}, .headers = what.headers};
  json_writer json(out.body);
  json.begin_object();
  json.member("type", what.kind.empty() ? std::string("about:blank")
                                        : "urn:hasten:problem:" + std::string(what.kind));
  json.member("title", title_of(what.kind, what.status));
  json.member("status", what.status);
  if (!what.detail.empty()) json.member("detail", what.detail);
  json.member("requestId", request_id);
  if (!trace_id.empty()) json.member("traceId", trace_id);
  if (!what.items.empty()) {
    json.key("errors").begin_array();
    for (const problem_item& item : what.items)
      json.begin_object().member(what.item_key, item.where).member("reason", item.reason).end_object();
    json.end_array();
  }
  json.end_object();
  return out;
}

problem not_found() {
  return {
      .status = 404, .kind = {}, .detail = "Nothing is found at this address.", .items = {}, .headers = {}};
}

problem bad_parameters(std::vector<problem_item> items) {
  return {.status = 400,
          .kind = "invalid-parameter",
          .detail = "See errors for each parameter and what it must be.",
          .items = std::move(items),
          .headers = {}};
}

problem precondition_failed() {
  return {.status = 412,
          .kind = {},
          .detail = "It is not, or no longer, as If-Match or If-None-Match wants it; read it again.",
          .items = {},
          .headers = {}};
}

problem unavailable(std::string detail) {
  return {.status = 503,
          .kind = {},
          .detail = std::move(detail),
          .items = {},
          .headers = {{.name = "Retry-After", .value = "1"}}};
}

problem problem_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const problem_error& known) {
    return known.info();
  } catch (const hasten::error& environment) {
    const std::error_code code = environment.code();
    if (code == hasten::errc::timeout || code == hasten::errc::overloaded || code == hasten::errc::busy ||
        code == hasten::errc::closed || code == hasten::errc::database_down)
      return unavailable("The server is too busy to answer in time; try again.");
  } catch (const std::bad_alloc&) {
    return unavailable("The server is short of memory; try again.");
  } catch (...) {  // whatever it is, its text may hold values: the caller logs its type
    return failed();
  }
  return failed();
}

}  // namespace claims_app
