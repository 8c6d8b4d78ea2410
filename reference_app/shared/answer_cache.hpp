// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/answer.hpp"

#include <hasten/cache/memory_cache.hpp>

#include <string>

namespace claims_app {

/// Answers ready to be sent, by cache_key. Holds what patients' claims say: in this process only, bounded in
/// number and in time.
using answer_cache = hasten::memory_cache<std::string, rendered_answer_ptr>;

}  // namespace claims_app
