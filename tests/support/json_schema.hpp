// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_to.hpp>

#include <cstdint>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

/// Holds values against the part of JSON Schema that our own document uses. A keyword it does not know is an error of the
/// schema, so that nothing is promised which is not checked.
class json_schema {
 public:
  /// `document` has what "#/..." refers to. Lifetime: borrows it.
  explicit json_schema(const boost::json::value& document) : document_(document) {}

  /// Returns: what is wrong and where; empty if nothing is.
  /// Throws: std::runtime_error for a schema that cannot be checked.
  std::string complaint(const boost::json::value& schema, const boost::json::value& value,
                        const std::string& where = "") const {
    for (const auto& keyword : schema.as_object()) {
      std::string found = complaint_of(keyword.key(), keyword.value(), schema, value, where);
      if (!found.empty()) return found;
    }
    return "";
  }

  /// Returns: what a reference leads to; the value itself if it is none.
  const boost::json::value& resolved(const boost::json::value& value) const {
    const auto* const reference = value.is_object() ? value.as_object().if_contains("$ref") : nullptr;
    if (reference == nullptr) return value;
    const std::string to = boost::json::value_to<std::string>(*reference);
    if (!to.starts_with("#/")) throw std::runtime_error("a reference leads out of the document: " + to);
    return document_.at_pointer(to.substr(1));
  }

 private:
  std::string complaint_of(std::string_view keyword, const boost::json::value& rule,
                           const boost::json::value& schema, const boost::json::value& value,
                           const std::string& where) const {
    static const std::set<std::string_view> told = {"description", "default", "format"};
    const auto unless = [&](bool holds) {
      return holds ? std::string() : where + ": is not of " + std::string(keyword) + " " + serialize(rule);
    };
    if (told.contains(keyword)) return "";
    if (keyword == "$ref") return complaint(resolved(schema), value, where);
    if (keyword == "type") return unless(is_of(rule.as_string(), value));
    if (keyword == "enum") return unless(has(rule.as_array(), value));
    if (keyword == "pattern")
      return unless(!value.is_string() ||
                    std::regex_search(boost::json::value_to<std::string>(value),
                                      std::regex(boost::json::value_to<std::string>(rule))));
    if (keyword == "minimum") return unless(!value.is_number() || value.to_number<double>() >= number(rule));
    if (keyword == "maximum") return unless(!value.is_number() || value.to_number<double>() <= number(rule));
    if (keyword == "anyOf") {
      for (const auto& each : rule.as_array())
        if (complaint(each, value, where).empty()) return "";
      return unless(false);
    }
    if (keyword == "items") return complaint_of_items(rule, value, where);
    if (keyword == "required") return complaint_of_missing(rule, value, where);
    if (keyword == "properties") return complaint_of_members(rule, value, where);
    if (keyword == "additionalProperties") return complaint_of_strangers(schema, value, where);
    throw std::runtime_error("a schema has the keyword " + std::string(keyword) + ", which nobody checks");
  }

  static double number(const boost::json::value& rule) { return rule.to_number<double>(); }

  static bool has(const boost::json::array& all, const boost::json::value& value) {
    for (const auto& each : all)
      if (each == value) return true;
    return false;
  }

  static bool is_of(std::string_view type, const boost::json::value& value) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "number") return value.is_number();
    throw std::runtime_error("a schema has the type " + std::string(type));
  }

  std::string complaint_of_items(const boost::json::value& rule, const boost::json::value& value,
                                 const std::string& where) const {
    if (!value.is_array()) return "";
    std::size_t at = 0;
    for (const auto& each : value.as_array()) {
      std::string found = complaint(rule, each, where + "/" + std::to_string(at++));
      if (!found.empty()) return found;
    }
    return "";
  }

  static std::string complaint_of_missing(const boost::json::value& rule, const boost::json::value& value,
                                          const std::string& where) {
    if (!value.is_object()) return "";
    for (const auto& name : rule.as_array())
      if (!value.as_object().contains(name.as_string()))
        return where + ": lacks " + boost::json::value_to<std::string>(name);
    return "";
  }

  std::string complaint_of_members(const boost::json::value& rule, const boost::json::value& value,
                                   const std::string& where) const {
    if (!value.is_object()) return "";
    for (const auto& [name, each] : value.as_object()) {
      const auto* const known = rule.as_object().if_contains(name);
      if (known == nullptr) continue;
      std::string found = complaint(*known, each, where + "/" + std::string(name));
      if (!found.empty()) return found;
    }
    return "";
  }

  static std::string complaint_of_strangers(const boost::json::value& schema, const boost::json::value& value,
                                            const std::string& where) {
    if (schema.at("additionalProperties") != false)
      throw std::runtime_error("additionalProperties is checked where it is false");
    if (!value.is_object()) return "";
    for (const auto& [name, each] : value.as_object())
      if (!schema.at("properties").as_object().contains(name))
        return where + ": has " + std::string(name) + ", which nobody knows";
    return "";
  }

  const boost::json::value& document_;
};
