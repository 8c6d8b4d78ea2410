// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <support/interleavings.hpp>

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// Models of the pool's queue and of its parking together, one access of shared memory a step, for explore(). The steps
/// carry the names that the headers give them.
namespace parking_models {

using small = std::int8_t;

/// What a model leaves out, to show that the walk finds what is lost then.
enum class without { nothing, look_before_sleep, wake_after_push, second_look };

// ---- parking, for both models ----

struct parking_state {
  small sleeping = 0;
  small searching = 0;
  small lock = -1;  // who holds it
  std::array<bool, 2> is_asleep{};
  std::array<bool, 2> is_woken{};
  auto operator<=>(const parking_state&) const = default;
};

/// wake_one() in steps. Returns: whether it is over.
template <class Thread>
stepped wake_one(parking_state& p, Thread& self, small id) {
  switch (self.wake) {
    case 0:
      if (p.lock >= 0) return stepped::blocked;
      if (p.sleeping == 0 || p.searching != 0) return stepped::finished;
      p.lock = id;
      self.wake = 1;
      return stepped::on;
    case 1:
      ++p.searching;
      self.wake = 2;
      return stepped::on;
    default:
      --p.sleeping;
      for (std::size_t i = 0; i < p.is_asleep.size(); ++i) {
        if (!p.is_asleep[i] || p.is_woken[i]) continue;
        p.is_woken[i] = true;
        break;
      }
      p.lock = -1;
      self.wake = 0;
      return stepped::finished;
  }
}

// ---- the ring, each of its accesses, with single tasks ----

/// Two producers, two workers and a ring of two slots.
struct ring_state {
  struct thread {
    small at = 0;
    small position = 0;  // the tail or the head that it read
    small wake = 0;
    small left = 0;  // to push
    bool is_searching = false;
    auto operator<=>(const thread&) const = default;
  };
  small tail = 0;
  small head = 0;
  std::array<small, 2> turn{0, 1};
  std::array<small, 2> slot{-1, -1};  // which element, or none
  std::array<small, 4> taken{};
  bool is_torn = false;  // an element was written over or read where none is
  parking_state parking;
  std::array<thread, 4> threads;
  auto operator<=>(const ring_state&) const = default;
};

inline small slot_of(small position) { return static_cast<small>(position & 1); }

inline stepped produce(ring_state& s, std::size_t number, without mutation) {
  auto& self = s.threads[number];
  const auto slot = static_cast<std::size_t>(slot_of(self.position));
  const auto next = [&](small at) {
    self.at = at;
    return stepped::on;
  };
  const auto is_over = [&] {
    --self.left;
    return next(0);
  };
  switch (self.at) {
    case 0:
      if (self.left == 0) return stepped::finished;
      self.position = s.tail;
      return next(mutation == without::wake_after_push ? 6 : 1);
    case 1:  // is it full?
      return next(self.position - s.head >= 2 ? 0 : 2);
    case 2:
      return next(s.turn[slot] == self.position ? 3 : 0);
    case 3:  // P1, the claim
      if (s.tail != self.position) return next(0);
      ++s.tail;
      return next(4);
    case 4:
      s.is_torn |= s.slot[slot] != -1;
      s.slot[slot] = static_cast<small>(2 * static_cast<int>(number) + self.left - 1);
      return next(5);
    case 5:
      s.turn[slot] = static_cast<small>(self.position + 1);
      if (mutation == without::wake_after_push) return is_over();
      return next(6);
    case 6:  // P2
      if (s.parking.sleeping != 0) return next(7);
      return mutation == without::wake_after_push ? next(1) : is_over();
    case 7:  // P3
      if (s.parking.searching == 0) return next(8);
      return mutation == without::wake_after_push ? next(1) : is_over();
    default: {
      const stepped woke = wake_one(s.parking, self, static_cast<small>(number));
      if (woke != stepped::finished) return woke;
      return mutation == without::wake_after_push ? next(1) : is_over();
    }
  }
}

inline stepped consume(ring_state& s, std::size_t number, without mutation) {
  auto& self = s.threads[number];
  const std::size_t worker = number - 2;
  const auto slot = static_cast<std::size_t>(slot_of(self.position));
  const auto next = [&](small at) {
    self.at = at;
    return stepped::on;
  };
  switch (self.at) {
    case 0:  // try_pop
      self.position = s.head;
      return next(1);
    case 1:
      if (s.turn[slot] == self.position + 1) return next(2);
      if (s.turn[slot] > self.position + 1) return next(0);
      return next(self.is_searching ? 20 : 10);  // there is none
    case 2:
      if (s.head != self.position) return next(0);
      ++s.head;
      return next(3);
    case 3:
      s.is_torn |= s.slot[slot] == -1;
      if (s.slot[slot] >= 0) ++s.taken[static_cast<std::size_t>(s.slot[slot])];
      s.slot[slot] = -1;
      return next(4);
    case 4:
      s.turn[slot] = static_cast<small>(self.position + 2);
      return next(self.is_searching ? 30 : 0);
    case 10:  // start_search
      ++s.parking.searching;
      self.is_searching = true;
      return next(0);
    case 20:  // park: W1
      if (s.parking.lock >= 0) return stepped::blocked;
      s.parking.lock = static_cast<small>(number);
      ++s.parking.sleeping;
      return next(21);
    case 21:
      --s.parking.searching;
      return next(mutation == without::look_before_sleep ? 26 : 22);
    case 22:  // W2: is_empty(), the head before the tail
      self.position = s.head;
      return next(23);
    case 23:
      return next(self.position == s.tail ? 26 : 24);
    case 24:
      ++s.parking.searching;
      return next(25);
    case 25:
      --s.parking.sleeping;
      s.parking.lock = -1;
      return next(0);
    case 26:
      s.parking.is_asleep[worker] = true;
      s.parking.lock = -1;
      return next(27);
    case 27:
      if (!s.parking.is_woken[worker]) {
        // Asleep for good is how a worker ends, if nothing is left.
        const bool is_done = s.head == s.tail && s.threads[0].left + s.threads[1].left == 0;
        return is_done ? stepped::finished : stepped::blocked;
      }
      s.parking.is_asleep[worker] = s.parking.is_woken[worker] = false;
      return next(0);
    case 30:  // stop_search
      self.is_searching = false;
      return next(--s.parking.searching == 0 ? 31 : 0);
    case 31:
      return next(s.parking.sleeping != 0 ? 32 : 0);
    case 32:
      self.position = s.head;
      return next(33);
    case 33:
      return next(self.position == s.tail ? 0 : 34);
    default: {
      const stepped woke = wake_one(s.parking, self, static_cast<small>(number));
      return woke == stepped::finished ? next(0) : woke;
    }
  }
}

/// Returns: what is found when producers push so many elements each, to so many workers.
inline exploration walk_ring(small first, small second, std::size_t workers, without mutation) {
  ring_state start;
  start.threads[0].left = first;
  start.threads[1].left = second;
  std::vector<model_thread<ring_state>> threads;
  for (std::size_t i = 0; i < 2 + workers; ++i) {
    threads.emplace_back(
        [i, mutation](ring_state& s) { return i < 2 ? produce(s, i, mutation) : consume(s, i, mutation); });
  }
  return explore<ring_state>(start, threads, [&](const ring_state& s, bool is_over) -> std::string {
    if (s.is_torn) return "an element was written over, or read where none is";
    for (const small count : s.taken)
      if (count > 1) return "an element was taken twice";
    int taken = 0;
    for (const small count : s.taken) taken += count;
    return is_over && taken != first + second ? "an element was lost" : "";
  });
}

// ---- a batch, of which the ring holds a ticket ----

struct batch_state {
  struct thread {
    small at = 0;
    small wake = 0;
    small index = 0;
    bool is_searching = false;
    bool is_holding = false;
    auto operator<=>(const thread&) const = default;
  };
  static constexpr small count = 2;  // tasks of the batch
  small tickets = 0;
  small open = 0;
  small claimed = 0;
  small list_lock = -1;
  std::array<small, count> ran{};
  parking_state parking;
  std::array<thread, 3> threads;  // a producer and two workers
  auto operator<=>(const batch_state&) const = default;
};

inline stepped produce_batch(batch_state& s) {
  auto& self = s.threads[0];
  const auto next = [&](small at) {
    self.at = at;
    return stepped::on;
  };
  switch (self.at) {
    case 0:
      s.list_lock = 0;  // nobody else is there yet
      return next(1);
    case 1:
      ++s.tickets;
      return next(2);
    case 2:
      ++s.open;
      return next(3);
    case 3:
      s.list_lock = -1;
      return next(4);
    case 4:
      return next(s.parking.sleeping != 0 ? 5 : 7);
    case 5:
      return next(s.parking.searching == 0 ? 6 : 7);
    case 6: {
      const stepped woke = wake_one(s.parking, self, 0);
      return woke == stepped::finished ? next(7) : woke;
    }
    default:
      return stepped::finished;
  }
}

inline stepped work_batch(batch_state& s, std::size_t number, without mutation) {
  auto& self = s.threads[number];
  const auto next = [&](small at) {
    self.at = at;
    return stepped::on;
  };
  const auto found = [&](bool is_some, small yes, small no) { return next(is_some ? yes : no); };
  switch (self.at) {
    case 0:  // the batch in hand, or the ring
      if (self.is_holding) return next(4);
      if (s.tickets != 0) {
        --s.tickets;
        self.is_holding = true;
        return next(4);
      }
      return next(1);
    case 1:
      return found(s.open != 0, 2, self.is_searching ? 20 : 10);
    case 2:  // the oldest of the list
      if (s.list_lock >= 0) return stepped::blocked;
      self.is_holding = s.open != 0;
      return found(self.is_holding, 4, self.is_searching ? 20 : 10);
    case 4:
      if (s.claimed < batch_state::count) return next(5);
      self.is_holding = false;
      return next(0);
    case 5:
      if (s.claimed >= batch_state::count) return next(4);
      self.index = s.claimed++;
      ++s.ran[static_cast<std::size_t>(self.index)];
      return found(self.index + 1 == batch_state::count, 6, self.is_searching ? 30 : 0);
    case 6:  // retire
      if (s.list_lock >= 0) return stepped::blocked;
      --s.open;
      return next(self.is_searching ? 30 : 0);
    case 10:
      ++s.parking.searching;
      self.is_searching = true;
      return next(0);
    case 20:
      if (s.parking.lock >= 0) return stepped::blocked;
      s.parking.lock = static_cast<small>(number);
      ++s.parking.sleeping;
      return next(21);
    case 21:
      --s.parking.searching;
      return next(mutation == without::look_before_sleep ? 26 : 22);
    case 22:
      return found(s.tickets != 0, 24, 23);
    case 23:
      return found(s.open != 0, 24, 26);
    case 24:
      ++s.parking.searching;
      return next(25);
    case 25:
      --s.parking.sleeping;
      s.parking.lock = -1;
      return next(0);
    case 26:
      s.parking.is_asleep[number - 1] = true;
      s.parking.lock = -1;
      return next(27);
    case 27:
      if (!s.parking.is_woken[number - 1])
        return s.claimed == batch_state::count && s.open == 0 ? stepped::finished : stepped::blocked;
      s.parking.is_asleep[number - 1] = s.parking.is_woken[number - 1] = false;
      return next(0);
    case 30:
      self.is_searching = false;
      return next(--s.parking.searching == 0 ? 31 : 0);
    case 31:
      return found(s.parking.sleeping != 0, 32, 0);
    case 32:
      return found(s.tickets != 0 || s.open != 0, 34, 0);
    default: {
      const stepped woke = wake_one(s.parking, self, static_cast<small>(number));
      return woke == stepped::finished ? next(0) : woke;
    }
  }
}

inline exploration walk_batch(without mutation) {
  std::vector<model_thread<batch_state>> threads{[](batch_state& s) { return produce_batch(s); },
                                                 [=](batch_state& s) { return work_batch(s, 1, mutation); },
                                                 [=](batch_state& s) { return work_batch(s, 2, mutation); }};
  return explore<batch_state>({}, threads, [](const batch_state& s, bool is_over) -> std::string {
    for (const small count : s.ran)
      if (count > 1) return "a task ran twice";
    if (s.open < 0) return "a batch was taken off twice";
    return is_over && s.ran != std::array<small, 2>{1, 1} ? "a task was lost" : "";
  });
}

// ---- a pause, and a task pushed after it ----

struct pause_state {
  bool is_paused = false;
  bool is_in = false;
  bool is_taken = false;
  std::array<small, 2> at{};  // who pauses and then pushes, and a worker
  auto operator<=>(const pause_state&) const = default;
};

inline exploration walk_pause(without mutation) {
  const auto pause_and_push = [](pause_state& s) {
    switch (s.at[0]++) {
      case 0:
        s.is_paused = true;
        return stepped::on;
      case 1:
        s.is_in = true;
        return stepped::on;
      default:
        return stepped::finished;
    }
  };
  const auto work = [mutation](pause_state& s) {
    const auto next = [&](small at) {
      s.at[1] = at;
      return stepped::on;
    };
    switch (s.at[1]) {
      case 0:
        return s.is_paused ? stepped::finished : next(1);
      case 1:  // the turn of the slot, or the list of batches
        if (!s.is_in) return next(0);
        return next(mutation == without::second_look ? 3 : 2);
      case 2:
        return next(s.is_paused ? 0 : 3);
      case 3:
        s.is_taken = true;
        return next(4);
      default:
        return stepped::finished;
    }
  };
  return explore<pause_state>({}, {pause_and_push, work}, [](const pause_state& s, bool) -> std::string {
    return s.is_taken ? "a task was started in a pause" : "";
  });
}

}  // namespace parking_models
