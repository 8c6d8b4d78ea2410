// SPDX-License-Identifier: BSL-1.0
#include <hasten/cache/memory_cache.hpp>

#include <catch2/catch_test_macros.hpp>

#include <support/interleavings.hpp>

#include <array>
#include <compare>
#include <string>

// The protocols that memory_cache rests on, as models that are small enough to be tried in every order. Each has a twin with
// one precaution left out, which has to be found wrong: else the model would prove nothing.

namespace {

/// A bucket: a writer replaces the entry of key 1 by one of key 2 and both words of its value; a reader of key 1 copies.
struct bucket_model {
  bool checks_again = true;  // the reader looks at the version a second time
  bool announces = true;     // the writer marks the bucket before it writes
  int version = 0;           // odd while a writer is at work
  int key = 1;
  std::array<int, 2> value{1, 1};
  int writer_at = 0;
  int rounds = 0;
  int reader_at = 0;
  int seen_version = 0;
  int seen_key = 0;
  std::array<int, 2> copy{};
  bool torn = false;
  auto operator<=>(const bucket_model&) const = default;
};

stepped write_bucket(bucket_model& s) {
  const int next = s.rounds + 2;
  switch (s.writer_at) {
    case 0:
      if (s.rounds == 2) return stepped::finished;
      if (s.announces) s.version += 1;
      break;
    case 1:
      s.key = next;
      break;
    case 2:
      s.value[0] = next;
      break;
    case 3:
      s.value[1] = next;
      break;
    default:
      s.version += s.announces ? 1 : 2;
      ++s.rounds;
      s.writer_at = 0;
      return stepped::on;
  }
  ++s.writer_at;
  return stepped::on;
}

stepped read_bucket(bucket_model& s) {
  switch (s.reader_at) {
    case 0:
      if (s.version % 2 == 1) return stepped::on;  // tries again
      s.seen_version = s.version;
      break;
    case 1:
      s.seen_key = s.key;
      break;
    case 2:
      s.copy[0] = s.value[0];
      break;
    case 3:
      s.copy[1] = s.value[1];
      break;
    case 4:
      if (s.checks_again && s.version != s.seen_version) {
        s.reader_at = 0;
        s.seen_version = s.seen_key = 0;
        s.copy = {};
        return stepped::on;
      }
      s.torn = s.copy[0] != s.copy[1] || s.copy[0] != s.seen_key;
      break;
    default:
      return stepped::finished;
  }
  ++s.reader_at;
  return stepped::on;
}

std::string bucket_wrong(const bucket_model& s, bool) {
  return s.torn ? "half of one entry, half of another" : "";
}

/// One key, its row in a database, its cache entry and its flight. Two callers ask; a third changes the row and erases the
/// entry, the row first.
struct flight_model {
  bool forgets = true;        // erasing makes a load under way not be kept
  bool forgets_first = true;  // and does so before the entry is taken out
  bool looks_again = true;    // a leader looks into the cache before it loads
  int row = 1;
  int entry = 0;   // 0: none
  int flight = 0;  // 0: none; else the caller that leads it
  bool forgotten = false;
  std::array<int, 3> done{};  // by leader: the value that its flight ended with
  struct caller {
    int at = 0;
    int waits_for = 0;
    int value = 0;
    bool kept = false;
    auto operator<=>(const caller&) const = default;
  };
  std::array<caller, 3> callers{};  // the first is not used
  int eraser_at = 0;
  int loads = 0;
  auto operator<=>(const flight_model&) const = default;
};

model_thread<flight_model> asks(int me) {
  return [me](flight_model& s) {
    auto& mine = s.callers[static_cast<std::size_t>(me)];
    switch (mine.at) {
      case 0:  // looks
        mine.value = s.entry;
        mine.at = mine.value != 0 ? 9 : 1;
        return stepped::on;
      case 1:  // boards, under the lock
        if (s.flight != 0) {
          mine.waits_for = s.flight;
          mine.at = 8;
        } else {
          s.flight = me;
          s.forgotten = false;
          mine.at = s.looks_again ? 2 : 3;
        }
        return stepped::on;
      case 2:  // looks again
        mine.value = s.entry;
        mine.at = mine.value != 0 ? 5 : 3;
        return stepped::on;
      case 3:  // loads
        mine.value = s.row;
        ++s.loads;
        mine.at = 4;
        return stepped::on;
      case 4:  // settles: keeps the value unless forgotten, under the lock
        if (s.flight == me) {
          s.entry = mine.value;
          s.flight = 0;
        }
        mine.at = 6;
        return stepped::on;
      case 5:  // settles with what the cache has
        if (s.flight == me) s.flight = 0;
        mine.at = 6;
        return stepped::on;
      case 6:  // tells those who wait
        s.done[static_cast<std::size_t>(me)] = mine.value;
        mine.at = 9;
        return stepped::on;
      case 8:  // waits
        if (s.done[static_cast<std::size_t>(mine.waits_for)] == 0) return stepped::blocked;
        mine.value = s.done[static_cast<std::size_t>(mine.waits_for)];
        mine.at = 9;
        return stepped::on;
      default:
        return stepped::finished;
    }
  };
}

stepped changes(flight_model& s) {
  switch (s.eraser_at) {
    case 0:
      s.row = 2;
      break;
    case 1:
      if (!s.forgets_first)
        s.entry = 0;
      else if (s.forgets)
        s.flight = 0;  // out of the table: its leader will find that it is not there any more
      break;
    case 2:
      if (s.forgets_first)
        s.entry = 0;
      else if (s.forgets)
        s.flight = 0;
      break;
    default:
      return stepped::finished;
  }
  ++s.eraser_at;
  return stepped::on;
}

std::string flight_wrong(const flight_model& s, bool all) {
  if (!all) return "";
  if (s.entry == 1) return "an outdated value stays in the cache";
  for (int i = 1; i < 3; ++i)
    if (s.callers[static_cast<std::size_t>(i)].value == 0) return "a caller got nothing";
  return "";
}

/// Two buckets and an entry that moves from the second to the first; a reader looks for it in one after the other.
struct move_model {
  bool counts = true;        // the writer counts the move
  bool counts_last = false;  // and does so after it
  bool looks_again = true;   // the reader looks at the count before and after
  std::array<bool, 2> here{false, true};
  int moves = 0;
  int writer_at = 0;
  int reader_at = 0;
  int seen_moves = 0;
  bool found = false;
  auto operator<=>(const move_model&) const = default;
};

stepped move_entry(move_model& s) {
  switch (s.writer_at) {
    case 0:
      s.here[0] = true;
      break;
    case 1:
      if (s.counts && !s.counts_last) ++s.moves;
      break;
    case 2:
      s.here[1] = false;
      break;
    case 3:
      if (s.counts && s.counts_last) ++s.moves;
      break;
    default:
      return stepped::finished;
  }
  ++s.writer_at;
  return stepped::on;
}

stepped find_entry(move_model& s) {
  switch (s.reader_at) {
    case 0:
      s.seen_moves = s.moves;
      break;
    case 1:
      s.found = s.here[0];
      break;
    case 2:
      s.found |= s.here[1];
      break;
    case 3:
      if (!s.found && s.looks_again && s.moves != s.seen_moves) {
        s.reader_at = 0;
        return stepped::on;
      }
      break;
    default:
      return stepped::finished;
  }
  ++s.reader_at;
  return stepped::on;
}

std::string move_wrong(const move_model& s, bool all) {
  return all && !s.found ? "an entry that was there all the time was not found" : "";
}

}  // namespace

