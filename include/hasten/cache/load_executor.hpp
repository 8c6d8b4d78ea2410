// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/unique_function.hpp>

#include <concepts>
#include <utility>

namespace hasten {

/// What can run the loads of a memory_cache: anything that is called with a task, such as a lambda around worker_pool::post,
/// or has execute(task), as the executors of Asio do. It runs the task now or later, on any thread, and may refuse it by an
/// exception. An executor of Asio runs it at once where it is asked by one of its own threads, unless it is one that
/// never blocks (`boost::asio::require(executor, boost::asio::execution::blocking.never)`).
template <class Executor>
concept load_executor =
    std::invocable<Executor&, unique_function<void()>> ||
    requires(Executor& executor, unique_function<void()> task) { executor.execute(std::move(task)); };

namespace detail {

template <load_executor Executor>
void run_on(Executor& executor, unique_function<void()> task) {
  if constexpr (std::invocable<Executor&, unique_function<void()>>)
    executor(std::move(task));
  else
    executor.execute(std::move(task));
}

}  // namespace detail

}  // namespace hasten
