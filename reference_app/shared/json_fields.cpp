// SPDX-License-Identifier: BSL-1.0
#include "shared/json_fields.hpp"

#include "shared/iso_date.hpp"
#include "shared/json_writer.hpp"
#include "shared/public_id.hpp"

#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <cmath>

namespace claims_app {

namespace json = boost::json;

namespace {

constexpr std::size_t depth_max = 32;
constexpr std::size_t values_max = 10'000;  // four times what the longest claim has

bool follows(std::string_view text, const text_rule& rule) {
  const auto allowed = [&](char byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           rule.marks.find(byte) != std::string_view::npos;
  };
  return text.size() >= rule.least && text.size() <= rule.most && std::ranges::all_of(text, allowed);
}

std::string words_of(const text_rule& rule) {
  const std::string length = rule.least == rule.most
                                 ? std::to_string(rule.least)
                                 : std::to_string(rule.least) + " to " + std::to_string(rule.most);
  std::string out = "must be a text of " + length + " letters and digits";
  if (!rule.marks.empty()) out += " or " + std::string(rule.marks);
  return out;
}

struct contents {
  std::size_t members = 0;   // of all objects
  std::size_t elements = 0;  // of all arrays
};

void count(const json::value& tree, contents& out) {
  if (const json::object* const object = tree.if_object()) {
    out.members += object->size();
    for (const json::key_value_pair& each : *object) count(each.value(), out);
  } else if (const json::array* const array = tree.if_array()) {
    out.elements += array->size();
    for (const json::value& each : *array) count(each, out);
  }
}

// The members that a text has which is known to be JSON: as many as colons outside its strings.
std::size_t members_written(std::string_view text) {
  std::size_t count = 0;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (in_string && text[at] == '\\')
      ++at;
    else if (text[at] == '"')
      in_string = !in_string;
    else if (text[at] == ':' && !in_string)
      ++count;
  }
  return count;
}

problem_error malformed(std::string detail) {
  return problem_error(
      {.status = 400, .kind = "malformed-json", .detail = std::move(detail), .items = {}, .headers = {}});
}

std::string_view as_std(const json::string& text) { return {text.data(), text.size()}; }

}  // namespace

json_document::json_document(std::string_view text) {
  json::stream_parser parser({}, {.max_depth = depth_max});
  boost::system::error_code failure;
  const std::size_t consumed = parser.write_some(text.data(), text.size(), failure);
  const bool is_deep = failure == json::error::too_deep;
  if (!failure) parser.finish(failure);
  if (!failure) {
    const std::size_t rest = text.find_first_not_of(" \t\r\n", consumed);
    if (rest == std::string_view::npos) {
      root_ = std::make_unique<const json::value>(parser.release());
      // The parser keeps the last of two members of one name; another reader of the same body may keep the first.
      contents found;
      count(*root_, found);
      if (found.members != members_written(text))
        throw malformed("An object in the body has two members of one name.");
      if (found.members + found.elements > values_max)
        throw malformed("The body has more than " + std::to_string(values_max) + " members and elements.");
      return;
    }
  }
  throw malformed(is_deep ? "The body is nested more than " + std::to_string(depth_max) + " deep, at byte " +
                                std::to_string(consumed) + "."
                          : "The body stops being JSON at byte " + std::to_string(consumed) + ".");
}

json_document::~json_document() = default;

