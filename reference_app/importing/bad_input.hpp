// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>

namespace claims_app {

/// An input file that cannot be imported as a whole: missing, truncated, of another format. Its text names
/// the file and the place, never what stands there. Thread safety: immutable.
class bad_input : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace claims_app
