// SPDX-License-Identifier: BSL-1.0
#include "app/doctor.hpp"

#include "app/database_examination.hpp"
#include "server/tls_context.hpp"
#include "shared/keyed_hash.hpp"

#include <fmt/format.h>

#include <netdb.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace claims_app {

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t connections_planned = 10'000;  // as server::options has it
constexpr std::uint64_t descriptors_besides = 200;     // sessions, loops, logs, senders

fs::path folder_of(const serve_config& config) {
  fs::path folder = fs::path(config.database).parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

// The folder itself, or of what is to be made the one that is there already.
fs::path existing_folder(fs::path folder) {
  std::error_code ignored;
  while (!folder.empty() && !fs::exists(folder, ignored)) folder = folder.parent_path();
  return folder.empty() ? fs::path(".") : folder;
}

std::string text_of(std::uint64_t bytes) { return fmt::format("{} MiB", bytes / mebibyte); }

// Throws nothing: what it finds is the answer. `flags` begin as those of the listener do, "--tls-".
finding check_port(std::string_view check, const std::string& address, std::uint16_t port,
                   std::string_view flags) {
  const std::string where = fmt::format("{} port {}", address, port);
  if (port == 0) return {.check = check, .what = "the system will choose one"};
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0)
    return {.check = check,
            .state = finding_state::fail,
            .what = where + " is no address of this machine",
            .cure = fmt::format("give another {}address", flags)};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> release(found, ::freeaddrinfo);
  const int probe = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  const bool is_free = probe >= 0 && ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                       ::bind(probe, found->ai_addr, found->ai_addrlen) == 0 && ::listen(probe, 1) == 0;
  const int reason = errno;
  if (probe >= 0) ::close(probe);
  if (is_free) return {.check = check, .what = where + " is free"};
  finding out{.check = check,
              .state = finding_state::fail,
              .what = where + ": " + std::generic_category().message(reason),
              .cure = fmt::format("give another {0}address or {0}port", flags)};
  if (reason == EADDRINUSE)
    out.cure = fmt::format("ss -ltnp 'sport = :{}' tells who has it; stop that, or give another {}port", port,
                           flags);
  if (reason == EACCES)
    out.cure = fmt::format(
        "give a {}port from 1024 on, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit", flags);
  return out;
}

finding check_certificate(const serve_config& config, hasten::wall_time now) {
  const std::string& file = config.tls_certificate;
  try {
    const tls_context read({.certificate = file, .key = config.tls_key}, now);
    const auto left = std::chrono::duration_cast<std::chrono::days>(read.expires() - now);
    finding out{.check = "certificate",
                .what = fmt::format("{} counts for {} more days", file, left.count())};
    if (left >= std::chrono::days(14)) return out;
    out.state = finding_state::warn;
    out.cure = "renew it, and send the server a SIGHUP";
    return out;
  } catch (const std::runtime_error& refused) {
    return {.check = "certificate",
            .state = finding_state::fail,
            .what = refused.what(),
            .cure =
                "see that --tls-certificate and --tls-key name a chain that counts and its key, and that the "
                "user of "
                "the server may read them"};
  }
}

finding check_descriptors(const doctor_view& machine) {
  const std::uint64_t wanted = connections_planned + descriptors_besides;
  finding out{.check = "descriptors", .what = fmt::format("{} may be open", machine.descriptors)};
  if (machine.descriptors >= wanted) return out;
  out.state = machine.descriptors < 256 ? finding_state::fail : finding_state::warn;
  out.what += fmt::format("; {} connections need {}", connections_planned, wanted);
  out.cure = "ulimit -n 65536 before the start, or LimitNOFILE=65536 in the unit";
  return out;
}

finding check_disk(const serve_config& config, const doctor_view& machine) {
  std::error_code none;
  const std::uintmax_t size = fs::file_size(config.database, none);
  const std::uint64_t taken = none ? 0 : size;
  finding out{.check = "disk", .what = text_of(machine.disk_free) + " free beside the database"};
  if (machine.disk_free < 100 * mebibyte)
    out.state = finding_state::fail;
  else if (machine.disk_free < std::max<std::uint64_t>(1024 * mebibyte, taken))
    out.state = finding_state::warn;
  if (out.state != finding_state::ok)
    out.cure = "free some: a write-ahead log may grow, and a backup or a migration back takes another " +
               text_of(taken);
  return out;
}

finding check_folder(const serve_config& config) {
  const fs::path folder = existing_folder(folder_of(config));
  if (::access(folder.c_str(), W_OK | X_OK) == 0)
    return {.check = "folder", .what = folder.string() + " can be written"};
  return {.check = "folder",
          .state = finding_state::fail,
          .what = folder.string() + " cannot be written: " + std::generic_category().message(errno),
          .cure = "chown it to the user of the server, or give another --database"};
}

