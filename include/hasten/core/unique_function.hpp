// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace hasten {

template <class Signature>
class unique_function;

/// A callable that is moved, never copied, and that keeps up to 48 bytes of captures without allocating.
///
/// For queues of work: it may own a promise, a lease or a buffer. One object is 56 bytes, so that it and a
/// sequence number fill one cache line. A callable that is larger, wants more than pointer alignment, or may
/// throw when moved, lives in one heap allocation instead. Wrong tool where a callable must be copied
/// (std::function) or is only lent for the length of a call (pass a template parameter or a reference).
/// Thread safety: thread-compatible.
///
///     hasten::unique_function<int(int)> add = [lease = std::move(lease)](int n) { return lease->base + n; };
///     auto heir = std::move(add);   // `add` is empty now
///     heir(2);
template <class Result, class... Args>
class unique_function<Result(Args...)> {
 public:
  /// The number of bytes of captures that never allocate.
  static constexpr std::size_t inline_size = 48;

  /// Whether a callable of type `F` is kept without allocating.
  template <class F>
  static constexpr bool fits_inline =
      sizeof(F) <= inline_size && alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;

  unique_function() noexcept {}  // not defaulted: that would ask a const one for an initialiser

  /// Throws: what moving or copying the callable throws; std::bad_alloc if it does not fit inline.
  template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, unique_function> &&
             std::is_invocable_r_v<Result, std::decay_t<F>&, Args...>)
  unique_function(F&& callable) {  // NOLINT(google-explicit-constructor): a callable is a function
    using stored = std::decay_t<F>;
    if constexpr (fits_inline<stored>) {
      std::construct_at(reinterpret_cast<stored*>(storage_), std::forward<F>(callable));
      operations_ = &inline_operations<stored>;
    } else {
      auto* const object = new stored(std::forward<F>(callable));
      std::memcpy(storage_, &object, sizeof object);
      operations_ = &heap_operations<stored>;
    }
  }

  unique_function(unique_function&& other) noexcept { take(other); }
  unique_function& operator=(unique_function&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~unique_function() { reset(); }

  /// Destroys the callable; the function is empty afterwards.
  void reset() noexcept {
    // Emptied first: the callable's destructor may look at whoever holds this object.
    const auto* const former = std::exchange(operations_, nullptr);
    if (former != nullptr && former->destroy != nullptr) former->destroy(storage_);
  }

  [[nodiscard]] explicit operator bool() const noexcept { return operations_ != nullptr; }

  /// Returns: the callable if it is an `F`, otherwise null.
  template <class F>
  [[nodiscard]] F* target() noexcept {
    if constexpr (fits_inline<F>) {
      if (operations_ == &inline_operations<F>) return std::launder(reinterpret_cast<F*>(storage_));
    } else {
      if (operations_ == &heap_operations<F>) return heap_callable<F>::at(storage_);
    }
    return nullptr;
  }

  /// Calls the callable; an empty function must not be called.
  /// Throws: what the callable throws.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): the signature decides how arguments are passed
  Result operator()(Args... args) {
    HASTEN_EXPECTS(operations_ != nullptr, "an empty unique_function must not be called");
    return operations_->invoke(storage_, std::forward<Args>(args)...);
  }

 private:
  struct operations {
    Result (*invoke)(void*, Args&&...);
    void (*relocate)(void* from, void* to) noexcept;  // null: copying the bytes moves the callable
    void (*destroy)(void*) noexcept;                  // null: nothing to destroy
  };

  template <class F>
  static Result call(F& callable, Args&&... args) {
    if constexpr (std::is_void_v<Result>) {
      std::invoke(callable, std::forward<Args>(args)...);
    } else {
      return std::invoke(callable, std::forward<Args>(args)...);
    }
  }

  template <class F>
  struct inline_callable {
    static F& at(void* storage) noexcept { return *std::launder(static_cast<F*>(storage)); }
    static Result invoke(void* storage, Args&&... args) {
      return call(at(storage), std::forward<Args>(args)...);
    }
    static void relocate(void* from, void* to) noexcept {
      std::construct_at(static_cast<F*>(to), std::move(at(from)));
      std::destroy_at(&at(from));
    }
    static void destroy(void* storage) noexcept { std::destroy_at(&at(storage)); }
  };

  template <class F>
  struct heap_callable {
    static F* at(const void* storage) noexcept {
      F* object = nullptr;
      std::memcpy(&object, storage, sizeof object);
      return object;
    }
    static Result invoke(void* storage, Args&&... args) {
      return call(*at(storage), std::forward<Args>(args)...);
    }
    static void destroy(void* storage) noexcept { delete at(storage); }
  };

  template <class F>
  static constexpr operations inline_operations{
      &inline_callable<F>::invoke, std::is_trivially_copyable_v<F> ? nullptr : &inline_callable<F>::relocate,
      std::is_trivially_destructible_v<F> ? nullptr : &inline_callable<F>::destroy};

  template <class F>
  static constexpr operations heap_operations{&heap_callable<F>::invoke, nullptr, &heap_callable<F>::destroy};

  void take(unique_function& other) noexcept {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ == nullptr) return;
    if (operations_->relocate != nullptr) {
      operations_->relocate(other.storage_, storage_);
    } else {
      // All bytes, whatever the callable fills of them: gcc sees that a lambda without captures fills none.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
      std::memcpy(storage_, other.storage_, inline_size);
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
    }
  }

  alignas(void*) std::byte storage_[inline_size];  // the callable, or a pointer to it on the heap
  const operations* operations_ = nullptr;         // null: empty
};

}  // namespace hasten
