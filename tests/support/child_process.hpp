// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

extern char** environ;

/// A program that a test started. Its output, both streams together, is read by wait(). If the test ends first,
/// it is killed. Thread safety: single-owner.
class child_process {
 public:
  /// Throws: std::system_error if it cannot be started.
  explicit child_process(std::vector<std::string> arguments) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    pointers.push_back(nullptr);
    const int failure = ::posix_spawn(&id_, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
    if (failure != 0) {
      ::close(output_);
      throw std::system_error(failure, std::generic_category(), "posix_spawn");
    }
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    if (!is_waited_) {
      kill();
      reap();
    }
    ::close(output_);
  }

  struct result {
    int status = -1;  ///< what it returned; negative: the signal that ended it
    std::string output = {};
  };

  /// Blocks on: the program's end.
  [[nodiscard]] result wait() {
    result ended;
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(output_, buffer.data(), buffer.size())) > 0;)
      ended.output.append(buffer.data(), static_cast<std::size_t>(count));
    const int status = reap();
    ended.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return ended;
  }

  /// Ends it at once, as a power cut would.
  void kill() const { ::kill(id_, SIGKILL); }

 private:
  int reap() {
    int status = 0;
    ::waitpid(id_, &status, 0);
    is_waited_ = true;
    return status;
  }

  pid_t id_ = -1;
  int output_ = -1;  // the read end of its output
  bool is_waited_ = false;
};

/// Runs a program to its end.
[[nodiscard]] inline child_process::result run_program(std::vector<std::string> arguments) {
  child_process program(std::move(arguments));
  return program.wait();
}
