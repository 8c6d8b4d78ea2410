// SPDX-License-Identifier: BSL-1.0
#include <hasten/metrics/alert_board.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using hasten::alert_reading;
using hasten::alert_source;
using hasten::alert_state;

namespace {

const hasten::wall_time noon{12h};

alert_source above_one(std::string name, const double& value, hasten::label_set labels = {}) {
  return {.rule = {.name = std::move(name), .raise = 1, .clear = 1, .labels = std::move(labels)},
          .read = [&value] { return alert_reading{.value = value}; }};
}

struct ticking {
  hasten::manual_clock clock{};

  // The names of what is told, with "!" for firing and "." for over.
  std::vector<std::string> operator()(hasten::alert_board& board) {
    clock.advance(10s);
    std::vector<std::string> told;
    for (const auto& notice : board.tick(clock.now(), noon))
      told.push_back(notice.name + (notice.firing ? "!" : "."));
    return told;
  }
};

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("somebody is told once that an alert fires and once that it is over") {
  double value = 0;
  hasten::alert_board board({above_one("Slow", value)});
  ticking tick;
  CHECK(tick(board).empty());
  value = 2;
  CHECK(tick(board) == names{"Slow!"});
  CHECK(tick(board).empty());
  value = 0;
  CHECK(tick(board) == names{"Slow."});
  CHECK(tick(board).empty());
  const auto history = board.history();
  REQUIRE(history.size() == 2);
  CHECK(history[0].fingerprint == history[1].fingerprint);
  CHECK(history[0].value == 2.0);
  CHECK(history[0].at == noon);
}

TEST_CASE("alerts of one name are told apart by their labels, in whatever order these are given") {
  const double value = 2;
  hasten::alert_board board({above_one("Slow", value, {{"route", "/a"}, {"method", "GET"}}),
                             above_one("Slow", value, {{"route", "/b"}, {"method", "GET"}})});
  ticking tick;
  CHECK(tick(board) == names{"Slow!", "Slow!"});
  const auto current = board.current();
  CHECK(current[0].about.fingerprint != current[1].about.fingerprint);
  hasten::alert_board other({above_one("Slow", value, {{"method", "GET"}, {"route", "/a"}})});
  CHECK(other.current()[0].about.fingerprint == current[0].about.fingerprint);
}

TEST_CASE("nobody is told of what is silenced, unless it outlasts the silence") {
  double value = 2;
  hasten::alert_board board({above_one("Slow", value, {{"route", "/a"}}), above_one("Errors", value)});
  ticking tick;
  const auto number = board.silence(
      {.name = "Slow", .labels = {{"route", "/a"}}, .until = tick.clock.now() + 35s, .reason = "deploy"});
  REQUIRE(number);
  CHECK(tick(board) == names{"Errors!"});
  CHECK(board.current()[0].silenced);
  CHECK(board.current()[0].state == alert_state::firing);
  CHECK(tick(board).empty());
  CHECK(tick(board).empty());
  CHECK(tick(board) == names{"Slow!"});
  CHECK(board.silences().empty());
  value = 0;
  CHECK(tick(board) == names{"Slow.", "Errors."});
}

TEST_CASE("a silence is for what it names, and who was told is told the end even in silence") {
  double value = 2;
  hasten::alert_board board({above_one("Slow", value, {{"route", "/a"}})});
  ticking tick;
  CHECK(board.silence({.labels = {{"route", "/other"}}, .until = tick.clock.now() + 1h}));
  CHECK(tick(board) == names{"Slow!"});
  const auto all = board.silence({.until = tick.clock.now() + 1h});
  value = 0;
  CHECK(tick(board) == names{"Slow."});
  value = 2;
  CHECK(tick(board).empty());
  CHECK(board.unsilence(*all));
  CHECK_FALSE(board.unsilence(*all));
  CHECK(tick(board) == names{"Slow!"});
}

TEST_CASE("what another alert explains is not told while that one fires") {
  double database = 2;
  const double latency = 2;
  auto slow = above_one("Slow", latency);
  slow.inhibited_by = {"DatabaseDown"};
  hasten::alert_board board({slow, above_one("DatabaseDown", database)});
  ticking tick;
  CHECK(tick(board) == names{"DatabaseDown!"});
  CHECK(board.current()[0].inhibited);
  database = 0;
  CHECK(tick(board) == names{"Slow!", "DatabaseDown."});
}

TEST_CASE("a reading that throws is no data and is counted") {
  hasten::alert_board board(
      {{.rule = {.name = "Gone", .raise = 1, .clear = 1, .no_data = hasten::alert_no_data::fire},
        .read = []() -> alert_reading { throw std::runtime_error("no pool"); }}});
  ticking tick;
  CHECK(tick(board) == names{"Gone!"});
  CHECK(board.read_failures() == 1);
}

TEST_CASE("history and silences are bounded") {
  double value = 0;
  hasten::alert_board board({above_one("Slow", value)}, {.history_max = 3, .silences_max = 1});
  ticking tick;
  for (int i = 0; i < 10; ++i) {
    value = i % 2 == 0 ? 2 : 0;
    CHECK(tick(board).size() == 1);
  }
  CHECK(board.history().size() == 3);
  CHECK_FALSE(board.history().back().firing);
  CHECK(board.silence({.until = tick.clock.now() + 1h}));
  CHECK_FALSE(board.silence({.until = tick.clock.now() + 1h}));
}

TEST_CASE("sources that break a rule are refused by name") {
  using Catch::Matchers::Message;
  const double value = 0;
  CHECK_THROWS_MATCHES(hasten::alert_board({{.rule = {.name = "Slow"}, .read = nullptr}}),
                       std::invalid_argument, Message("alert_board: \"Slow\" needs something to read"));
  CHECK_THROWS_MATCHES(hasten::alert_board({above_one("Slow", value), above_one("Slow", value)}),
                       std::invalid_argument,
                       Message("alert_board: there are two alerts \"Slow\" with the same labels"));
  CHECK_THROWS_MATCHES(hasten::alert_board({}, {.history_max = 0}), std::invalid_argument,
                       Message("alert_board: history_max must be 1..100000, got 0"));
  CHECK_THROWS_MATCHES(hasten::alert_board({}, {.silences_max = 20'000}), std::invalid_argument,
                       Message("alert_board: silences_max must be 0..10000, got 20000"));
}

TEST_CASE("a reading may throw anything") {
  hasten::alert_board board(
      {{.rule = {.name = "Gone", .raise = 1, .clear = 1}, .read = []() -> alert_reading { throw 1; }}});
  ticking tick;
  CHECK(tick(board).empty());
  CHECK(board.read_failures() == 1);
}

TEST_CASE("what fires is told again as often as it is asked for, with when it began") {
  double value = 2;
  hasten::alert_board board({above_one("Slow", value), above_one("Quiet", value, {{"a", "b"}})});
  board.silence({.name = "Quiet", .until = hasten::steady_time(1h)});
  static_cast<void>(board.tick(hasten::steady_time(1s), noon));
  const auto again = board.firing(noon + 1min);
  REQUIRE(again.size() == 1);  // nobody was told of the other
  CHECK(again[0].name == "Slow");
  CHECK(again[0].firing);
  CHECK(again[0].starts_at == noon);
  CHECK(again[0].at == noon + 1min);
  CHECK(board.rules().size() == 2);
  value = 0;
  const auto over = board.tick(hasten::steady_time(2s), noon + 2min);
  REQUIRE(over.size() == 1);
  CHECK(over[0].starts_at == noon);
  CHECK(board.firing(noon).empty());
}
