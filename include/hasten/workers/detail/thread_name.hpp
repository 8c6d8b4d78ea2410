// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>

#ifdef __linux__
#include <pthread.h>
#endif

namespace hasten::detail {

/// Names a thread for debuggers and for ps, where the system can; at most 15 characters.
template <class Thread>
void name_thread([[maybe_unused]] Thread& thread, [[maybe_unused]] const std::string& name) {
#ifdef __linux__
  pthread_setname_np(thread.native_handle(), name.c_str());
#endif
}

}  // namespace hasten::detail
