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
    const std::size_t last = pattern.rfind('/');
    const bool has_action = !has_id && last != std::string_view::npos && last + 1 < pattern.size() &&
                            pattern.substr(0, last).ends_with("/{id}");
    const std::size_t fixed_size = has_id       ? pattern.size() - id.size()
                                   : has_action ? last - id.size()
                                                : pattern.size();
    const std::string_view fixed = pattern.substr(0, fixed_size);
    // A lone slash before {id} would take every path there is.
    if (!fixed.starts_with('/') || (has_action && fixed.size() == 1) ||
        fixed.find('{') != std::string_view::npos ||
        (has_action && pattern.find('{', last) != std::string_view::npos))
      throw std::invalid_argument("router: \"" + std::string(pattern) + "\" is no template");
    auto& known = has_id ? prefix_ : has_action ? around_ : whole_;
    if (!known.emplace(has_action ? pattern : fixed, index).second)
      throw std::invalid_argument("router: \"" + std::string(pattern) + "\" is given twice");
    auto& rows = rows_.emplace_back();
    const route& each = routes_[index];
    const std::array<const handler*, methods> handlers = {&each.get, &each.post, &each.put, &each.patch,
                                                          &each.del};
    for (std::size_t method = 0; method < methods; ++method)
      rows[method] = *handlers[method] ? row_count_++ : none;
  }
}

namespace {

// The place of a method among GET, POST, PUT, PATCH, DELETE; 5 for any other.
std::size_t place_of(method_kind method) noexcept {
  switch (method) {
    case method_kind::get:
    case method_kind::head:
      return 0;
    case method_kind::post:
      return 1;
    case method_kind::put:
      return 2;
    case method_kind::patch:
      return 3;
    case method_kind::del:
      return 4;
    case method_kind::options:
    case method_kind::other:
      break;
  }
  return 5;
}

}  // namespace

const handler* router::handler_of(std::size_t index, method_kind method) const noexcept {
  const route& which = routes_[index];
  const std::array<const handler*, methods + 1> handlers = {&which.get,   &which.post, &which.put,
                                                            &which.patch, &which.del,  nullptr};
  const handler* const found = handlers[place_of(method)];
  return found != nullptr && *found ? found : nullptr;
}

std::vector<std::string> router::row_names() const {
  static constexpr std::array<std::string_view, methods> names = {"GET ", "POST ", "PUT ", "PATCH ",
                                                                  "DELETE "};
  std::vector<std::string> out(row_count_);
  for (std::size_t index = 0; index < routes_.size(); ++index)
    for (std::size_t method = 0; method < methods; ++method)
      if (rows_[index][method] != none)
        out[rows_[index][method]] = std::string(names[method]) + std::string(routes_[index].pattern);
  return out;
}

std::size_t router::row(std::size_t index, method_kind method) const noexcept {
  const std::size_t place = place_of(method);
  if (index == none || place == methods || rows_[index][place] == none) return row_count_;
  return rows_[index][place];
}

router::match router::find(std::string_view path) const {
  if (const auto found = whole_.find(path); found != whole_.end()) return {.index = found->second, .id = {}};
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || slash + 1 == path.size()) return {};
  if (const auto found = prefix_.find(path.substr(0, slash + 1)); found != prefix_.end())
    return {.index = found->second, .id = path.substr(slash + 1)};
  return find_around(path, slash);
}

router::match router::find_around(std::string_view path, std::size_t slash) const {
  if (around_.empty() || slash == 0) return {};
  const std::size_t before = path.rfind('/', slash - 1);
  if (before == std::string_view::npos || before + 1 == slash) return {};
  std::string pattern(path.substr(0, before + 1));
  pattern += "{id}";
  pattern += path.substr(slash);
  const auto found = around_.find(pattern);
  if (found == around_.end()) return {};
  return {.index = found->second, .id = path.substr(before + 1, slash - before - 1)};
}

std::string router::allowed(const route& which) {
  std::string out;
  if (which.get) out = "GET, HEAD";
  const auto add = [&](bool is_taken, std::string_view name) {
    if (!is_taken) return;
    if (!out.empty()) out += ", ";
    out += name;
  };
  add(static_cast<bool>(which.post), "POST");
  add(static_cast<bool>(which.put), "PUT");
  add(static_cast<bool>(which.patch), "PATCH");
  add(static_cast<bool>(which.del), "DELETE");
  add(true, "OPTIONS");
  return out;
}

}  // namespace claims_app
