// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <cstdlib>

namespace hasten::detail {

[[noreturn]] inline void contract_broken(const char* sentence, const char* file, int line) noexcept {
  std::fprintf(stderr, "hasten: contract broken: %s (%s:%d)\n", sentence, file, line);
  std::abort();
}

}  // namespace hasten::detail

/// Checks what the caller promised; a broken promise is a bug of the caller and aborts with `sentence`.
/// Always on: no build flag changes a definition, so two translation units can never disagree.
/// Not for options (std::invalid_argument), expected outcomes (a type) or the environment (hasten::error).
#define HASTEN_EXPECTS(condition, sentence) \
  ((condition) ? static_cast<void>(0) : ::hasten::detail::contract_broken(sentence, __FILE__, __LINE__))