TEST_CASE("in no order of steps does a reader miss an entry that moves to the bucket before") {
  const auto found = explore<move_model>({}, {move_entry, find_entry}, move_wrong);
  CHECK(found.violation.empty());
  CHECK(found.states > 20);
  CHECK(found.ends > 0);
}

TEST_CASE("without the count of moves, or with a count that comes after the move, it would") {
  CHECK(!explore<move_model>({.counts = false}, {move_entry, find_entry}, move_wrong).violation.empty());
  CHECK(!explore<move_model>({.looks_again = false}, {move_entry, find_entry}, move_wrong).violation.empty());
  CHECK(!explore<move_model>({.counts_last = true}, {move_entry, find_entry}, move_wrong).violation.empty());
}

TEST_CASE("in no order of steps does a reader get half of an entry") {
  const auto found = explore<bucket_model>({}, {write_bucket, read_bucket}, bucket_wrong);
  CHECK(found.violation.empty());
  CHECK(found.states > 100);
  CHECK(found.ends > 0);
}

TEST_CASE("without the second look at the version, or without the mark of the writer, it would") {
  CHECK(!explore<bucket_model>({.checks_again = false}, {write_bucket, read_bucket}, bucket_wrong)
             .violation.empty());
  CHECK(!explore<bucket_model>({.announces = false}, {write_bucket, read_bucket}, bucket_wrong)
             .violation.empty());
}

TEST_CASE("in no order of steps does a load that began before an erasure leave its value behind") {
  const auto found = explore<flight_model>({}, {asks(1), asks(2), changes}, flight_wrong);
  CHECK(found.violation.empty());
  CHECK(found.states > 100);
  CHECK(found.ends > 0);
}

TEST_CASE("without forgetting the flight, or with the entry taken out before it, it would") {
  CHECK(explore<flight_model>({.forgets = false}, {asks(1), asks(2), changes}, flight_wrong).violation ==
        "an outdated value stays in the cache");
  CHECK(
      explore<flight_model>({.forgets_first = false}, {asks(1), asks(2), changes}, flight_wrong).violation ==
      "an outdated value stays in the cache");
}

TEST_CASE("two callers that nobody disturbs load once, because a leader looks again") {
  const auto more_than_once = [](const flight_model& s, bool) -> std::string {
    return s.loads > 1 ? "twice" : "";
  };
  CHECK(explore<flight_model>({}, {asks(1), asks(2)}, more_than_once).violation.empty());
  CHECK(explore<flight_model>({.looks_again = false}, {asks(1), asks(2)}, more_than_once).violation ==
        "twice");
}
