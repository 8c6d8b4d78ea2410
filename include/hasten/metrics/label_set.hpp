// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/metrics/detail/utf8.hpp>

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// Returns: whether `name` can name a metric or a label: lower-case letters, digits and underscores, not
/// beginning with a digit, nor with two underscores, which the formats keep for themselves; at most 128
/// bytes.
[[nodiscard]] constexpr bool is_metric_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 128 && !(name[0] >= '0' && name[0] <= '9') &&
         !name.starts_with("__") && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

/// The labels of one series, checked and written out once: {method="GET",route="/claims/{id}"}.
///
/// Values come from a closed set that the program knows (a template, a class of status), never from what
/// users send: each new combination is a new series, kept for good and shown to everybody.
///
/// Thread safety: immutable.
///
///     hasten::label_set labels{{"method", "GET"}, {"route", "/claims/{id}"}};
///     labels.text();   // method="GET",route="/claims/{id}"
class label_set {
 public:
  using label = std::pair<std::string, std::string>;
  static constexpr std::size_t value_size_max = 256;

  label_set() = default;
  label_set(std::initializer_list<label> labels) : label_set(std::vector<label>(labels)) {}

  /// A byte of a value that is no UTF-8 becomes U+FFFD: readers of the formats would refuse the whole page for it.
  /// Throws: std::invalid_argument for a name that is none or is kept for the formats ("le", "quantile"), a
  /// name twice, or a value that is too long.
  explicit label_set(std::vector<label> labels) : labels_(std::move(labels)) {
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      auto& [name, value] = labels_[i];
      check_name(name);
      if (value.size() > value_size_max)
        throw std::invalid_argument("label_set: the value of \"" + name + "\" must be 0.." +
                                    std::to_string(value_size_max) + " bytes, got " +
                                    std::to_string(value.size()));
      for (std::size_t k = 0; k < i; ++k)
        if (labels_[k].first == name)
          throw std::invalid_argument("label_set: \"" + name + "\" is given twice");
      detail::make_utf8(value);
      if (i != 0) text_ += ',';
      text_ += name;
      text_ += "=\"";
      append_escaped(text_, value);
      text_ += '"';
    }
  }

  /// Throws: std::invalid_argument unless `name` can name a label.
  static void check_name(const std::string& name) {
    if (!is_metric_name(name) || name == "le" || name == "quantile")
      throw std::invalid_argument("label_set: \"" + name + "\" cannot name a label");
  }

  /// Returns: the labels in the order given.
  [[nodiscard]] const std::vector<label>& labels() const noexcept { return labels_; }

  /// Returns: the labels as both text formats write them, without the braces; empty if there are none.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  static void append_escaped(std::string& out, std::string_view value) {
    for (const char c : value) {
      if (c == '\\' || c == '"') out += '\\';
      if (c == '\n')
        out += "\\n";
      else
        out += c;
    }
  }

  std::vector<label> labels_;
  std::string text_;
};

}  // namespace hasten
