// SPDX-License-Identifier: BSL-1.0
#include "server/router.hpp"

#include <stdexcept>
#include <utility>

namespace claims_app {

router::router(std::vector<route> routes) : routes_(std::move(routes)) {
  constexpr std::string_view id = "{id}";
  for (std::size_t index = 0; index < routes_.size(); ++index) {
    const std::string_view pattern = routes_[index].pattern;
    const bool has_id = pattern.ends_with("/{id}");
    const std::string_view fixed = has_id ? pattern.substr(0, pattern.size() - id.size()) : pattern;
    if (!fixed.starts_with('/') || fixed.find('{') != std::string_view::npos)
      throw std::invalid_argument("router: \"" + std::string(pattern) + "\" is no template");
    if (!(has_id ? prefix_ : whole_).emplace(fixed, index).second)
      throw std::invalid_argument("router: \"" + std::string(pattern) + "\" is given twice");
  }
}

router::match router::find(std::string_view path) const {
  if (const auto found = whole_.find(path); found != whole_.end()) return {.index = found->second, .id = {}};
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) return {};
  const auto found = prefix_.find(path.substr(0, slash + 1));
  if (found == prefix_.end()) return {};
  return {.index = found->second, .id = path.substr(slash + 1)};
}

std::string router::allowed(const route& which) {
  std::string out;
  if (which.get) out = "GET, HEAD";
  if (which.post) out += out.empty() ? "POST" : ", POST";
  return out;
}

}  // namespace claims_app
