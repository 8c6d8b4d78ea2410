// SPDX-License-Identifier: BSL-1.0
#include "server/dispatcher.hpp"

#include "server/negotiation.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/core/error.hpp>

#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

namespace claims_app {

namespace {

constexpr std::string_view every_method = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

problem refusal(int status, std::string detail, std::string_view header, std::string value) {
  return {.status = status,
          .kind = {},
          .detail = std::move(detail),
          .items = {},
          .headers = {{.name = header, .value = std::move(value)}}};
}

constexpr std::string_view patch_types = "application/merge-patch+json, application/json";

rendered_answer_ptr options_answer(std::string allowed, bool takes_patches) {
  answer out{.status = 204, .body = {}, .headers = {{.name = "Allow", .value = std::move(allowed)}}};
  if (takes_patches) out.headers.push_back({.name = "Accept-Patch", .value = std::string(patch_types)});
  return std::make_shared<const rendered_answer>(render(out));
}

// Only hasten's own errors have a text that is known to be free of values; of others the type must do.
std::string words_of(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const hasten::error& known) {
    return known.what();
  } catch (const std::exception& other) {
    return typeid(other).name();
  } catch (...) {
    return "something that is no std::exception";
  }
}

reply reply_of(const std::exception_ptr& failure) {
  reply out;
  out.refused = problem_of(failure);
  if (out.refused->status >= 500) out.failure = words_of(failure);
  return out;
}

bool is_for(audience whom, access needed) {
  if (needed == access::open || whom == audience::everyone) return true;
  return (needed == access::admin) == (whom == audience::operators);
}

reply reply_of(problem refused) {
  reply out;
  out.refused = std::move(refused);
  return out;
}

}  // namespace

completion::~completion() {
  if (done_) (*this)(reply_of(unavailable("The server has more work than it can take; try again.")));
}

void completion::operator()(reply outcome) {
  hasten::unique_function<void(reply)> done = std::move(done_);
  done(std::move(outcome));
}

dispatcher::admission dispatcher::admit(const head& what) const {
  admission out;
  out.method = what.method;
  std::optional<std::string> decoded;
  std::string_view path = what.path;
  if (path.find('%') != std::string_view::npos) {
    decoded = percent_decode(path, false);
    path = decoded ? std::string_view(*decoded) : std::string_view();
  }
  if (path == "*") {  // the parser lets it through for OPTIONS only
    out.ready = options_answer(std::string(every_method), true);
    return out;
  }
  const router::match found = parts_.routes.find(path);
  if (found.index == router::none || !is_for(parts_.serves, parts_.routes.at(found.index).who)) {
    out.refused = not_found();
    return out;
  }
  out.route = found.index;
  out.id = found.id;
  const route& chosen = parts_.routes.at(found.index);
  out.refused = parts_.guard.refusal(chosen.who, what.authorization);
  if (out.refused) return out;
  out.is_known = chosen.who != access::open;
  if (what.method == method_kind::options) {
    out.ready = options_answer(router::allowed(chosen), static_cast<bool>(chosen.patch));
  } else if (parts_.routes.handler_of(found.index, what.method) == nullptr) {
    out.refused = refusal(405, "This address does not take the method; Allow says which it takes.", "Allow",
                          router::allowed(chosen));
  } else if (!chosen.type.empty() && !accepts_type(what.accept, chosen.type)) {
    out.refused = problem{
        .status = 406,
        .kind = {},
        .detail = "This address answers " + std::string(chosen.type) + ", which Accept does not take.",
        .items = {},
        .headers = {}};
  } else if (!chosen.takes_any_body && (what.method == method_kind::post || what.method == method_kind::put ||
                                        what.method == method_kind::patch)) {
    out.refused = refused_body(what);
  }
  return out;
}

