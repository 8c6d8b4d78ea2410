// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hasten {

/// Where a durable job stands. Exactly one of these holds at any time; docs/job_states.md draws them.
enum class job_state : std::uint8_t {
  scheduled,  ///< waits for its time: planned for later, snoozed, or between two attempts
  available,  ///< may be taken by any worker
  running,    ///< taken; its worker holds a lease that it has to renew
  completed,  ///< done; final
  cancelled,  ///< given up because somebody asked for it; final
  dead,       ///< given up after its last attempt, with the reason kept; final unless somebody retries it
};

/// What moves a job from one state to another.
enum class job_event : std::uint8_t {
  due,      ///< its time has come
  take,     ///< a worker takes it; counts as an attempt
  succeed,  ///< the handler returned
  fail,     ///< the handler threw or took too long, and attempts are left
  exhaust,  ///< the handler threw or took too long, and this was the last attempt
  snooze,   ///< the handler asked to be called later; takes the attempt back
  rescue,   ///< the lease ran out: the worker is gone, and attempts are left
  abandon,  ///< the lease ran out, and this was the last attempt
  cancel,   ///< somebody asked for it
  retry,    ///< somebody gives a dead or cancelled job another chance, with its attempts counted anew
};

/// One legal step.
struct job_transition {
  job_state from;
  job_event event;
  job_state to;
  friend constexpr bool operator==(const job_transition&, const job_transition&) = default;
};

/// Every legal step there is; what is not here does not happen. Stores and runners consult this table and
/// nothing else.
inline constexpr std::array job_transitions{
    job_transition{job_state::scheduled, job_event::due, job_state::available},
    job_transition{job_state::scheduled, job_event::cancel, job_state::cancelled},
    job_transition{job_state::available, job_event::take, job_state::running},
    job_transition{job_state::available, job_event::cancel, job_state::cancelled},
    job_transition{job_state::running, job_event::succeed, job_state::completed},
    job_transition{job_state::running, job_event::fail, job_state::scheduled},
    job_transition{job_state::running, job_event::exhaust, job_state::dead},
    job_transition{job_state::running, job_event::snooze, job_state::scheduled},
    job_transition{job_state::running, job_event::rescue, job_state::available},
    job_transition{job_state::running, job_event::abandon, job_state::dead},
    job_transition{job_state::running, job_event::cancel, job_state::cancelled},
    job_transition{job_state::dead, job_event::retry, job_state::available},
    job_transition{job_state::cancelled, job_event::retry, job_state::available},
};

/// Returns: the state after `event`; nothing if that step is not legal.
[[nodiscard]] constexpr std::optional<job_state> next_state(job_state from, job_event event) noexcept {
  for (const job_transition& step : job_transitions) {
    if (step.from == from && step.event == event) return step.to;
  }
  return std::nullopt;
}

/// Whether nothing happens to the job any more unless somebody asks for it.
[[nodiscard]] constexpr bool is_final(job_state state) noexcept {
  return state == job_state::completed || state == job_state::cancelled || state == job_state::dead;
}

/// The names are what stores write and what people read; they never change.
[[nodiscard]] constexpr std::string_view to_string(job_state state) noexcept {
  constexpr std::array<std::string_view, 6> names{"scheduled", "available", "running",
                                                  "completed", "cancelled", "dead"};
  return names[static_cast<std::size_t>(state)];
}

[[nodiscard]] constexpr std::string_view to_string(job_event event) noexcept {
  constexpr std::array<std::string_view, 10> names{"due",    "take",   "succeed", "fail",   "exhaust",
                                                   "snooze", "rescue", "abandon", "cancel", "retry"};
  return names[static_cast<std::size_t>(event)];
}

/// Returns: the state of that name; nothing for a text that names none.
[[nodiscard]] constexpr std::optional<job_state> job_state_from(std::string_view name) noexcept {
  for (std::size_t i = 0; i < 6; ++i) {
    const auto state = static_cast<job_state>(i);
    if (to_string(state) == name) return state;
  }
  return std::nullopt;
}

}  // namespace hasten
