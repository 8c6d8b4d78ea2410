// SPDX-License-Identifier: BSL-1.0
#include "all_headers.hpp"

#include <string>

int answer_of_the_other_unit();

int main() {
  hasten::memory_cache<std::string, int> cache({.entries_max = 10});
  const int loaded = cache.get_or_load("answer", [] { return answer_of_the_other_unit(); });
  return loaded == 42 && cache.stats().loads == 1 ? 0 : 1;
}
