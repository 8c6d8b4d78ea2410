// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

namespace hasten::detail {

/// A lock between processes, on a file of its own, which the system takes back when its holder dies. Not on the
/// database file: closing any descriptor of that would drop SQLite's own locks. The file stays; it is empty.
/// Thread safety: single-owner.
class file_lock {
 public:
  /// Throws: error(errc::busy) at the deadline; std::system_error. Blocks on: whoever holds it.
  file_lock(const std::string& path, steady_time deadline)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)) {
    if (file_ < 0) throw std::system_error(errno, std::generic_category(), "opening the lock file");
    while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      const int failure = errno;
      if (failure != EWOULDBLOCK && failure != EINTR) {
        ::close(file_);
        throw std::system_error(failure, std::generic_category(), "flock");
      }
      if (steady_clock_source::now() >= deadline) {
        ::close(file_);
        throw error(errc::busy, "migrations: another program is migrating");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  file_lock(const file_lock&) = delete;
  file_lock& operator=(const file_lock&) = delete;
  ~file_lock() { ::close(file_); }

 private:
  int file_;
};

}  // namespace hasten::detail
