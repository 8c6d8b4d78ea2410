// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/error.hpp>
#include <hasten/workers/worker_pool.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/wait_traits.hpp>

#include <atomic>
#include <chrono>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace hasten {

/// How one call over the bridge differs from any other.
struct bridge_options {
  /// The pool's queue that it waits in.
  task_lane lane = task_lane::normal;
  /// Not begun by then, it ends with errc::timeout at once; begun, it is asked to stop. The default is never.
  steady_time deadline = steady_time::max();
  /// What the pool's statistics call it; the default is nothing.
  task_label label = {};
};

namespace detail {

template <class Work>
struct bridged_types {
  static constexpr bool takes_stop = std::invocable<Work&, std::stop_token>;
  using result = typename std::conditional_t<takes_stop, std::invoke_result<Work&, std::stop_token>,
                                             std::invoke_result<Work&>>::type;
  static constexpr bool is_void = std::is_void_v<result>;
  using signature = std::conditional_t<is_void, void(std::exception_ptr),
                                       void(std::exception_ptr, std::conditional_t<is_void, int, result>)>;
};

/// One call: waiting in the pool, running there, or over. Who moves it to `over` completes it, so that is done once,
/// whoever comes first: the worker, the deadline, the client that goes away, or the pool that drops the task.
template <class Work, class Handler, class Executor>
class bridged_call : public std::enable_shared_from_this<bridged_call<Work, Handler, Executor>> {
  using types = bridged_types<Work>;
  using value = std::conditional_t<types::is_void, int, typename types::result>;
  using timer =
      boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                        boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

 public:
  bridged_call(Work&& work, Handler&& handler, const Executor& executor)
      : work_(std::move(work)),
        handler_(std::move(handler)),
        executor_(boost::asio::get_associated_executor(*handler_, executor)),
        guard_(executor_),
        timers_(executor) {}

  /// On the thread of the caller, before the task can run.
  void watch(steady_time deadline) {
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) {
      slot.assign([weak = this->weak_from_this()](boost::asio::cancellation_type /*any*/) {
        if (const auto self = weak.lock()) self->give_up(errc::closed);
      });
    }
    if (deadline == steady_time::max()) return;
    timer_.emplace(timers_, deadline);
    timer_->async_wait([weak = this->weak_from_this()](const boost::system::error_code& failure) {
      const auto self = weak.lock();
      if (self && !failure) self->give_up(errc::timeout);
    });
  }

