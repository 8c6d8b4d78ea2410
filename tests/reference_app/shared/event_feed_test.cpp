// SPDX-License-Identifier: BSL-1.0
#include "shared/event_feed.hpp"

#include <catch2/catch_test_macros.hpp>

#include <stdexcept>
#include <string>

using claims_app::event_feed;

TEST_CASE("a listener is woken and takes what is new, once") {
  event_feed feed;
  int woken = 0;
  const auto listener = feed.subscribe({}, [&] { ++woken; });
  REQUIRE(listener);
  CHECK(feed.take(*listener).empty());
  feed.publish("tick", "{}");
  CHECK(woken == 1);
  CHECK(feed.take(*listener) == "id: 1\nevent: tick\ndata: {}\n\n");
  CHECK(feed.take(*listener).empty());
  feed.unsubscribe(*listener);
  feed.publish("tick", "{}");
  CHECK(woken == 1);
  CHECK(feed.take(*listener).empty());
}

TEST_CASE("who is far behind gets the latest event only, but all that it asks for at first") {
  event_feed feed({.kept_max = 10, .behind_max = 3});
  for (int event = 1; event <= 20; ++event) feed.publish("tick", std::to_string(event));
  const auto resumed = feed.subscribe(12, [] {});
  const std::string first = feed.take(*resumed);
  CHECK(first.starts_with("id: 13\n"));
  CHECK(first.find("id: 20\n") != std::string::npos);
  for (int event = 21; event <= 24; ++event) feed.publish("tick", std::to_string(event));
  CHECK(feed.take(*resumed) == "id: 24\nevent: tick\ndata: 24\n\n");

  const auto from_another_life = feed.subscribe(1'000'000, [] {});
  CHECK(feed.take(*from_another_life).empty());
  const auto fresh = feed.subscribe({}, [] {});
  CHECK(feed.take(*fresh).starts_with("id: 24\n"));
}

TEST_CASE("listeners are capped, and options out of range are refused") {
  event_feed feed({.kept_max = 1, .listeners_max = 1, .behind_max = 1});
  CHECK(feed.subscribe({}, [] {}));
  CHECK_FALSE(feed.subscribe({}, [] {}));
  CHECK(feed.listeners() == 1);
  CHECK_THROWS_AS(event_feed({.kept_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(event_feed({.listeners_max = 0}), std::invalid_argument);
  CHECK_THROWS_AS(event_feed({.kept_max = 2, .behind_max = 3}), std::invalid_argument);
}
