// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/beast/http_channel.hpp>
#include <hasten/beast/http_target.hpp>
#include <hasten/core/backoff.hpp>
#include <hasten/core/clock.hpp>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What an http_poster has done so far.
struct http_poster_stats {
  std::size_t queued = 0;      ///< waiting now, that under way included
  std::uint64_t sent = 0;      ///< answered with 2xx
  std::uint64_t retried = 0;   ///< attempts that are to be repeated
  std::uint64_t given_up = 0;  ///< refused for good, or after the last attempt
  std::uint64_t dropped = 0;   ///< not taken: the queue was full, the body too large, or it had stopped
};

/// Posts messages to one address, one after the other, in the background: for webhooks and exporters, which must never
/// hold up who has something to say.
///
/// What cannot be sent is tried again with growing delays, a bounded number of times; when the queue is full the oldest
/// waiting message goes, because the newest knows more. It follows no redirect: a message meant for one host is not carried to
/// another. Plain HTTP to another machine is not refused, but headers that hold a key belong behind https. The wrong tool for
/// asking questions, and for what must not be lost.
///
/// It owns no thread; whoever runs the io_context runs it. Thread safety: thread-safe.
///
///     hasten::http_poster poster(io, {.url = "http://127.0.0.1:4318/v1/metrics"});
///     poster.post(std::move(json));                     // at once, from any thread
///     poster.stop(clock.now() + 2s);                    // sends what it can until then
class http_poster {
 public:
  using header = std::pair<std::string, std::string>;

  struct options {
    /// Where to: http://host[:port][/path], or https:// with `secure`. No user, no query, no fragment.
    std::string url = {};
    std::string content_type = "application/json";
    /// Sent with each message; names and values without line breaks.
    std::vector<header> headers = {};
    /// What https goes through: tls_channels() of tls_channel.hpp. Without it an https url is refused.
    http_channel_maker secure = {};
    /// For one attempt, from the look-up of the name to the end of the answer. 10 ms to 5 minutes.
    std::chrono::nanoseconds timeout = std::chrono::seconds(5);
    /// Messages waiting; 1 to 100,000.
    std::size_t queue_max = 256;
    /// A larger message is not taken; 1 to 64 MiB.
    std::size_t body_max = std::size_t{4} << 20;
    /// How often one message is tried; 1 to 100.
    unsigned attempts_max = 6;
    backoff::options delays = {.first = std::chrono::milliseconds(500), .most = std::chrono::seconds(30)};
    /// Whether an answer means that trying again may help. Failures of the network always do.
    std::function<bool(unsigned status)> retries = [](unsigned status) {
      return status == 429 || status >= 500;
    };
    /// Is shown each answer with 2xx, at most 64 KiB of it; runs in the io_context, must not throw.
    std::function<void(std::string_view body)> on_success = {};
  };

  /// Throws: std::invalid_argument for an option out of range. Lifetime: the io_context outlives the poster.
  http_poster(boost::asio::io_context& io, options chosen)
      : work_(std::make_shared<worker>(io, checked(std::move(chosen)))) {}

  http_poster(const http_poster&) = delete;
  http_poster& operator=(const http_poster&) = delete;

  /// Drops what waits.
  ~http_poster() { work_->cut(); }

  /// Takes a message, with headers of its own. Returns: false if it was not taken. Blocks on: a short lock.
  bool post(std::string body, std::vector<header> headers = {}) {
    return work_->add({std::move(body), std::move(headers), 0});
  }

  /// Takes no more, tries each message that waits once, and drops the rest at the deadline. Blocks on: the receiver, until
  /// `deadline`; not to be called by who runs the io_context.
  void stop(steady_time deadline) { work_->stop(deadline); }

  [[nodiscard]] http_poster_stats stats() const { return work_->stats(); }

 private:
  struct message {
    std::string body;
    std::vector<header> headers;
    unsigned attempts;
  };

