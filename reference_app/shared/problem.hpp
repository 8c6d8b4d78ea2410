// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer.hpp"

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace claims_app {

/// One thing wrong with a request. `where` is a parameter's name or a JSON pointer made of names that the
/// server knows; `reason` is our own sentence. Neither ever repeats what the client sent.
struct problem_item {
  std::string where;
  std::string reason;
};

/// A refusal or failure in the shape of RFC 9457. Thread safety: thread-compatible.
struct problem {
  int status = 500;
  std::string_view kind;                    // last part of the type URN; a literal; empty means about:blank
  std::string detail;                       // our own sentence
  std::string_view item_key = "parameter";  // how `where` is called in the body: "parameter" or "pointer"
  std::vector<problem_item> items;
  std::vector<answer_header> headers;
};

/// Carries a problem out of a handler. Thread safety: immutable.
class problem_error : public std::exception {
 public:
  explicit problem_error(problem what) : what_(std::move(what)) {}
  [[nodiscard]] const problem& info() const noexcept { return what_; }
  [[nodiscard]] const char* what() const noexcept override { return "the request is answered by a problem"; }

 private:
  problem what_;
};

/// Returns: the application/problem+json answer, which names the request by its id and its trace, and by nothing
/// else.
[[nodiscard]] answer to_answer(const problem& what, std::string_view request_id,
                               std::string_view trace_id = {});

[[nodiscard]] problem not_found();
[[nodiscard]] problem bad_parameters(std::vector<problem_item> items);
[[nodiscard]] problem precondition_failed();
[[nodiscard]] problem unavailable(std::string detail);

/// Returns: what to tell a client about a failure, without a word of the failure's own text.
[[nodiscard]] problem problem_of(const std::exception_ptr& failure);

}  // namespace claims_app
