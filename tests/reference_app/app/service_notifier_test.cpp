// SPDX-License-Identifier: BSL-1.0
#include "app/service_notifier.hpp"

#include "support/notify_socket.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

using claims_app::service_notifier;
using namespace std::chrono_literals;

namespace {

auto variables(std::map<std::string, std::string, std::less<>> all) {
  return [all = std::move(all)](std::string_view name) -> std::optional<std::string> {
    const auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional(found->second);
  };
}

}  // namespace

TEST_CASE("each state is told in one datagram, as systemd reads it") {
  const temporary_folder folder;
  const notify_socket systemd((folder.path() / "notify").string());
  const service_notifier notifier(variables({{"NOTIFY_SOCKET", systemd.name()}}));
  REQUIRE(notifier.is_listened_to());
  CHECK_FALSE(notifier.watchdog_time());
  notifier.starting("making up claims");
  CHECK(systemd.next() == "STATUS=making up claims\nEXTEND_TIMEOUT_USEC=120000000");
  notifier.ready();
  CHECK(systemd.next() == "READY=1\nSTATUS=serving");
  notifier.reloading(hasten::steady_time(1234567us));
  CHECK(systemd.next() == "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reading the configuration");
  notifier.alive();
  CHECK(systemd.next() == "WATCHDOG=1");
  notifier.stopping(10s);
  CHECK(systemd.next() == "STOPPING=1\nSTATUS=finishing requests under way\nEXTEND_TIMEOUT_USEC=40000000");
}

TEST_CASE("a socket of the abstract namespace is found as well") {
  const notify_socket systemd("@hasten-test-" + std::to_string(::getpid()));
  const service_notifier notifier(variables({{"NOTIFY_SOCKET", systemd.name()}}));
  CHECK(notifier.tell("READY=1"));
  CHECK(systemd.next() == "READY=1");
}

TEST_CASE("a watchdog holds for the process that it names") {
  const temporary_folder folder;
  const notify_socket systemd((folder.path() / "notify").string());
  const auto time = [&](const std::string& pid, const std::string& microseconds) {
    return service_notifier(variables({{"NOTIFY_SOCKET", systemd.name()},
                                       {"WATCHDOG_PID", pid},
                                       {"WATCHDOG_USEC", microseconds}}))
        .watchdog_time();
  };
  CHECK(time(std::to_string(::getpid()), "30000000") == 30s);
  CHECK_FALSE(time(std::to_string(::getpid() + 1), "30000000"));
  CHECK_FALSE(time(std::to_string(::getpid()), "soon"));
  CHECK_FALSE(time(std::to_string(::getpid()), "0"));
}

TEST_CASE("where nobody listens, nothing happens and nothing fails") {
  CHECK_FALSE(service_notifier(variables({})).tell("READY=1"));
  const temporary_folder folder;
  const std::string name = (folder.path() / "notify").string();
  for (const std::string& nobody :
       {name, std::string("relative"), std::string(), std::string("/"), "/" + std::string(200, 'x')})
    CHECK_FALSE(service_notifier(variables({{"NOTIFY_SOCKET", nobody}})).is_listened_to());
  std::optional<notify_socket> systemd(std::in_place, name);
  const service_notifier notifier(variables({{"NOTIFY_SOCKET", name}}));
  systemd.reset();
  CHECK_FALSE(notifier.tell("READY=1"));
}
