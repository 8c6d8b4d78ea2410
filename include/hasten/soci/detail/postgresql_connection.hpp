// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/query/query_error.hpp>
#include <hasten/query/query_monitor.hpp>
#include <hasten/soci/detail/postgresql_api.hpp>
#include <hasten/soci/detail/postgresql_cancel.hpp>
#include <hasten/soci/detail/postgresql_error.hpp>

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace hasten::detail {

/// The rows of a statement that are still to be received one by one, or were received early because the connection was
/// needed for something else.
struct postgresql_stream {
  std::deque<postgresql_result> early = {};
  bool ended = false;  // nothing more comes from the server
};

/// SOCI's connection, used without ever waiting for the server longer than agreed.
///
/// A statement that is not answered in time is cancelled; a server that does not answer that either is given up, and the
/// connection with it. Nothing that the server says of a statement gets to the standard error stream.
/// Thread safety: single-owner.
class postgresql_connection {
 public:
  /// `answer_max`: how long the server may take for an answer, or for the next row; zero for ever.
  postgresql_connection(PGconn* raw, const query_monitor& monitor, std::chrono::nanoseconds answer_max,
                        std::size_t rows_max)
      : raw_(raw), monitor_(monitor), answer_max_(answer_max), rows_max_(rows_max) {
    PQsetnonblocking(raw_, 1);  // what is sent waits for the server no longer than what is received
    PQsetNoticeReceiver(raw_, [](void*, const PGresult*) {}, nullptr);
  }
  postgresql_connection(const postgresql_connection&) = delete;
  postgresql_connection& operator=(const postgresql_connection&) = delete;

  [[nodiscard]] PGconn* raw() const noexcept { return raw_; }
  [[nodiscard]] bool is_broken() const noexcept { return broken_ || PQstatus(raw_) == CONNECTION_BAD; }
  [[nodiscard]] steady_time now() const noexcept { return monitor_.now(); }
  [[nodiscard]] steady_time deadline() const noexcept { return deadline_; }
  void set_deadline(steady_time deadline) noexcept { deadline_ = deadline; }
  /// While this asks to stop, whatever waits for the server is late.
  void set_stop(std::stop_token stop) noexcept { stop_ = std::move(stop); }
  void set_impatient(bool wanted) noexcept { impatient_ = wanted; }

  /// Makes the connection free for the next statement: rows that another one has not read yet are received and kept.
  /// Throws: query_error when there are too many of them.
  void make_free(std::string_view name) {
    if (reading_ == nullptr) return;
    while (!reading_->ended) {
      postgresql_result result = next(name);
      if (result == nullptr) {
        reading_->ended = true;
      } else {
        reading_->early.push_back(std::move(result));
        if (reading_->early.size() > rows_max_)
          throw query_error(query_error_kind::other,
                            std::string(name) + ": more than " + std::to_string(rows_max_) +
                                " rows are still to be read on this session; use another one");
      }
    }
    reading_ = nullptr;
  }
  void read_from(postgresql_stream& stream) noexcept { reading_ = &stream; }
  [[nodiscard]] bool is_reading() const noexcept { return reading_ != nullptr; }
  void stop_reading(const postgresql_stream& stream) noexcept {
    if (reading_ == &stream) reading_ = nullptr;
  }

  /// Throws: query_error when libpq could not take what was to be sent.
  void check_sent(int sent, std::string_view name) {
    if (sent == 1) [[likely]]
      return;
    throw query_error(PQstatus(raw_) == CONNECTION_BAD ? query_error_kind::connection_lost
                                                       : query_error_kind::bad_statement,
                      std::string(name), 0, PQerrorMessage(raw_));
  }

  /// Receives the next result; null when there is none. Throws: query_error of kind timeout.
  [[nodiscard]] postgresql_result next(std::string_view name, steady_time time) {
    if (!wait(limit_from(time), time)) late(name);
    return postgresql_result(PQgetResult(raw_));
  }

  /// As above, from now on; the clock is only read if there is something to wait for.
  [[nodiscard]] postgresql_result next(std::string_view name) {
    return PQisBusy(raw_) == 0 ? postgresql_result(PQgetResult(raw_)) : next(name, now());
  }

  /// Receives and drops results to the end. Returns: the failure among them, or null. Throws: as next().
  postgresql_result rest(std::string_view name) {
    postgresql_result failure;
    while (postgresql_result result = next(name))
      if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR && failure == nullptr)
        failure = std::move(result);
    return failure;
  }

  /// Runs statements without parameters in one trip; `each` sees the result of every one of them.
  /// Throws: query_error; with `limit` false only a deadline that was set stops it.
  template <class Each>
  void run_simple(std::string_view name, const std::string& text, bool limit, Each&& each) {
    make_free(name);
    check_sent(PQsendQuery(raw_, text.c_str()), name);
    const std::chrono::nanoseconds before = answer_max_;
    if (!limit) answer_max_ = std::chrono::nanoseconds::zero();
    postgresql_result failure;
    try {
      while (postgresql_result result = next(name)) {
        if (PQresultStatus(result.get()) == PGRES_FATAL_ERROR)
          failure = std::move(result);
        else
          each(result.get());
      }
    } catch (...) {
      answer_max_ = before;
      throw;
    }
    answer_max_ = before;
    if (failure != nullptr) throw_postgresql(raw_, failure.get(), name);
  }

  /// Hands a part of the data of a COPY to the server, as fast as it takes it. Throws: query_error of kind timeout.
  void put_copy_data(std::string_view part, std::string_view name) {
    while (true) {
      const int put = PQputCopyData(raw_, part.data(), static_cast<int>(part.size()));
      if (put == 1) break;
      if (put < 0) check_sent(0, name);
      wait_to_send(name);
    }
    // Sent before more is taken, so that no more than a part waits in memory.
    while (true) {
      const int left = PQflush(raw_);
      if (left == 0) return;
      if (left < 0) check_sent(0, name);
      wait_to_send(name);
    }
  }
  void end_copy(std::string_view name) {
    while (true) {
      const int put = PQputCopyEnd(raw_, nullptr);
      if (put == 1) return;
      if (put < 0) check_sent(0, name);
      wait_to_send(name);
    }
  }

  /// Waits until a result can be had at once. Returns: false if it was not to be had by `until`.
  [[nodiscard]] bool wait(steady_time until, steady_time time) {
    while (PQisBusy(raw_) != 0) {
      const int socket = PQsocket(raw_);
      const int unsent = PQflush(raw_);
      if (socket < 0 || unsent < 0) return true;  // the result tells why
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - time);
      if (left.count() <= 0) return false;
      const short events = unsent > 0 ? POLLIN | POLLOUT : POLLIN;
      static_cast<void>(wait_for_socket(socket, events, std::min(left, longest_wait())));
      if (PQconsumeInput(raw_) == 0) return true;
      if (PQisBusy(raw_) == 0) return true;
      // Not before: a cancellation that overtakes its statement is lost.
      if (stop_.stop_requested()) return false;
      time = now();
    }
    return true;
  }

  [[nodiscard]] steady_time limit_from(steady_time time) const noexcept {
    if (answer_max_.count() == 0) return deadline_;
    const auto most = std::chrono::duration_cast<steady_time::duration>(answer_max_);
    return deadline_ - time < most ? deadline_ : time + most;
  }

  /// Ends a statement that took too long. Throws: always, query_error of kind timeout.
  [[noreturn, gnu::noinline, gnu::cold]] void late(std::string_view name) {
    const std::stop_token stop =
        std::exchange(stop_, {});  // the server has its time to answer that in any case
    const bool stopped = !impatient_ && PQpipelineStatus(raw_) == PQ_PIPELINE_OFF &&
                         request_cancel(raw_, patience) && settled_by(now() + patience);
    stop_ = stop;
    if (!stopped) shut();
    if (reading_ != nullptr) reading_->ended = true;
    reading_ = nullptr;
    throw query_error(query_error_kind::timeout, std::string(name));
  }

  /// Gives the connection up; whatever waits for it fails at once.
  void shut() noexcept {
    broken_ = true;
    if (const int socket = PQsocket(raw_); socket >= 0) ::shutdown(socket, SHUT_RDWR);
  }

 private:
  void wait_to_send(std::string_view name) {
    const steady_time time = now();
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(limit_from(time) - time);
    const bool is_late = left.count() <= 0 || stop_.stop_requested();
    if (is_late || (!wait_for_socket(PQsocket(raw_), POLLIN | POLLOUT, std::min(left, longest_wait())) &&
                    !stop_.stop_possible()))
      late(name);
    if (PQconsumeInput(raw_) == 0) check_sent(0, name);
  }

  static constexpr std::chrono::milliseconds patience{500};  // with a server that is asked to stop
  static constexpr std::chrono::milliseconds longest_poll = std::chrono::hours(1);

  // Who may be asked to stop looks at it now and then.
  [[nodiscard]] std::chrono::milliseconds longest_wait() const noexcept {
    return stop_.stop_possible() ? std::chrono::milliseconds(20) : longest_poll;
  }

  [[nodiscard]] bool settled_by(steady_time until) {
    while (wait(until, now())) {
      const postgresql_result result(PQgetResult(raw_));
      if (result == nullptr) return !is_broken();
      const ExecStatusType status = PQresultStatus(result.get());
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) return false;
    }
    return false;
  }

  PGconn* raw_;
  const query_monitor& monitor_;
  std::chrono::nanoseconds answer_max_;
  std::size_t rows_max_;
  steady_time deadline_ = steady_time::max();
  std::stop_token stop_;
  postgresql_stream* reading_ = nullptr;  // whose rows are under way; null: the connection is free
  bool broken_ = false;
  bool impatient_ = false;  // what is late is given up at once, for there are other sessions
};

}  // namespace hasten::detail
