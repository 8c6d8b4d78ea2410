// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace claims_app {

enum class method_kind { get, head, post, put, patch, del, options, other };

/// Finds the route of a path. Thread safety: immutable after construction.
class router {
 public:
  /// Throws: std::invalid_argument for a template that is no path, occurs twice or has "{id}" elsewhere than as
  /// its last segment or the last but one.
  explicit router(std::vector<route> routes);

  static constexpr std::size_t none = static_cast<std::size_t>(-1);

  struct match {
    std::size_t index = none;  // into routes()
    std::string_view id;       // views the path given
  };

  /// `path` is decoded and has no query.
  [[nodiscard]] match find(std::string_view path) const;

  [[nodiscard]] const route& at(std::size_t index) const { return routes_[index]; }
  [[nodiscard]] const std::vector<route>& routes() const noexcept { return routes_; }

  /// Returns: the handler of that route for a method; null if it takes the method not.
  [[nodiscard]] const handler* handler_of(std::size_t index, method_kind method) const noexcept;

  /// Every pair of route and method that is taken, in the order in which row() counts them: "GET /api/v1/claims".
  [[nodiscard]] std::vector<std::string> row_names() const;

  /// Returns: the place of that pair in row_names(); HEAD is GET. One behind the last for what is not taken.
  [[nodiscard]] std::size_t row(std::size_t index, method_kind method) const noexcept;

  /// Returns: the value of the Allow header for a route.
  [[nodiscard]] static std::string allowed(const route& which);

 private:
  static constexpr std::size_t methods = 5;

  [[nodiscard]] match find_around(std::string_view path, std::size_t slash) const;

  std::vector<route> routes_;
  std::vector<std::array<std::size_t, methods>> rows_;  // by route, then GET, POST, PUT, PATCH, DELETE
  std::size_t row_count_ = 0;
  std::unordered_map<std::string_view, std::size_t> whole_;   // templates without {id}
  std::unordered_map<std::string_view, std::size_t> prefix_;  // up to and with the slash before {id}
  std::unordered_map<std::string_view, std::size_t> around_;  // whole templates with a segment behind {id}
};

}  // namespace claims_app
