// SPDX-License-Identifier: BSL-1.0
#include "server/dispatcher.hpp"

#include "shared/query_parameters.hpp"

#include <hasten/core/error.hpp>

#include <exception>
#include <memory>
#include <typeinfo>
#include <utility>

namespace claims_app {

namespace {

constexpr std::string_view json_type = "application/json";

bool is_json(std::string_view content_type) {
  const std::size_t end = content_type.find_first_of("; \t");
  const std::string_view type = content_type.substr(0, end);
  if (type.size() != json_type.size()) return false;
  for (std::size_t at = 0; at < type.size(); ++at) {
    const char byte = type[at];
    const char lower = byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte - 'A' + 'a') : byte;
    if (lower != json_type[at]) return false;
  }
  return true;
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
  const router::match found = parts_.routes.find(path);
  if (found.index == router::none) {
    out.refused = not_found();
    return out;
  }
  out.route = found.index;
  out.id = found.id;
  const route& chosen = parts_.routes.at(found.index);
  out.refused = parts_.guard.refusal(chosen.who, what.authorization);
  if (out.refused) return out;
  out.is_known = chosen.who != access::open;
  if (parts_.routes.handler_of(found.index, what.method) == nullptr) {
    out.refused = problem{.status = 405,
                          .kind = {},
                          .detail = "This address does not take the method; Allow says which it takes.",
                          .items = {},
                          .headers = {{.name = "Allow", .value = router::allowed(chosen)}}};
  } else if ((what.method == method_kind::post || what.method == method_kind::put) &&
             !is_json(what.content_type)) {
    out.refused = problem{.status = 415,
                          .kind = {},
                          .detail = "The body must be application/json.",
                          .items = {},
                          .headers = {{.name = "Accept-Post", .value = "application/json"}}};
  }
  return out;
}

std::optional<reply> dispatcher::begin(const admission& admitted, const request& what,
                                       hasten::unique_function<void(reply)> done) const {
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
  if (!next.key.empty()) {
    if (auto hit = parts_.cache.get(next.key.view())) {
      out.ready = std::move(*hit);
      out.cache = cache_use::hit;
      return out;
    }
  }
  // A task that is refused is destroyed, and the completion in it says so.
  static_cast<void>(
      parts_.workers.try_post([this, next = std::move(next), posted = hasten::steady_clock_source::now(),
                               done = completion(std::move(done))]() mutable { done(run(next, posted)); }));
  return std::nullopt;
}

reply dispatcher::run(plan& what, hasten::steady_time posted) const {
  const auto now = [] { return hasten::steady_clock_source::now(); };
  const hasten::steady_time began = now();
  work task{.deadline = began + parts_.work_time};
  reply out;
  out.queue = began - posted;
  const auto loaded_answer = [&] {
    const hasten::steady_time from = now();
    const answer made = what.load(task);
    out.working = now() - from - task.database - task.serialise;
    const stage_time timed(task.serialise);
    return std::make_shared<const rendered_answer>(render(made));
  };
  try {
    if (what.key.empty()) {
      out.ready = loaded_answer();
    } else {
      bool loaded = false;
      out.ready = parts_.cache.load(what.key.view(), [&] {
        loaded = true;
        return loaded_answer();
      });
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
