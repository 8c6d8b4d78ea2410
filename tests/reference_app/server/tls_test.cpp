// SPDX-License-Identifier: BSL-1.0
#include "admin/certificate_watch.hpp"
#include "e2e/tls_client.hpp"
#include "server/tls_certificate.hpp"
#include "server/toy_server.hpp"
#include "support/self_signed.hpp"
#include "support/temporary_folder.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using namespace claims_app;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using e2e::raw_client;
using e2e::tls_client;

namespace {

hasten::wall_time now() { return hasten::wall_clock_source::now(); }

// The toys behind both ways in.
struct toys_with_tls {
  explicit toys_with_tls(server::options chosen = {}) : running(with_tls(std::move(chosen))) {}

  server::options with_tls(server::options chosen) const {
    chosen.encrypted = encrypted_entrance{
        .address = "127.0.0.1", .port = 0, .files = {.certificate = made.certificate, .key = made.key}};
    return chosen;
  }
  [[nodiscard]] int port() { return running.http().tls_port(); }

  // What is served from the next reload on.
  void replace(const self_signed& by) const {
    std::filesystem::copy_file(by.certificate, made.certificate,
                               std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(by.key, made.key, std::filesystem::copy_options::overwrite_existing);
  }

  temporary_folder folder;
  self_signed made{folder.path(), "server"};
  toy_server running;
};

bool says_strict_transport(const std::string& answer_head) {
  return answer_head.find("\r\nStrict-Transport-Security: max-age=31536000\r\n") != std::string::npos;
}

}  // namespace

TEST_CASE("the same routes answer in TLS 1.2, in TLS 1.3 and in plain, and only TLS says to stay in it") {
  toys_with_tls toys;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client client(toys.port(), {.version_least = version, .version_most = version});
    REQUIRE(client.shake_hands());
    CHECK(client.version() == (version == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3"));
    client.send("GET /now" + head + "GET /nowhere" + head);
    const auto got = client.read();
    CHECK(got.body == "now");
    CHECK(says_strict_transport(got.head));
    CHECK(says_strict_transport(client.read().head));
  }
  raw_client plain(toys.running.port());
  plain.send("GET /now" + head);
  const auto got = plain.read();
  CHECK(got.body == "now");
  CHECK(got.head.find("Strict-Transport") == std::string::npos);
}

TEST_CASE("versions and ciphers that are obsolete are refused") {
  toys_with_tls toys;
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    tls_client client(toys.port(), {.version_least = version, .version_most = version});
    CHECK_FALSE(client.shake_hands());
  }
  for (const char* const cipher :
       {"ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "AES128-GCM-SHA256", "aNULL"}) {
    tls_client client(toys.port(), {.version_most = TLS1_2_VERSION, .ciphers = cipher});
    CHECK_FALSE(client.shake_hands());
  }
}

TEST_CASE("a client that offers protocols is answered in HTTP/1.1 or not at all") {
  toys_with_tls toys;
  tls_client either(toys.port(), {.protocols = "\x02h2\x08http/1.1"});
  REQUIRE(either.shake_hands());
  CHECK(either.protocol() == "http/1.1");
  tls_client other(toys.port(), {.protocols = "\x02h2"});
  CHECK_FALSE(other.shake_hands());
  tls_client silent(toys.port());
  REQUIRE(silent.shake_hands());
  CHECK(silent.protocol().empty());
}

TEST_CASE("renegotiation is refused, new keys are not") {
  toys_with_tls toys;
  tls_client old(toys.port(), {.version_most = TLS1_2_VERSION});
  REQUIRE(old.shake_hands());
  CHECK_FALSE(old.renegotiate());
  tls_client young(toys.port(), {.version_least = TLS1_3_VERSION});
  REQUIRE(young.shake_hands());
  for (int count = 0; count < 3; ++count) {
    young.update_keys();
    young.send("GET /now" + head);
    CHECK(young.read().body == "now");
  }
}

TEST_CASE("a handshake and a request may come byte by byte") {
  toys_with_tls toys;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client client(toys.port(), {.version_least = version, .version_most = version, .step = 1});
    REQUIRE(client.shake_hands());
    client.send("GET /now" + head + "GET /now" + head);
    CHECK(client.read().body == "now");
    CHECK(client.read().body == "now");
  }
}

TEST_CASE("what is no TLS is closed on the port for TLS, and what is TLS is refused on the plain one") {
  toys_with_tls toys;
  raw_client plain(toys.port());
  plain.send("GET /now" + head);
  CHECK(plain.is_closed());
  raw_client noise(toys.port());
  noise.send(std::string(3000, '\xff'));
  while (!noise.take_all().empty()) {  // an alert at most
  }
  const std::string hello = tls_client(toys.port()).first_flight();
  raw_client wrong(toys.running.port());
  wrong.send(hello);
  CHECK(wrong.read().status == 400);
  tls_client fine(toys.port());
  CHECK(fine.shake_hands());
}

TEST_CASE("who begins a handshake and falls silent, or never begins, is let go at the deadline of a head") {
  server::options soon;
  soon.head_time = 100ms;
  toys_with_tls toys(soon);
  raw_client silent(toys.port());
  CHECK(silent.is_closed());
  const std::string hello = tls_client(toys.port()).first_flight();
  for (const std::size_t size : {std::size_t{1}, hello.size() / 2, hello.size()}) {
    raw_client half(toys.port());
    half.send(hello.substr(0, size));
    while (!half.take_all().empty()) {  // what the server said to a whole hello
    }
  }
  // A head that does not end is told so, as without TLS.
  tls_client slow(toys.port());
  REQUIRE(slow.shake_hands());
  slow.send("GET /now");
  CHECK(slow.read().status == 408);
  CHECK(slow.is_closed());
  CHECK(slow.was_told_goodbye());
}

TEST_CASE("clients that vanish during a handshake leave the server as it was") {
  toys_with_tls toys;
  const std::string hello = tls_client(toys.port()).first_flight();
  for (std::size_t size = 0; size <= hello.size(); size += 11) {
    raw_client client(toys.port());
    client.send(hello.substr(0, size));
    client.vanish();
  }
  tls_client client(toys.port());
  REQUIRE(client.shake_hands());
  client.send("GET /now" + head);
  CHECK(client.read().body == "now");
}

TEST_CASE("the server says goodbye before it closes, and takes the client's") {
  server::options soon;
  soon.idle_time = 100ms;
  toys_with_tls toys(soon);
  {
    tls_client client(toys.port());
    REQUIRE(client.shake_hands());
    client.send("GET /now HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    CHECK(client.read().body == "now");
    CHECK(client.is_closed());
    CHECK(client.was_told_goodbye());
  }
  {
    tls_client client(toys.port());
    REQUIRE(client.shake_hands());
    CHECK(client.is_closed());  // idle
    CHECK(client.was_told_goodbye());
  }
  {
    tls_client client(toys.port());
    REQUIRE(client.shake_hands());
    client.send("GET /now" + head);
    client.finish_sending();
    CHECK(client.read().body == "now");
    CHECK(client.is_closed());
  }
}

TEST_CASE("an answer larger than the kernel takes at once arrives whole through TLS") {
  toys_with_tls toys;
  tls_client client(toys.port());
  REQUIRE(client.shake_hands());
  client.send("GET /big" + head + "GET /held" + head + "GET /now" + head);
  toys.running.gate.release();
  CHECK((client.read().body == std::string(4 * 1024 * 1024, 'x')));
  CHECK(client.read().body == "held");
  CHECK(client.read().body == "now");
}

TEST_CASE("a client that takes nothing of what it asked for through TLS is let go") {
  server::options chosen;
  chosen.write_time = 300ms;
  toys_with_tls toys(chosen);
  tls_client greedy(toys.port());
  REQUIRE(greedy.shake_hands());
  std::string many;
  for (int count = 0; count < 20; ++count) many += "GET /big" + head;
  greedy.send(many);
  while (!greedy.is_reset()) std::this_thread::sleep_for(10ms);
  CHECK(toys.running.timing().route(4).count() < 20);
}

TEST_CASE("events are pushed through TLS as well") {
  toys_with_tls toys;
  tls_client client(toys.port());
  REQUIRE(client.shake_hands());
  client.send("GET /events" + head);
  while (toys.running.feed->listeners() == 0) std::this_thread::yield();
  toys.running.feed->publish("tick", "1");
  std::string all;
  while (all.find("data: 1\n\n") == std::string::npos) {
    const std::string more = client.take_all();
    REQUIRE_FALSE(more.empty());
    all += more;
  }
  CHECK(says_strict_transport(all));
  CHECK(toys.running.http().stop(hasten::steady_clock_source::now() + 30s) == 0);
  CHECK(client.is_closed());
  CHECK(client.was_told_goodbye());
}

TEST_CASE("connections in TLS and in plain count together against what one client may have") {
  server::options chosen;
  chosen.per_client = {.connections = 2};
  toys_with_tls toys(chosen);
  tls_client first(toys.port());
  REQUIRE(first.shake_hands());
  raw_client second(toys.running.port());
  second.send("GET /now" + head);
  CHECK(second.read().status == 200);
  tls_client third(toys.port());
  CHECK_FALSE(third.shake_hands());
  raw_client fourth(toys.running.port());
  CHECK(fourth.is_closed());
}

TEST_CASE("sessions are not resumed, so no key outlives its connection") {
  toys_with_tls toys;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    tls_client first(toys.port(), {.version_least = version, .version_most = version});
    REQUIRE(first.shake_hands());
    first.send("GET /now" + head);
    CHECK(first.read().status == 200);
    CHECK_FALSE(first.has_ticket());
  }
}

TEST_CASE("a reload shows the new certificate to new connections and disturbs no old one") {
  toys_with_tls toys;
  tls_client before(toys.port());
  REQUIRE(before.shake_hands());
  CHECK(before.serial() == 1);
  toys.replace(self_signed(toys.folder.path(), "next", {.until = 24h * 10, .rsa_bits = 2048, .serial = 2}));
  CHECK_FALSE(toys.running.http().reload_certificate());
  before.send("GET /now" + head);
  CHECK(before.read().body == "now");
  tls_client after(toys.port());
  REQUIRE(after.shake_hands());
  CHECK(after.serial() == 2);
  const auto reading = toys.running.http().certificate();
  REQUIRE(reading);
  CHECK(reading->reloads == 1);
  CHECK(reading->expires < now() + 24h * 11);
  CHECK(reading->expires > now() + 24h * 9);
}

TEST_CASE("a reload that finds nothing usable keeps the certificate, and says why") {
  toys_with_tls toys;
  const auto refusal = [&] {
    const auto said = toys.running.http().reload_certificate();
    REQUIRE(said);
    CHECK(toys.running.http().certificate()->last_reload_was_refused);
    tls_client client(toys.port());
    REQUIRE(client.shake_hands());
    CHECK(client.serial() == 1);
    return *said;
  };
  const self_signed good(toys.folder.path(), "good");
  const self_signed other(toys.folder.path(), "other", {.serial = 2});
  const self_signed rsa(toys.folder.path(), "rsa", {.rsa_bits = 2048, .serial = 3});
  const auto write = [](const std::string& path, const std::string& from) {
    std::filesystem::copy_file(from, path, std::filesystem::copy_options::overwrite_existing);
  };
  write(toys.made.key, other.key);
  CHECK_THAT(refusal(), ContainsSubstring("does not belong to the certificate"));
  write(toys.made.key, rsa.key);
  CHECK_THAT(refusal(), ContainsSubstring("does not belong to the certificate"));
  toys.replace(self_signed(toys.folder.path(), "old", {.from = -48h, .until = -24h, .serial = 4}));
  CHECK_THAT(refusal(), ContainsSubstring("has expired"));
  toys.replace(self_signed(toys.folder.path(), "early", {.from = 24h, .until = 48h, .serial = 5}));
  CHECK_THAT(refusal(), ContainsSubstring("does not count yet"));
  toys.replace(self_signed(toys.folder.path(), "weak", {.rsa_bits = 1024, .serial = 6}));
  CHECK_THAT(refusal(), ContainsSubstring("cannot be used"));
  std::ofstream(toys.made.certificate) << "no certificate\n";
  CHECK_THAT(refusal(), ContainsSubstring("cannot be used"));
  std::filesystem::remove(toys.made.certificate);
  CHECK_THAT(refusal(), ContainsSubstring("cannot be used"));
  write(toys.made.certificate, good.certificate);
  std::filesystem::remove(toys.made.key);
  CHECK_THAT(refusal(), ContainsSubstring("cannot be read"));
  CHECK(toys.running.http().certificate()->reloads_refused == 8);
  write(toys.made.key, good.key);
  CHECK_FALSE(toys.running.http().reload_certificate());
  CHECK_FALSE(toys.running.http().certificate()->last_reload_was_refused);
}

TEST_CASE("a certificate is judged before it is served") {
  const temporary_folder folder;
  const self_signed made(folder.path(), "made");
  const tls_context::options files{.certificate = made.certificate, .key = made.key};
  const tls_certificate held(files, now());
  CHECK(held.reading().expires > now() + 24h * 89);
  CHECK_FALSE(held.reading().last_reload_was_refused);
  CHECK_THROWS_WITH(tls_certificate(files, now() + 24h * 91), ContainsSubstring("has expired"));
  CHECK_THROWS_WITH(tls_certificate({.certificate = made.key, .key = made.key}, now()),
                    ContainsSubstring("cannot be used"));
  CHECK_THROWS_WITH(tls_certificate({.certificate = made.certificate, .key = made.certificate}, now()),
                    ContainsSubstring("none in PEM"));
}

TEST_CASE("connections come and go while certificates are reloaded") {
  toys_with_tls toys;
  const self_signed one(toys.folder.path(), "one", {.serial = 7});
  std::jthread reloading([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) static_cast<void>(toys.running.http().reload_certificate());
  });
  for (int count = 0; count < 50; ++count) {
    tls_client client(toys.port());
    REQUIRE(client.shake_hands());
    client.send("GET /now" + head);
    CHECK(client.read().body == "now");
  }
}