  [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

  /// On a worker.
  void run() {
    phase before = phase::waiting;
    if (!phase_.compare_exchange_strong(before, phase::running)) return;
    std::exception_ptr failure;
    value result{};
    try {
      if constexpr (types::is_void) {
        invoke();
      } else {
        result = invoke();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    work_.reset();  // its captures end before the caller goes on
    complete(std::move(failure), std::move(result));
  }

  /// On any thread: completes a call that has not begun, and asks one that has to stop.
  void give_up(errc reason) {
    phase before = phase::waiting;
    const bool is_ours = phase_.compare_exchange_strong(before, phase::over);
    stop_.request_stop();
    if (!is_ours) return;
    work_.reset();
    complete(std::make_exception_ptr(error(reason, "pool_bridge: the task was not run")), value{});
  }

 private:
  enum class phase { waiting, running, over };

  decltype(auto) invoke() {
    if constexpr (types::takes_stop) {
      return (*work_)(stop_.get_token());
    } else {
      return (*work_)();
    }
  }

  void complete(std::exception_ptr failure, value&& result) {
    boost::asio::post(executor_, [self = this->shared_from_this(), why = std::move(failure),
                                  what = std::move(result)]() mutable {
      // All that belongs to the I/O side ends here, on its thread: the pool's reference may outlive it.
      Handler handler = self->leave();
      self.reset();
      if constexpr (types::is_void) {
        static_cast<void>(what);
        std::move(handler)(std::move(why));
      } else {
        std::move(handler)(std::move(why), std::move(what));
      }
    });
  }

  Handler leave() {
    timer_.reset();
    auto slot = boost::asio::get_associated_cancellation_slot(*handler_);
    if (slot.is_connected()) slot.clear();
    Handler handler = std::move(*handler_);
    handler_.reset();
    guard_.reset();
    return handler;
  }

  std::atomic<phase> phase_{phase::waiting};
  std::stop_source stop_;
  std::optional<Work> work_;  // belongs to who moved the phase away from waiting
  std::optional<Handler> handler_;
  const boost::asio::associated_executor_t<Handler, Executor> executor_;
  boost::asio::executor_work_guard<boost::asio::associated_executor_t<Handler, Executor>> guard_;
  const Executor timers_;
  std::optional<timer> timer_;
};

/// What the pool holds of a call. The pool tells an accepted task why it will not run; one that is destroyed without
/// a word was not accepted.
template <class Call>
class bridged_task {
 public:
  explicit bridged_task(std::shared_ptr<Call> call) : call_(std::move(call)) {}
  bridged_task(bridged_task&&) noexcept = default;
  bridged_task& operator=(bridged_task&&) = delete;
  ~bridged_task() {
    if (call_) call_->give_up(errc::overloaded);
  }
  void operator()() { std::exchange(call_, nullptr)->run(); }
  void refused(errc reason) { std::exchange(call_, nullptr)->give_up(reason); }

 private:
  std::shared_ptr<Call> call_;
};

}  // namespace detail

/// Runs `work` on the pool and completes on the executor of the caller's side: how a coroutine or a chain of
/// callbacks leaves an I/O thread for something heavy and comes back.
///
/// `work` takes nothing, or the std::stop_token that tells it to stop half-way. The completion gets
/// std::exception_ptr and, unless `work` returns void, its result (default-made after a failure): what `work`
/// threw, or hasten::error with errc::overloaded if the pool has no room or sheds, errc::timeout past the
/// deadline, errc::closed if it was cancelled or the pool closed. With use_awaitable that is the result of co_await,
/// or an exception.
///
/// Cancelling (the handler's cancellation slot, of any type) and the deadline do the same: what has not begun never
/// will, and completes at once; what runs is asked to stop and completes when it has ended. So `work` may refer to
/// what the caller keeps until the completion, such as a coroutine's frame.
///
/// The executor's context must outlive the pool's tasks: drain the pool first. Never blocks, but in a pool with
/// full_policy::caller_runs a full lane makes the calling thread do the work.
///
///     std::string page = co_await hasten::async_run(
///         co_await asio::this_coro::executor, pool, {.deadline = arrived + 2s},
///         [&](std::stop_token stop) { return render(query, stop); }, asio::use_awaitable);
///
/// Throws: nothing from `work`; std::bad_alloc.
template <class Executor, clock_source Clock, class Work, class Token>
auto async_run(const Executor& executor, basic_worker_pool<Clock>& pool, const bridge_options& chosen,
               Work&& work, Token&& token) {
  using stored = std::decay_t<Work>;
  using types = detail::bridged_types<stored>;
  static_assert(types::is_void || std::default_initializable<typename types::result>,
                "the completion gets a default-made result after a failure");
  return boost::asio::async_initiate<Token, typename types::signature>(
      [executor, &pool, chosen](auto&& handler, stored&& what) {
        using call = detail::bridged_call<stored, std::decay_t<decltype(handler)>, Executor>;
        const auto made =
            std::make_shared<call>(std::move(what), std::forward<decltype(handler)>(handler), executor);
        made->watch(chosen.deadline);
        const task_options dressed{
            .lane = chosen.lane, .deadline = chosen.deadline, .label = chosen.label, .stop = made->stop()};
        if (pool.is_closed()) return made->give_up(errc::closed);
        static_cast<void>(pool.try_post(dressed, detail::bridged_task<call>(made)));
      },
      token, stored(std::forward<Work>(work)));
}

}  // namespace hasten