// Files that speak of patients, and the key, are their owner's alone.
finding check_mode(std::string_view check, const std::string& path) {
  struct stat about{};
  if (::stat(path.c_str(), &about) != 0)
    return {.check = check,
            .state = finding_state::fail,
            .what = path + ": " + std::generic_category().message(errno),
            .cure = "let the user of the server read it"};
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) == 0)
    return {.check = check, .what = path + " is its owner's alone"};
  return {.check = check,
          .state = check == "key" ? finding_state::fail : finding_state::warn,
          .what = path + " is open to others than its owner",
          .cure = "chmod 600 " + path};
}

finding check_key(const serve_config& config) {
  const std::string path = key_path(config.database).string();
  std::error_code none;
  if (!fs::exists(path, none)) {
    if (!fs::exists(config.database, none)) return {.check = "key", .what = path + " will be made"};
    return {.check = "key",
            .state = finding_state::fail,
            .what = path + " is missing, and patients of the database can be found again only with it",
            .cure = "bring it back from the backup: it lies beside each copy of the database"};
  }
  finding out = check_mode("key", path);
  const auto size = fs::file_size(path, none);
  if (out.state == finding_state::ok && size != secret_key_size)
    out = {.check = "key",
           .state = finding_state::fail,
           .what = fmt::format("{} has {} bytes instead of {}", path, size, secret_key_size),
           .cure = "bring it back from the backup"};
  return out;
}

finding check_token(const serve_config& config) {
  if (!config.token_is_generated) return {.check = "admin token", .what = "is given"};
  return {.check = "admin token",
          .state = finding_state::warn,
          .what = "is made anew at each start, so nobody can keep it",
          .cure = "umask 077; openssl rand -base64 32 > admin-token, and give --admin-token-file"};
}

finding check_clock(const serve_config& config, const doctor_view& machine) {
  const std::chrono::sys_days released = std::chrono::year(2025) / std::chrono::January / 1;
  std::error_code none;
  const auto written = fs::last_write_time(config.database, none);
  const bool is_behind_file =
      !none && std::chrono::file_clock::to_sys(written) > machine.now + std::chrono::minutes(5);
  if (machine.now < released || is_behind_file)
    return {.check = "clock",
            .state = finding_state::fail,
            .what = is_behind_file ? "is behind the time at which the database was written"
                                   : "is before 2025, when this program did not exist",
            .cure = "timedatectl set-ntp true"};
  if (!machine.clock_is_synchronised)
    return {.check = "clock",
            .state = finding_state::warn,
            .what = "is set by nobody, as far as the kernel knows",
            .cure = "timedatectl set-ntp true; within a container this is the host's business"};
  return {.check = "clock", .what = "is synchronised"};
}

}  // namespace

std::string_view name_of(finding_state state) noexcept {
  if (state == finding_state::ok) return "ok";
  return state == finding_state::warn ? "warn" : "fail";
}

doctor_view doctor_view::of_machine(const serve_config& config) {
  doctor_view out;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) out.descriptors = limit.rlim_cur;
  std::error_code none;
  const auto space = fs::space(existing_folder(folder_of(config)), none);
  if (!none) out.disk_free = space.available;
  out.now = hasten::wall_clock_source::now();
  timex clock{};
  out.clock_is_synchronised = ::adjtimex(&clock) != TIME_ERROR;
  return out;
}

std::vector<finding> examine(const checked_config& checked, const doctor_view& machine) {
  std::vector<finding> out;
  for (const std::string& sentence : checked.errors)
    out.push_back(
        {.check = "configuration", .state = finding_state::fail, .what = sentence, .cure = "correct it"});
  for (const std::string& sentence : checked.warnings)
    out.push_back(
        {.check = "configuration", .state = finding_state::warn, .what = sentence, .cure = "correct it"});
  if (!checked.errors.empty()) return out;  // the rest would be about what nobody meant
  const serve_config& config = checked.config;
  if (out.empty()) out.push_back({.check = "configuration", .what = "is sound"});
  out.push_back(check_port("port", config.address, config.port, "--"));
  if (!config.tls_certificate.empty()) {
    out.push_back(check_port("TLS port", config.tls_address, config.tls_port, "--tls-"));
    out.push_back(check_certificate(config, machine.now));
  }
  if (config.separates_admin)
    out.push_back(check_port("admin port", config.admin_address, config.admin_port, "--admin-"));
  out.push_back(check_descriptors(machine));
  out.push_back(check_folder(config));
  out.push_back(check_disk(config, machine));
  for (finding& each : examine_database(config.database, machine.patience)) out.push_back(std::move(each));
  std::error_code none;
  if (fs::exists(config.database, none)) out.push_back(check_mode("database file", config.database));
  out.push_back(check_key(config));
  out.push_back(check_token(config));
  out.push_back(check_clock(config, machine));
  return out;
}

finding_state worst_of(std::span<const finding> all) noexcept {
  finding_state worst = finding_state::ok;
  for (const finding& each : all) worst = std::max(worst, each.state);
  return worst;
}

}  // namespace claims_app
