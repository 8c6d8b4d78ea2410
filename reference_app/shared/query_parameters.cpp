// SPDX-License-Identifier: BSL-1.0
#include "shared/query_parameters.hpp"

#include "shared/iso_date.hpp"

#include <hasten/core/expects.hpp>

#include <algorithm>
#include <charconv>

namespace claims_app {

namespace {

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::string listed(std::span<const std::string_view> names) {
  std::string out;
  for (const std::string_view name : names) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    char byte = text[at];
    if (byte == '%') {
      if (at + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[at + 1]);
      const int low = hex_value(text[at + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      byte = static_cast<char>(high * 16 + low);
      at += 2;
    } else if (byte == '+' && plus_is_blank) {
      byte = ' ';
    }
    if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) return std::nullopt;
    out += byte;
  }
  return out;
}

std::optional<std::string> date_parameter(query_parameters& query, std::string_view name) {
  const auto text = query.text(name);
  if (!text) return std::nullopt;
  if (!parse_iso_date(*text)) query.complain(name, "must be a day of the calendar as YYYY-MM-DD");
  return std::string(*text);
}

query_parameters::query_parameters(std::string_view query, std::span<const std::string_view> known)
    : known_(known) {
  HASTEN_EXPECTS(known.size() <= parameters_max, "a route knows at most parameters_max query parameters");
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    take(query.substr(0, end));
    query.remove_prefix(std::min(end + 1, query.size()));
  }
}

void query_parameters::take(std::string_view pair) {
  if (pair.empty()) return;
  const std::size_t equals = std::min(pair.find('='), pair.size());
  const auto name = percent_decode(pair.substr(0, equals), true);
  const std::size_t which = name ? index_of(*name) : known_.size();
  if (which == known_.size()) {
    // The name is the client's own text and is not repeated; one complaint covers all of them.
    const bool told =
        std::ranges::any_of(problems_, [](const problem_item& item) { return item.where == "?"; });
    if (!told)
      problems_.push_back({.where = "?",
                           .reason = known_.empty() ? "this route takes no parameter"
                                                    : "a parameter is not one of: " + listed(known_)});
    return;
  }
  if (values_[which]) return complain(known_[which], "is given more than once");
  auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
  if (!value) complain(known_[which], "is not properly percent-encoded text");
  values_[which] = value ? std::move(*value) : std::string();
}

std::size_t query_parameters::index_of(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::find(known_, name) - known_.begin());
}

std::optional<std::string_view> query_parameters::text(std::string_view name) const {
  const std::size_t which = index_of(name);
  HASTEN_EXPECTS(which < known_.size(), "a handler asks only for parameters that its route declares");
  if (!values_[which]) return std::nullopt;
  return std::string_view(*values_[which]);
}

std::optional<long long> query_parameters::integer(std::string_view name, long long least, long long most) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  long long number = 0;
  const auto [end, failure] = std::from_chars(given->data(), given->data() + given->size(), number);
  if (failure == std::errc{} && end == given->data() + given->size() && number >= least && number <= most)
    return number;
  complain(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<std::string_view> query_parameters::one_of(std::string_view name,
                                                         std::span<const std::string_view> allowed) {
  const auto given = text(name);
  if (!given) return std::nullopt;
  const auto found = std::ranges::find(allowed, *given);
  if (found != allowed.end()) return *found;
  complain(name, "must be one of: " + listed(allowed));
  return std::nullopt;
}

void query_parameters::complain(std::string_view name, std::string reason) {
  const bool told =
      std::ranges::any_of(problems_, [&](const problem_item& item) { return item.where == name; });
  if (!told) problems_.push_back({.where = std::string(name), .reason = std::move(reason)});
}

void query_parameters::check() const {
  if (!problems_.empty()) throw problem_error(bad_parameters(problems_));
}

}  // namespace claims_app
