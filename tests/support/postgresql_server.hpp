// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <pwd.h>
#include <spawn.h>
#include <support/child_process.hpp>
#include <support/temporary_folder.hpp>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

/// A PostgreSQL server of this test alone: in a temporary folder, on a socket there and a free port of the loopback
/// interface, with trust for its user and without syncing to the disk. It dies with the test.
///
/// PostgreSQL refuses to run as root, so root starts it as the user `postgres`, or else `nobody`. The empty cluster is
/// made once per user and version and kept in the folder for temporary files; each server starts with a copy.
/// Thread safety: single-owner; to be made by the main thread, whose end ends the server.
///
///     if (const std::string reason = postgresql_server::missing(); !reason.empty()) SKIP(reason);
///     postgresql_server server;
///     soci::session sql(soci::postgresql, server.connection());
class postgresql_server {
 public:
  /// Returns: why no server can be started here; empty if one can.
  [[nodiscard]] static std::string missing() {
    if (programs().empty()) return "no PostgreSQL server is installed (Debian, Ubuntu: postgresql)";
    if (::geteuid() == 0 && server_user().empty())
      return "root needs a user postgres or nobody to start PostgreSQL";
    return {};
  }

  /// Starts with additional settings, such as "max_connections=10".
  /// Throws: std::runtime_error when it does not come up, with what it wrote.
  explicit postgresql_server(std::vector<std::string> settings = {}) : settings_(std::move(settings)) {
    if (const std::string reason = missing(); !reason.empty()) throw std::runtime_error(reason);
    copy_template(data());
    port_ = free_port();
    start();
  }
  postgresql_server(const postgresql_server&) = delete;
  postgresql_server& operator=(const postgresql_server&) = delete;
  ~postgresql_server() { stop(SIGQUIT); }