TEST_CASE("a stop lets a request under way finish through TLS") {
  toys_with_tls toys;
  tls_client busy(toys.port());
  REQUIRE(busy.shake_hands());
  busy.send("GET /held" + head);
  toys.running.held.acquire();
  tls_client idle(toys.port());
  REQUIRE(idle.shake_hands());
  std::jthread stopping([&] { toys.running.http().stop(hasten::steady_clock_source::now() + 30s); });
  CHECK(idle.is_closed());
  toys.running.gate.release();
  CHECK(busy.read().body == "held");
  CHECK(busy.is_closed());
  CHECK(busy.was_told_goodbye());
}

TEST_CASE("health warns two weeks before the certificate expires, and after a reload that was refused") {
  certificate_reading reading{.expires = hasten::wall_time(24h * 100)};
  hasten::wall_time at;
  const auto check = certificate_check([&] { return reading; }, [&] { return at; });
  CHECK_FALSE(check.critical);
  const auto status = [&](std::chrono::hours left) {
    at = reading.expires - left;
    return check.run().status;
  };
  CHECK(status(24h * 15) == hasten::health_status::pass);
  CHECK(check.run().observed == 15.0);
  CHECK(status(24h * 14) == hasten::health_status::warn);
  CHECK(status(1h) == hasten::health_status::warn);
  CHECK(status(0h) == hasten::health_status::fail);
  CHECK(status(24h * 15) == hasten::health_status::pass);
  reading.last_reload_was_refused = true;
  CHECK(status(24h * 15) == hasten::health_status::warn);
  const auto none =
      certificate_check([] { return std::optional<certificate_reading>(); }, [&] { return at; });
  CHECK(none.run().status == hasten::health_status::pass);
}
