// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/query_error.hpp>

#include <soci/error.h>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/session.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hasten::detail {

/// Returns: why no connection could be made. libpq keeps the state of such a failure to itself, so the text must do; what
/// it does not tell counts as a server that is down.
[[nodiscard]] inline query_error connecting_failed(std::string_view said) {
  const auto says = [&](std::string_view words) { return said.find(words) != std::string_view::npos; };
  query_error_kind kind = query_error_kind::database_down;
  if (says("too many clients") || says("too many connections") || says("connection slots are reserved"))
    kind = query_error_kind::too_many_connections;
  else if (says("authentication failed") || says("no pg_hba.conf entry") || says("no password supplied"))
    kind = query_error_kind::no_privilege;
  return {kind, "connecting to PostgreSQL", 0, std::string(said)};
}

/// Until when a caller of a pool waits. The pool makes and validates sessions in the thread of its caller and tells neither
/// for how long, so this tells it there; maintain(), which has no caller, waits for ever.
/// Thread safety: single-owner.
class caller_deadline {
 public:
  explicit caller_deadline(steady_time deadline) noexcept : before_(std::exchange(current(), deadline)) {}
  caller_deadline(const caller_deadline&) = delete;
  caller_deadline& operator=(const caller_deadline&) = delete;
  ~caller_deadline() { current() = before_; }

  [[nodiscard]] static steady_time& current() noexcept {
    thread_local steady_time deadline = steady_time::max();
    return deadline;
  }

 private:
  const steady_time before_;
};

/// Connects to a server for callers who have a deadline, which libpq and SOCI know only in whole seconds from two on.
///
/// Each attempt has a thread. When its caller's time is up, the caller is told so, and the attempt goes on: the next caller
/// waits for it instead of beginning another one. So there are never more attempts than callers at one time.
/// Thread safety: thread-safe.
class postgresql_connector {
 public:
  /// `connection` holds a connect_timeout, so that each attempt ends.
  explicit postgresql_connector(std::string connection) : connection_(std::move(connection)) {}
  postgresql_connector(const postgresql_connector&) = delete;
  postgresql_connector& operator=(const postgresql_connector&) = delete;
  /// Blocks on: the attempts that nobody waits for, for as long as libpq's connect_timeout at most.
  ~postgresql_connector() {
    for (const auto& each : left_) each->thread.join();
  }

  /// Returns: an open session. Throws: query_error. Blocks on: the server, until `deadline`.
  [[nodiscard]] std::unique_ptr<::soci::session> open(steady_time deadline) {
    std::unique_ptr<attempt> mine = take_left();
    if (mine == nullptr) mine = begin();
    if (!wait(*mine, deadline)) {
      const std::lock_guard lock(mutex_);
      left_.push_back(std::move(mine));
      throw query_error(query_error_kind::database_down,
                        "connecting to PostgreSQL: no answer until the deadline");
    }
    mine->thread.join();
    if (mine->failure) std::rethrow_exception(mine->failure);
    return std::move(mine->session);
  }

 private:
  static constexpr std::chrono::seconds fresh{1};  // a connection that nobody took is good for so long

  struct attempt {
    std::mutex mutex;  // guards the next four
    std::condition_variable ended;
    std::optional<steady_time> ended_at;
    std::unique_ptr<::soci::session> session;
    std::exception_ptr failure;
    std::thread thread;  // of whoever holds the attempt
  };

  // Returns: null if there is none, or none that is of use.
  [[nodiscard]] std::unique_ptr<attempt> take_left() {
    std::vector<std::unique_ptr<attempt>> useless;  // joined without the lock
    std::unique_ptr<attempt> found;
    {
      const std::lock_guard lock(mutex_);
      while (found == nullptr && !left_.empty()) {
        std::unique_ptr<attempt> last = std::move(left_.back());
        left_.pop_back();
        (is_of_use(*last) ? found : useless.emplace_back()) = std::move(last);
      }
    }
    for (const auto& each : useless) each->thread.join();
    return found;
  }

  [[nodiscard]] static bool is_of_use(attempt& one) {
    const std::lock_guard lock(one.mutex);
    if (!one.ended_at.has_value()) return true;
    return one.session != nullptr && steady_clock_source::now() - *one.ended_at < fresh;
  }

  [[nodiscard]] std::unique_ptr<attempt> begin() const {
    auto made = std::make_unique<attempt>();
    made->thread = std::thread([&one = *made, text = connection_] { run(one, text); });
    return made;
  }

  static void run(attempt& one, const std::string& text) noexcept {
    std::unique_ptr<::soci::session> session;
    std::exception_ptr failure;
    try {
      session = std::make_unique<::soci::session>();
      session->open(::soci::postgresql, text);
    } catch (const ::soci::soci_error& why) {
      failure = std::make_exception_ptr(connecting_failed(why.what()));
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(one.mutex);
    one.ended_at = steady_clock_source::now();
    if (failure == nullptr) one.session = std::move(session);
    one.failure = failure;
    one.ended.notify_all();
  }

  [[nodiscard]] static bool wait(attempt& one, steady_time deadline) {
    std::unique_lock lock(one.mutex);
    const auto has_ended = [&] { return one.ended_at.has_value(); };
    if (deadline != steady_time::max()) return one.ended.wait_until(lock, deadline, has_ended);
    one.ended.wait(lock, has_ended);
    return true;
  }

  const std::string connection_;
  std::mutex mutex_;                            // guards left_
  std::vector<std::unique_ptr<attempt>> left_;  // whose callers' time was up
};

}  // namespace hasten::detail