  /// Returns: how libpq reaches it through the loopback interface.
  [[nodiscard]] std::string connection() const { return connection_to(port_); }
  /// As above, through another port: that of a proxy.
  [[nodiscard]] static std::string connection_to(int port) {
    return "host=127.0.0.1 port=" + std::to_string(port) + " user=hasten dbname=postgres";
  }
  /// Returns: how libpq reaches it through its socket in the file system.
  [[nodiscard]] std::string socket_connection() const {
    return "host=" + folder_.path().string() + " port=" + std::to_string(port_) +
           " user=hasten dbname=postgres";
  }
  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] bool is_running() const noexcept { return id_ > 0; }

  /// Starts it again with the same data, on the same port. Blocks on: the server, for at most a minute.
  void start() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (true) {
      launch();
      while (!is_ready()) {
        if (has_ended()) break;
        if (std::chrono::steady_clock::now() >= deadline) fail("did not get ready");
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      if (is_running()) return;
      // After a kill -9, what is left of the old server holds its shared memory for a moment.
      if (std::chrono::steady_clock::now() >= deadline) fail("ended at once");
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  /// Ends it: SIGINT disconnects all and shuts down in order, SIGQUIT at once, SIGKILL as a power cut would.
  void stop(int signal = SIGINT) {
    if (!is_running()) return;
    ::kill(id_, signal);
    int status = 0;
    ::waitpid(id_, &status, 0);
    id_ = -1;
  }

  void restart(int signal = SIGINT) {
    stop(signal);
    start();
  }

  /// Ends it without any warning: connections break, nothing is written.
  void kill() { stop(SIGKILL); }

 private:
  [[nodiscard]] std::filesystem::path data() const { return folder_.path() / "data"; }
  [[nodiscard]] std::filesystem::path log() const { return folder_.path() / "log"; }

  /// The folder with initdb and postgres of the newest version; empty if there is none.
  static const std::filesystem::path& programs() {
    static const std::filesystem::path found = [] {
      std::vector<std::pair<int, std::filesystem::path>> all;
      std::error_code none;
      for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", none))
        all.emplace_back(std::atoi(each.path().filename().c_str()), each.path() / "bin");
      std::sort(all.rbegin(), all.rend());
      all.emplace_back(0, "/usr/bin");
      all.emplace_back(0, "/usr/local/bin");
      all.emplace_back(0, "/usr/local/pgsql/bin");
      for (const auto& [version, folder] : all)
        if (std::filesystem::exists(folder / "initdb", none) &&
            std::filesystem::exists(folder / "postgres", none))
          return folder;
      return std::filesystem::path();
    }();
    return found;
  }

  static std::string server_user() {
    for (const char* name : {"postgres", "nobody"})
      if (::getpwnam(name) != nullptr) return name;
    return {};
  }

  /// The beginning of a command line: the program runs as the server's user and dies with the thread that started it.
  static std::vector<std::string> as_server_user() {
    std::vector<std::string> words{"/usr/bin/setpriv", "--pdeathsig=QUIT"};
    if (::geteuid() != 0) return words;
    const passwd* const user = ::getpwnam(server_user().c_str());
    words.push_back("--reuid=" + std::to_string(user->pw_uid));
    words.push_back("--regid=" + std::to_string(user->pw_gid));
    words.emplace_back("--clear-groups");
    return words;
  }

  static void run(std::vector<std::string> words) {
    const std::string program = words.front();
    const auto ended = run_program(std::move(words));
    if (ended.status != 0) throw std::runtime_error(program + " failed:\n" + ended.output);
  }

  static void give_to_server_user(const std::filesystem::path& path) {
    if (::geteuid() != 0) return;
    const passwd* const user = ::getpwnam(server_user().c_str());
    if (::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
      throw std::system_error(errno, std::generic_category(), "chown");
  }

  void copy_template(const std::filesystem::path& to) {
    std::string tag = programs().string() + "_" + std::to_string(::geteuid());
    std::replace(tag.begin(), tag.end(), '/', '_');
    const std::filesystem::path original =
        std::filesystem::temp_directory_path() / ("hasten_postgresql" + tag);
    const int lock = ::open((original.string() + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (lock < 0 || ::flock(lock, LOCK_EX) != 0)
      throw std::system_error(errno, std::generic_category(), "flock");
    if (!std::filesystem::exists(original / "PG_VERSION")) {
      std::filesystem::remove_all(original);
      const std::filesystem::path unfinished = original.string() + ".new";
      std::filesystem::remove_all(unfinished);
      std::filesystem::create_directory(unfinished);
      give_to_server_user(unfinished);
      std::vector<std::string> words = as_server_user();
      for (std::string word :
           {(programs() / "initdb").string(), std::string("--pgdata=") + unfinished.string(),
            std::string("--username=hasten"), std::string("--auth=trust"), std::string("--encoding=UTF8"),
            std::string("--locale=C"), std::string("--no-sync"), std::string("--wal-segsize=1")})
        words.push_back(std::move(word));
      run(std::move(words));
      std::filesystem::rename(unfinished, original);
    }
    ::close(lock);
    run({"/bin/cp", "-a", original.string(), to.string()});
    give_to_server_user(folder_.path());
  }

  static int free_port() {
    const int probe = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool got = ::bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    ::close(probe);
    if (!got) throw std::system_error(errno, std::generic_category(), "no free port");
    return ntohs(address.sin_port);
  }

  void launch() {
    std::vector<std::string> words = as_server_user();
    for (const std::string& word : {(programs() / "postgres").string(), std::string("-D"), data().string(),
                                    std::string("-k"), folder_.path().string(), std::string("-h"),
                                    std::string("127.0.0.1"), std::string("-p"), std::to_string(port_)})
      words.push_back(word);
    std::vector<std::string> settings{"fsync=off",
                                      "full_page_writes=off",
                                      "synchronous_commit=off",
                                      "shared_buffers=32MB",
                                      "autovacuum=off",
                                      "max_wal_size=256MB",
                                      "jit=off",
                                      "timezone=UTC",
                                      "dynamic_shared_memory_type=mmap"};
    settings.insert(settings.end(), settings_.begin(), settings_.end());
    for (const std::string& each : settings) {
      words.emplace_back("-c");
      words.push_back(each);
    }
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log().c_str(), O_CREAT | O_WRONLY | O_APPEND,
                                     0644);
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    const int failure = ::posix_spawn(&id_, pointers[0], &actions, nullptr, pointers.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failure != 0) {
      id_ = -1;
      throw std::system_error(failure, std::generic_category(), "posix_spawn");
    }
  }

  bool has_ended() {
    int status = 0;
    if (::waitpid(id_, &status, WNOHANG) != id_) return false;
    id_ = -1;
    return true;
  }

  // The last line of the server's pid file says so.
  bool is_ready() const {
    std::ifstream file(data() / "postmaster.pid");
    std::string line;
    long id = 0;
    for (int number = 1; std::getline(file, line); ++number) {
      if (number == 1) id = std::atol(line.c_str());
      if (number == 8) return id == id_ && line.starts_with("ready");
    }
    return false;
  }

  [[noreturn]] void fail(const std::string& how) {
    std::ifstream file(log());
    const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    stop(SIGKILL);
    throw std::runtime_error("PostgreSQL " + how + ":\n" + text);
  }

  temporary_folder folder_;  // outlives the server, whose files are in it
  const std::vector<std::string> settings_;
  int port_ = 0;
  pid_t id_ = -1;  // of the postmaster; -1: not running
};