std::optional<problem> dispatcher::refused_body(const head& what) {
  if (!what.tells_length)
    return problem{.status = 411,
                   .kind = {},
                   .detail = "A request of this method needs a Content-Length, or a body in chunks.",
                   .items = {},
                   .headers = {}};
  if (!what.content_encoding.empty())
    return refusal(415, "The body must not be encoded.", "Accept-Encoding", "identity");
  if (what.method == method_kind::patch) {
    if (is_patch_body(what.content_type)) return std::nullopt;
    return refusal(415, "The body must be application/merge-patch+json, or plain application/json, in UTF-8.",
                   "Accept-Patch", std::string(patch_types));
  }
  if (!is_json_body(what.content_type))
    return refusal(415, "The body must be application/json, in UTF-8.", "Accept-Post", "application/json");
  return std::nullopt;
}

std::optional<reply> dispatcher::begin(const admission& admitted, const request& what,
                                       hasten::unique_function<void(reply)> done,
                                       std::stop_source& stop) const {
  plan next;
  try {
    next = (*parts_.routes.handler_of(admitted.route, admitted.method))(what);
  } catch (...) {  // a refusal, or a bug that costs this request and not the server
    return reply_of(std::current_exception());
  }
  reply out;
  if (next.now) {
    out.ready = std::make_shared<const rendered_answer>(render(*next.now));
    return out;
  }
  if (next.stream) {
    out.stream = std::move(next.stream);
    return out;
  }
  const coding wanted = what.accepts_gzip && !next.key.empty() ? coding::gzip : coding::identity;
  if (wanted == coding::gzip) next.key = packed_key(next.key);
  if (!next.key.empty()) {
    if (auto hit = parts_.cache.get(next.key.view())) {
      out.ready = std::move(*hit);
      out.cache = cache_use::hit;
      return out;
    }
  }
  // A task that is refused is destroyed, and the completion in it says so; so is one whose turn comes when its client has
  // been told already that it took too long.
  const hasten::steady_time posted = hasten::steady_clock_source::now();
  stop = std::stop_source();
  static_cast<void>(parts_.workers.try_post(
      {.deadline = posted + parts_.work_time, .stop = stop.get_token()},
      [this, next = std::move(next), wanted, posted, token = stop.get_token(),
       done = completion(std::move(done))]() mutable { done(run(next, wanted, posted, std::move(token))); }));
  return std::nullopt;
}

reply dispatcher::run(plan& what, coding wanted, hasten::steady_time posted, std::stop_token stop) const {
  const auto now = [] { return hasten::steady_clock_source::now(); };
  const hasten::steady_time began = now();
  work task{.deadline = began + parts_.work_time};
  // Others may wait for an answer that is to be kept.
  if (what.key.empty()) task.stop = std::move(stop);
  reply out;
  out.queue = began - posted;
  const auto loaded_answer = [&] {
    const hasten::steady_time from = now();
    const answer made = what.load(task);
    out.working = now() - from - task.database - task.serialise;
    const stage_time timed(task.serialise);
    return std::make_shared<const rendered_answer>(what.key.empty() ? render(made)
                                                                    : render_to_keep(made, wanted));
  };
  try {
    if (what.key.empty()) {
      out.ready = loaded_answer();
    } else {
      bool loaded = false;
      const auto load = [&] {
        loaded = true;
        return hasten::value_for<rendered_answer_ptr>{
            .value = loaded_answer(),
            .ttl = what.kept == std::chrono::nanoseconds(0) ? parts_.ttls.of(what.key.view()) : what.kept};
      };
      out.ready = parts_.cache.load(what.key.view(), load);
      out.cache = loaded ? cache_use::miss : cache_use::hit;
      if (!loaded) out.joined = now() - began;
    }
  } catch (...) {
    const auto queue = out.queue;
    out = reply_of(std::current_exception());
    out.queue = queue;
  }
  out.database = task.database;
  out.serialise = task.serialise;
  out.statements = task.statements.total();
  if (const auto repeated = task.statements.report(); !repeated.empty()) out.repeated = repeated.front().name;
  return out;
}

}  // namespace claims_app
