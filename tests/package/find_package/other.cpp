// SPDX-License-Identifier: BSL-1.0
#include "all_headers.hpp"

int answer_of_the_other_unit() {
  hasten::worker_pool pool({.threads = 1});
  return pool.submit([] { return 42; }).get();
}
