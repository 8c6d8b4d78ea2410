// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/expects.hpp>
#include <hasten/metrics/metric_sink.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// Writes metrics as Prometheus and everything that speaks its language reads them: the text format 0.0.4, or
/// OpenMetrics 1.0.
///
/// Pure text, no network: serve finish() under the content type that goes with it. `_count` always equals the
/// bucket "+Inf". OpenMetrics shows exemplars, the text format has no place for them.
///
/// Thread safety: single-owner.
///
///     hasten::prometheus_text page;
///     metrics.collect(page);
///     respond(page.content_type(), page.finish());
class prometheus_text final : public metric_sink {
 public:
  enum class format : unsigned char { text, open_metrics };

  explicit prometheus_text(format chosen = format::text) : format_(chosen) {}

  /// Returns: the format to answer a request with this Accept header: OpenMetrics only if it is asked for.
  [[nodiscard]] static format accepted(std::string_view accept) noexcept {
    return accept.find("application/openmetrics-text") != std::string_view::npos ? format::open_metrics
                                                                                 : format::text;
  }

  /// Returns: the value of Content-Type, without which Prometheus 3 refuses the page.
  [[nodiscard]] std::string_view content_type() const noexcept {
    return format_ == format::text ? "text/plain; version=0.0.4; charset=utf-8"
                                   : "application/openmetrics-text; version=1.0.0; charset=utf-8";
  }

  void begin(const metric_description& family) override {
    if (std::find(begun_.begin(), begun_.end(), family.name()) != begun_.end())
      throw std::invalid_argument("prometheus_text: the family \"" + family.name() + "\" was written before");
    begun_.push_back(family.name());
    name_ = family.name();
    std::string_view shown = name_;
    if (format_ == format::open_metrics && family.type() == metric_type::counter)
      shown.remove_suffix(std::string_view("_total").size());
    text_.append("# HELP ").append(shown).append(" ");
    append_help(family.help());
    text_.append("\n# TYPE ").append(shown).append(" ").append(name_of(family.type())).append("\n");
  }

  void count(const label_set& labels, std::uint64_t value) override {
    append_series("", labels);
    append_number(value);
    text_ += '\n';
  }

  void level(const label_set& labels, double value) override {
    append_series("", labels);
    append_number(value);
    text_ += '\n';
  }

  void distribution(const label_set& labels, const histogram_snapshot& values,
                    const bucket_bounds& bounds) override {
    HASTEN_EXPECTS(!finished_ && !begun_.empty(),
                   "prometheus_text: a series comes after begin, before finish");
    const std::span<const exemplar> examples = std::exchange(examples_, {});
    prefix_.assign(name_).append("_bucket{").append(labels.text());
    if (!labels.text().empty()) prefix_ += ',';
    prefix_ += "le=\"";
    // All bucket lines are laid out in one block of known greatest size: a page has thousands of them.
    const std::size_t line_max =
        prefix_.size() + bucket_bounds::text_size_max + 32 + (examples.empty() ? 0 : exemplar_size_max);
    if (block_.size() < line_max * (bounds.texts().size() + 1))
      block_.resize(line_max * (bounds.texts().size() + 1));
    char* out = block_.data();
    const exemplar* next = examples.data();
    const exemplar* const last = next + examples.size();
    values.counts_at_most(bounds.recorded(), [&](std::size_t i, std::uint64_t count) {
      const std::string_view bound = bounds.texts()[i];
      out = put(out, prefix_);
      out = put(out, bound);
      if (format_ == format::open_metrics && bound.find_first_of(".e") == std::string_view::npos)
        out = put(out, ".0");  // a bound has to be visibly no integer
      out = put_count(out, count);
      out = put_exemplar(
          out, next,
          std::find_if(next, last, [&](const exemplar& each) { return each.value > bounds.recorded()[i]; }),
          bounds.unit());
      *out++ = '\n';
    });
    out = put(out, prefix_);
    out = put(out, "+Inf");
    out = put_count(out, values.count());
    out = put_exemplar(out, next, last, bounds.unit());
    *out++ = '\n';
    text_.append(block_.data(), static_cast<std::size_t>(out - block_.data()));
    append_series("_sum", labels);
    append_number(static_cast<double>(values.sum()) / bounds.unit());
    text_ += '\n';
    append_series("_count", labels);
    append_number(values.count());
    text_ += '\n';
  }