json_fields::json_fields(const json::value& object, std::string pointer,
                         std::span<const std::string_view> known, std::vector<problem_item>& problems)
    : object_(object), pointer_(std::move(pointer)), problems_(problems) {
  if (!object_.is_object()) {
    problems_.push_back({.where = pointer_, .reason = "must be an object"});
    return;
  }
  const bool strange = std::ranges::any_of(object_.get_object(), [&](const json::key_value_pair& member) {
    return std::ranges::find(known, std::string_view(member.key().data(), member.key().size())) ==
           known.end();
  });
  if (!strange) return;
  std::string names;
  for (const std::string_view name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  problems_.push_back({.where = pointer_, .reason = "has a member that is not one of: " + names});
}

void json_fields::complain(std::string_view name, std::string reason) {
  problems_.push_back({.where = pointer_ + "/" + std::string(name), .reason = std::move(reason)});
}

const json::value* json_fields::find(std::string_view name) const {
  if (!object_.is_object()) return nullptr;
  const json::value* found = object_.get_object().if_contains({name.data(), name.size()});
  return found == nullptr || found->is_null() ? nullptr : found;
}

const json::value* json_fields::find_required(std::string_view name) {
  const json::value* found = find(name);
  // Where the object is none, that has been said already.
  if (found == nullptr && object_.is_object()) complain(name, "is missing");
  return found;
}

std::optional<std::string> json_fields::checked_text(std::string_view name, const json::value& given,
                                                     text_rule rule) {
  if (given.is_string() && follows(as_std(given.get_string()), rule))
    return std::string(as_std(given.get_string()));
  complain(name, words_of(rule));
  return std::nullopt;
}

std::optional<std::string> json_fields::text(std::string_view name, text_rule rule) {
  const json::value* given = find_required(name);
  return given == nullptr ? std::nullopt : checked_text(name, *given, rule);
}

std::optional<std::string> json_fields::optional_text(std::string_view name, text_rule rule) {
  const json::value* given = find(name);
  return given == nullptr ? std::nullopt : checked_text(name, *given, rule);
}

std::optional<std::string> json_fields::one_of(std::string_view name,
                                               std::span<const std::string_view> allowed) {
  const json::value* given = find_required(name);
  if (given == nullptr) return std::nullopt;
  if (given->is_string() && std::ranges::find(allowed, as_std(given->get_string())) != allowed.end())
    return std::string(as_std(given->get_string()));
  std::string names;
  for (const std::string_view each : allowed) names += (names.empty() ? "" : ", ") + std::string(each);
  complain(name, "must be one of: " + names);
  return std::nullopt;
}

std::optional<std::string> json_fields::public_id(std::string_view name) {
  const json::value* given = find_required(name);
  if (given == nullptr) return std::nullopt;
  if (given->is_string() && is_public_id(as_std(given->get_string())))
    return std::string(as_std(given->get_string()));
  complain(name, "must be an id of 26 characters, as the lists give it");
  return std::nullopt;
}

std::optional<std::string> json_fields::date(std::string_view name, std::chrono::year_month_day latest) {
  const json::value* given = find_required(name);
  if (given == nullptr) return std::nullopt;
  const auto day = given->is_string() ? parse_iso_date(as_std(given->get_string())) : std::nullopt;
  if (!day || day->year() < std::chrono::year(1900)) {
    complain(name, "must be a day of the calendar from 1900 on, as YYYY-MM-DD");
  } else if (*day > latest) {
    complain(name, "must not lie in the future");
  } else {
    return to_iso_date(*day);
  }
  return std::nullopt;
}

std::optional<std::int64_t> json_fields::optional_integer(std::string_view name, std::int64_t least,
                                                          std::int64_t most) {
  const json::value* given = find(name);
  if (given == nullptr) return std::nullopt;
  if (given->is_int64() && given->get_int64() >= least && given->get_int64() <= most)
    return given->get_int64();
  complain(name, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return std::nullopt;
}

std::optional<double> json_fields::optional_number(std::string_view name, double least, double most) {
  const json::value* given = find(name);
  if (given == nullptr) return std::nullopt;
  double number = std::nan("");
  if (given->is_double()) number = given->get_double();
  if (given->is_int64()) number = static_cast<double>(given->get_int64());
  if (number >= least && number <= most) return number;
  std::string reason;
  json_writer(reason).value(least);
  reason = "must be a number from " + reason + " to ";
  std::string upper;
  json_writer(upper).value(most);
  complain(name, reason + upper);
  return std::nullopt;
}

std::vector<std::string> json_fields::texts(std::string_view name, text_rule rule, std::size_t count_max) {
  std::vector<std::string> out;
  const std::size_t count = array_size(name, count_max);
  for (std::size_t at = 0; at < count; ++at) {
    const json::value& given = find(name)->get_array()[at];
    if (auto text = checked_text(std::string(name) + "/" + std::to_string(at), given, rule))
      out.push_back(std::move(*text));
  }
  return out;
}

std::size_t json_fields::array_size(std::string_view name, std::size_t count_max) {
  const json::value* given = find(name);
  if (given == nullptr) return 0;
  if (given->is_array() && given->get_array().size() <= count_max) return given->get_array().size();
  complain(name, "must be an array of at most " + std::to_string(count_max));
  return 0;
}

std::optional<json_fields> json_fields::optional_object(std::string_view name,
                                                        std::span<const std::string_view> known) {
  const json::value* given = find(name);
  if (given == nullptr) return std::nullopt;
  json_fields inner(*given, pointer_ + "/" + std::string(name), known, problems_);
  if (!given->is_object()) return std::nullopt;
  return inner;
}

bool json_fields::is_null(std::string_view name) const {
  if (!object_.is_object()) return false;
  const json::value* found = object_.get_object().if_contains({name.data(), name.size()});
  return found != nullptr && found->is_null();
}

json_fields json_fields::element(std::string_view name, std::size_t at,
                                 std::span<const std::string_view> known) {
  return json_fields(find(name)->get_array()[at],
                     pointer_ + "/" + std::string(name) + "/" + std::to_string(at), known, problems_);
}

}  // namespace claims_app
