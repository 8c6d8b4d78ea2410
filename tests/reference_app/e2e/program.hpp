// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace e2e {

/// The real program, run as a process of its own; what it prints goes to files.
class program {
 public:
  /// `variables` are set in it besides those of the test: "NAME=value".
  program(const std::filesystem::path& folder, std::vector<std::string> arguments,
          std::vector<std::string> variables = {})
      : out_(folder / "out.txt"), err_(folder / "err.txt") {
    arguments.insert(arguments.begin(), HASTEN_REFERENCE_APP);
    std::vector<char*> raw;
    for (std::string& each : arguments) raw.push_back(each.data());
    raw.push_back(nullptr);
    std::vector<char*> environment;
    for (std::string& each : variables) environment.push_back(each.data());
    for (char** each = ::environ; *each != nullptr; ++each) environment.push_back(*each);
    environment.push_back(nullptr);
    // Opened here, so that nobody reads what an earlier run in this folder left.
    const int out = ::open(out_.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    const int err = ::open(err_.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    child_ = ::fork();
    if (child_ != 0) {
      ::close(out);
      ::close(err);
      return;
    }
    ::dup2(out, STDOUT_FILENO);
    ::dup2(err, STDERR_FILENO);
    ::execve(raw[0], raw.data(), environment.data());
    ::_exit(127);
  }
  program(const program&) = delete;
  program& operator=(const program&) = delete;
  ~program() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    static_cast<void>(wait());
  }

  void signal(int number) const { ::kill(child_, number); }

  /// Returns: the exit status; 128 and the signal's number if one ended it.
  int wait() {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  /// Waits for `text` in what was printed. Returns: everything printed so far.
  std::string wait_for(const std::string& text) {
    for (int round = 0; round < 2400; ++round) {
      if (out().find(text) != std::string::npos) return out();
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    FAIL("the program never printed what was waited for; it said: " << out() << err());
    return {};
  }

  /// Waits until it listens. Returns: the port.
  int port() {
    const std::string said = wait_for("Stop with");
    const std::string mark = "server: http://127.0.0.1:";
    return std::atoi(said.c_str() + said.find(mark) + mark.size());
  }

  [[nodiscard]] std::string out() const { return content(out_); }
  [[nodiscard]] std::string err() const { return content(err_); }

 private:
  static std::string content(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }

  std::filesystem::path out_;
  std::filesystem::path err_;
  pid_t child_ = -1;
};

}  // namespace e2e