  void exemplars(std::span<const exemplar> examples) override {
    if (format_ == format::open_metrics) examples_ = examples;
  }

  /// Returns: the page. Lifetime: until the sink is used again or destroyed.
  [[nodiscard]] const std::string& finish() {
    if (format_ == format::open_metrics && !finished_) text_ += "# EOF\n";
    finished_ = true;
    return text_;
  }

  /// Begins a new page in the memory of the one before: a page is large, and fresh memory costs more than the
  /// writing.
  void clear() noexcept {
    finished_ = false;
    text_.clear();
    begun_.clear();
  }

 private:
  static constexpr std::size_t number_size_max = 32;
  static constexpr std::size_t exemplar_size_max = exemplar::trace_id_size + 2 * number_size_max + 24;

  static std::string_view name_of(metric_type type) noexcept {
    constexpr std::array<std::string_view, 3> names = {"counter", "gauge", "histogram"};
    return names[static_cast<std::size_t>(type)];
  }

  void append_series(std::string_view suffix, const label_set& labels) {
    HASTEN_EXPECTS(!finished_ && !begun_.empty(),
                   "prometheus_text: a series comes after begin, before finish");
    text_.append(name_).append(suffix);
    if (!labels.text().empty()) text_.append("{").append(labels.text()).append("}");
    text_ += ' ';
  }

  void append_help(std::string_view help) {
    for (const char c : help) {
      if (c == '\\' || (c == '"' && format_ == format::open_metrics)) text_ += '\\';
      if (c == '\n')
        text_ += "\\n";
      else
        text_ += c;
    }
  }

  void append_number(std::uint64_t value) {
    std::array<char, 24> digits;
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    text_ += std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
  }

  void append_number(double value) {
    if (std::isnan(value)) {
      text_ += "NaN";
    } else if (std::isinf(value)) {
      text_ += value > 0 ? "+Inf" : "-Inf";
    } else {
      std::array<char, 32> digits;
      const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
      text_ += std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data()));
    }
  }

  static char* put(char* out, std::string_view text) noexcept {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
  }

  static char* put_count(char* out, std::uint64_t count) noexcept {
    out = put(out, "\"} ");
    return std::to_chars(out, out + 20, count).ptr;
  }

  // Of the examples of one bucket, those from `next` to `end`, the latest; `next` moves on to the next bucket's.
  static char* put_exemplar(char* out, const exemplar*& next, const exemplar* end, double unit) noexcept {
    const exemplar* const shown = std::max_element(
        next, end, [](const exemplar& left, const exemplar& right) { return left.at < right.at; });
    const bool is_none = shown == end;
    next = end;
    if (is_none) return out;
    out = put(out, " # {trace_id=\"");
    out = put(out, shown->trace_id());
    out = put(out, "\"} ");
    out = std::to_chars(out, out + number_size_max, static_cast<double>(shown->value) / unit).ptr;
    *out++ = ' ';
    const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(shown->at.time_since_epoch());
    return std::to_chars(out, out + number_size_max, static_cast<double>(at.count()) / 1e3,
                         std::chars_format::fixed)
        .ptr;
  }

  format format_;
  bool finished_ = false;
  std::string text_;
  std::string name_;                    // of the family begun last
  std::string prefix_;                  // of the bucket lines of one series; kept for its memory
  std::vector<char> block_;             // of one series; kept for its memory
  std::vector<std::string> begun_;      // the families so far
  std::span<const exemplar> examples_;  // of the next distribution
};

}  // namespace hasten
