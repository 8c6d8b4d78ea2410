// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/endpoint.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace claims_app {

/// Finds the route of a path. Thread safety: immutable after construction.
class router {
 public:
  /// Throws: std::invalid_argument for a template that is no path, occurs twice or has "{id}" elsewhere
  /// than at its end.
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

  /// Returns: the value of the Allow header for a route.
  [[nodiscard]] static std::string allowed(const route& which);

 private:
  std::vector<route> routes_;
  std::unordered_map<std::string_view, std::size_t> whole_;   // templates without {id}
  std::unordered_map<std::string_view, std::size_t> prefix_;  // up to and with the slash before {id}
};

}  // namespace claims_app