  static options checked(options chosen) {
    const auto refuse = [](const std::string& what) { throw std::invalid_argument("http_poster: " + what); };
    if (chosen.timeout < std::chrono::milliseconds(10) || chosen.timeout > std::chrono::minutes(5))
      refuse("timeout must be 10 ms to 5 minutes, got " + std::to_string(chosen.timeout.count()) + " ns");
    if (chosen.queue_max < 1 || chosen.queue_max > 100'000)
      refuse("queue_max must be 1..100000, got " + std::to_string(chosen.queue_max));
    if (chosen.body_max < 1 || chosen.body_max > (std::size_t{64} << 20))
      refuse("body_max must be 1..67108864, got " + std::to_string(chosen.body_max));
    if (chosen.attempts_max < 1 || chosen.attempts_max > 100)
      refuse("attempts_max must be 1..100, got " + std::to_string(chosen.attempts_max));
    if (!chosen.retries) refuse("retries must not be empty");
    for (const auto& [name, value] : chosen.headers)
      if (name.empty() || (name + value).find_first_of("\r\n") != std::string::npos)
        refuse("headers must have a name and no line break");
    return chosen;
  }

  // Shared with what is under way in the io_context, which may end after the poster.
  class worker : public std::enable_shared_from_this<worker> {
   public:
    worker(boost::asio::io_context& io, options chosen)
        : options_(std::move(chosen)),
          target_(http_target::parse(options_.url)),
          delays_(options_.delays),
          strand_(boost::asio::make_strand(io)),
          resolver_(strand_),
          timer_(strand_) {
      if (target_.is_secure && !options_.secure)
        throw std::invalid_argument("http_poster: an https url needs options::secure");
    }

    bool add(message added) {
      const std::lock_guard lock(mutex_);
      if (stopping_ || added.body.size() > options_.body_max) {
        dropped_.fetch_add(1);
        return false;
      }
      if (queue_.size() >= options_.queue_max) {
        dropped_.fetch_add(1);
        const std::ptrdiff_t oldest = busy_ ? 1 : 0;  // the first is being sent
        if (static_cast<std::size_t>(oldest) >= queue_.size()) return false;
        queue_.erase(queue_.begin() + oldest);
      }
      queue_.push_back(std::move(added));
      wake();
      return true;
    }

    void stop(steady_time deadline) {
      {
        std::unique_lock lock(mutex_);
        stopping_ = true;
        wake();
        idle_.wait_until(lock, deadline, [this] { return queue_.empty(); });
      }
      cut();
    }

    void cut() {
      {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped_.fetch_add(queue_.size());
        queue_.clear();
      }
      boost::asio::post(strand_, [self = shared_from_this()] { self->close(); });
    }

    [[nodiscard]] http_poster_stats stats() const {
      const std::lock_guard lock(mutex_);
      return {.queued = queue_.size(),
              .sent = sent_.load(),
              .retried = retried_.load(),
              .given_up = given_up_.load(),
              .dropped = dropped_.load()};
    }

   private:
    using error_code = boost::system::error_code;

    // Under the lock.
    void wake() {
      if (queue_.empty()) return;
      boost::asio::post(strand_, [self = shared_from_this()] { self->next(); });
    }

    // A handler that goes on with `then` if the attempt is still the one, and ends it on a failure.
    template <class Argument, class Then>
    auto step(std::uint64_t attempt, Then then) {
      return [self = this->shared_from_this(), kept = channel_, attempt, then](const error_code& failure,
                                                                               Argument given) {
        if (attempt != self->attempt_) return;
        if (failure)
          self->ended(attempt, 0, {});
        else
          then(given);
      };
    }

    // The same for what gives nothing but its failure.
    http_channel::done step(std::uint64_t attempt, std::function<void()> then) {
      return [self = this->shared_from_this(), kept = channel_, attempt, then](const error_code& failure) {
        if (attempt != self->attempt_) return;
        if (failure)
          self->ended(attempt, 0, {});
        else
          then();
      };
    }

    // From here on everything runs in the strand.
    void next() {
      {
        const std::lock_guard lock(mutex_);
        if (waiting_ && stopping_) {  // no time for the rest of a delay
          waiting_ = false;
          busy_ = false;
          timer_.cancel();
        }
        if (busy_ || queue_.empty()) return;
        busy_ = true;
        prepare(queue_.front());
      }
      const std::uint64_t attempt = ++attempt_;
      channel_ = target_.is_secure ? options_.secure(strand_, target_.host)
                                   : std::make_shared<plain_channel>(strand_);
      timer_.expires_after(options_.timeout);
      timer_.async_wait([self = shared_from_this(), attempt](const error_code& cancelled) {
        if (!cancelled) self->ended(attempt, 0, {});
      });
      resolver_.async_resolve(target_.host, target_.port,
                              step<const boost::asio::ip::tcp::resolver::results_type&>(
                                  attempt, [this, attempt](const auto& found) { connect(attempt, found); }));
    }

    void prepare(const message& what) {
      namespace http = boost::beast::http;
      request_ = {};
      request_.method(http::verb::post);
      request_.target(target_.path);
      request_.version(11);
      request_.set(http::field::host, target_.authority);
      request_.set(http::field::content_type, options_.content_type);
      request_.set(http::field::user_agent, "hasten");
      request_.set(http::field::connection, "close");
      for (const auto& [name, value] : options_.headers) request_.set(name, value);
      for (const auto& [name, value] : what.headers) request_.set(name, value);
      request_.body() = what.body;
      request_.prepare_payload();
    }

    void connect(std::uint64_t attempt, const boost::asio::ip::tcp::resolver::results_type& found) {
      boost::asio::async_connect(
          channel_->lowest(), found,
          step<const boost::asio::ip::tcp::endpoint&>(attempt, [this, attempt](const auto&) {
            channel_->open(step(attempt, [this, attempt] { write(attempt); }));
          }));
    }

    void write(std::uint64_t attempt) {
      channel_->write(request_, step(attempt, [this, attempt] { read(attempt); }));
    }

    void read(std::uint64_t attempt) {
      buffer_.clear();
      parser_.emplace();
      parser_->body_limit(64 * 1024);
      channel_->read(buffer_, *parser_, step(attempt, [this, attempt] { answered(attempt); }));
    }

    void answered(std::uint64_t attempt) {
      const auto& answer = parser_->get();
      std::optional<std::chrono::seconds> asked;
      const auto text = answer[boost::beast::http::field::retry_after];
      unsigned seconds = 0;
      if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc{})
        asked = std::chrono::seconds(std::min(seconds, 3600U));
      if (answer.result_int() / 100 == 2 && options_.on_success) options_.on_success(answer.body());
      ended(attempt, answer.result_int(), asked);
    }

    // `status` 0: there was no answer.
    void ended(std::uint64_t attempt, unsigned status, std::optional<std::chrono::seconds> asked) {
      if (attempt != attempt_) return;
      close();
      const bool sent = status / 100 == 2;
      const bool may_retry = !sent && (status == 0 || options_.retries(status));
      std::chrono::nanoseconds delay{0};
      {
        const std::lock_guard lock(mutex_);
        busy_ = false;
        if (queue_.empty()) return;  // it was cut
        message& what = queue_.front();
        ++what.attempts;
        if (may_retry && !stopping_ && what.attempts < options_.attempts_max) {
          retried_.fetch_add(1);
          delay = std::max<std::chrono::nanoseconds>(delays_.after(what.attempts, random_),
                                                     asked.value_or(std::chrono::seconds(0)));
          busy_ = waiting_ = true;
        } else {
          (sent ? sent_ : given_up_).fetch_add(1);
          queue_.pop_front();
        }
        if (queue_.empty()) idle_.notify_all();
        if (!waiting_) return wake();
      }
      timer_.expires_after(delay);
      timer_.async_wait([self = shared_from_this(), serial = attempt_](const error_code& cancelled) {
        if (cancelled || serial != self->attempt_) return;
        {
          const std::lock_guard lock(self->mutex_);
          self->busy_ = self->waiting_ = false;
        }
        self->next();
      });
    }

    void close() {
      ++attempt_;  // what still comes of the attempt is ignored
      resolver_.cancel();
      timer_.cancel();
      error_code ignored;  // closing what is closed is no failure
      if (channel_) channel_->lowest().close(ignored);
    }

    const options options_;
    const http_target target_;
    const backoff delays_;
    http_channel::strand strand_;
    boost::asio::ip::tcp::resolver resolver_;
    std::shared_ptr<http_channel> channel_;  // of the latest attempt; its handlers keep it too
    boost::asio::steady_timer timer_;        // of the attempt, or of the delay before the next
    http_channel::request request_;
    std::optional<http_channel::parser> parser_;
    boost::beast::flat_buffer buffer_;
    std::uint64_t attempt_ = 0;  // tells a late handler from the one waited for
    std::mt19937_64 random_{std::random_device{}()};

    mutable std::mutex mutex_;  // guards the next five; nothing of the caller's runs under it
    std::condition_variable idle_;
    std::deque<message> queue_;
    bool busy_ = false;     // the first message is being sent, or waits for its next attempt
    bool waiting_ = false;  // for that
    bool stopping_ = false;
    std::atomic<std::uint64_t> sent_{0}, retried_{0}, given_up_{0}, dropped_{0};
  };

  std::shared_ptr<worker> work_;
};

}  // namespace hasten
