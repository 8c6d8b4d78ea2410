// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/version.hpp>
#include <hasten/metrics/detail/json_text.hpp>
#include <hasten/metrics/exponential_buckets.hpp>
#include <hasten/metrics/metric_sink.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// Whether a number that only grows is sent as its total since the start, or as what was added since it was sent last.
enum class otlp_temporality : unsigned char { delta = 1, cumulative = 2 };

/// How distributions are sent: by the bounds of their pages, or in exponential buckets, which are finer and need no bounds.
enum class otlp_histograms : unsigned char { explicit_bounds, exponential };

/// Who sends: attributes such as service.name.
using otlp_resource = std::vector<std::pair<std::string, std::string>>;

namespace detail {

template <class Pairs>
void append_otlp_attributes(std::string& out, const Pairs& pairs) {
  out += "\"attributes\":[";
  bool first = true;
  for (const auto& [key, value] : pairs) {
    out += std::exchange(first, false) ? "{" : ",{";
    append_json_member(out, "key", key);
    out += ",\"value\":{";
    append_json_member(out, "stringValue", value);
    out += "}}";
  }
  out += ']';
}

inline void append_otlp_head(std::string& out, std::string_view of, const otlp_resource& resource) {
  out += "{\"resource" + std::string(of) + "\":[{\"resource\":{";
  append_otlp_attributes(out, resource);
  out += "},\"scope" + std::string(of) + "\":[{\"scope\":{\"name\":\"hasten\",\"version\":\"";
  out += std::to_string(version_major) + '.' + std::to_string(version_minor) + '.' +
         std::to_string(version_patch);
  out += "\"},";
}

inline std::uint64_t unix_nanoseconds(wall_time at) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
}

}  // namespace detail

/// Writes metrics as OpenTelemetry's collectors read them: OTLP as JSON, for POST /v1/metrics.
///
/// One object writes one export after the other: with otlp_temporality::delta it remembers what it sent last, for at most
/// `series_max` series; gauges and levels are sent as they are. Names lose the endings that Prometheus wants ("_total", the
/// unit), because receivers add them again. The wrong tool for events: a series is a number over time.
///
/// Thread safety: single-owner.
///
///     hasten::otlp_metrics page({{"service.name", "orders"}}, hasten::otlp_temporality::cumulative, wall_clock.now());
///     page.restart(wall_clock.now());
///     metrics.collect(page);
///     post("/v1/metrics", page.finish());
class otlp_metrics final : public metric_sink {
 public:
  static constexpr std::size_t series_max = 20'000;

  otlp_metrics(otlp_resource resource, otlp_temporality temporality, wall_time started,
               otlp_histograms histograms = otlp_histograms::explicit_bounds)
      : resource_(std::move(resource)),
        temporality_(temporality),
        is_exponential_(histograms == otlp_histograms::exponential),
        started_(started),
        before_(started),
        now_(started) {
    restart(started);
  }

  /// Begins the next export, of what is so at `now`.
  void restart(wall_time now) {
    before_ = now_;
    now_ = now;
    text_.clear();
    open_ = false;
    first_family_ = true;
    detail::append_otlp_head(text_, "Metrics", resource_);
    text_ += "\"metrics\":[";
  }

  void begin(const metric_description& family) override {
    close_family();
    name_ = family.name();
    is_counter_ = family.type() == metric_type::counter;
    std::string_view shown = name_;
    if (is_counter_) shown.remove_suffix(std::string_view("_total").size());
    std::string_view unit;
    if (shown.ends_with("_seconds")) unit = "s";
    if (shown.ends_with("_bytes")) unit = "By";
    if (unit == "s") shown.remove_suffix(8);
    if (unit == "By") shown.remove_suffix(6);
    if (!std::exchange(first_family_, false)) text_ += ',';
    text_ += '{';
    detail::append_json_member(text_, "name", shown);
    text_ += ',';
    detail::append_json_member(text_, "description", family.help());
    text_ += ',';
    detail::append_json_member(text_, "unit", unit);
    if (family.type() == metric_type::gauge) {
      text_ += ",\"gauge\":{";
    } else {
      text_ += is_counter_       ? ",\"sum\":{\"isMonotonic\":true,"
               : is_exponential_ ? ",\"exponentialHistogram\":{"
                                 : ",\"histogram\":{";
      text_ += "\"aggregationTemporality\":" + std::to_string(static_cast<int>(temporality_)) + ',';
    }
    text_ += "\"dataPoints\":[";
    open_ = true;
    first_point_ = true;
  }

  void count(const label_set& labels, std::uint64_t value) override {
    const std::uint64_t sent = is_delta() ? value - exchange(counts_, labels, value) : value;
    begin_point(labels);
    text_ += ",\"asInt\":";
    detail::append_json_quoted(text_, sent);
    text_ += '}';
  }

  void level(const label_set& labels, double value) override {
    if (is_counter_ && is_delta()) value -= exchange(levels_, labels, value);
    begin_point(labels);
    text_ += ",\"asDouble\":";
    detail::append_json_number(text_, value);
    text_ += '}';
  }

  void exemplars(std::span<const exemplar> examples) override { examples_ = examples; }

  void distribution(const label_set& labels, const histogram_snapshot& values,
                    const bucket_bounds& bounds) override {
    const std::span<const exemplar> examples = std::exchange(examples_, {});
    histogram_snapshot sent = values;
    if (is_delta()) {
      auto before = exchange(histograms_, labels, values);
      if (values.includes(before)) sent = difference(values, before);
    }
    begin_point(labels);
    text_ += ",\"count\":";
    detail::append_json_quoted(text_, sent.count());
    text_ += ",\"sum\":";
    detail::append_json_number(text_, static_cast<double>(sent.sum()) / bounds.unit());
    if (is_exponential_)
      append_exponential(sent, bounds.unit());
    else
      append_explicit(sent, bounds);
    append_exemplars(examples, bounds.unit());
    text_ += '}';
  }

  /// Returns: the message. Lifetime: until the sink is used again or destroyed.
  [[nodiscard]] const std::string& finish() {
    close_family();
    text_ += "]}]}]}";
    return text_;
  }

 private:
  template <class Value>
  using by_series = std::map<std::string, Value>;

  [[nodiscard]] bool is_delta() const noexcept { return temporality_ == otlp_temporality::delta; }

  // What was sent of this series before; nothing for one that is new, or beyond the bound, which is then sent whole.
  template <class Value>
  Value exchange(by_series<Value>& sent, const label_set& labels, const Value& value) {
    std::string key = name_ + '{' + labels.text();
    if (const auto found = sent.find(key); found != sent.end()) {
      Value before = std::exchange(found->second, value);
      if constexpr (!std::is_same_v<Value, histogram_snapshot>)
        if (before > value) return Value{};  // it began anew
      return before;
    }
    if (sent.size() < series_max) sent.emplace(std::move(key), value);
    return Value{};
  }

  void begin_point(const label_set& labels) {
    if (!open_) throw std::invalid_argument("otlp_metrics: a series comes after begin");
    text_ += std::exchange(first_point_, false) ? "{" : ",{";
    detail::append_otlp_attributes(text_, labels.labels());
    text_ += ",\"startTimeUnixNano\":";
    detail::append_json_quoted(text_, detail::unix_nanoseconds(is_delta() ? before_ : started_));
    text_ += ",\"timeUnixNano\":";
    detail::append_json_quoted(text_, detail::unix_nanoseconds(now_));
  }

  void append_explicit(const histogram_snapshot& sent, const bucket_bounds& bounds) {
    text_ += ",\"bucketCounts\":[";
    std::uint64_t below = 0;
    sent.counts_at_most(bounds.recorded(), [&](std::size_t, std::uint64_t at_most) {
      detail::append_json_quoted(text_, at_most - below);
      text_ += ',';
      below = at_most;
    });
    detail::append_json_quoted(text_, sent.count() - below);
    text_ += "],\"explicitBounds\":[";
    for (std::size_t i = 0; i < bounds.texts().size(); ++i) {
      if (i != 0) text_ += ',';
      text_ += bounds.texts()[i];
    }
    text_ += ']';
  }

  void append_exponential(const histogram_snapshot& sent, double unit) {
    const auto buckets = exponential_buckets::of(sent, unit);
    text_ += ",\"scale\":" + std::to_string(buckets.scale) + ",\"zeroCount\":";
    detail::append_json_quoted(text_, buckets.zeros);
    text_ += ",\"positive\":{\"offset\":" + std::to_string(buckets.offset) + ",\"bucketCounts\":[";
    for (std::size_t i = 0; i < buckets.counts.size(); ++i) {
      if (i != 0) text_ += ',';
      detail::append_json_quoted(text_, buckets.counts[i]);
    }
    text_ += "]}";
  }

  // Only those since the export before: an exemplar is sent once.
  void append_exemplars(std::span<const exemplar> examples, double unit) {
    bool first = true;
    for (const exemplar& each : examples) {
      if (each.at <= before_) continue;
      text_ += std::exchange(first, false) ? ",\"exemplars\":[{" : ",{";
      detail::append_json_member(text_, "traceId", each.trace_id());
      text_ += ",\"timeUnixNano\":";
      detail::append_json_quoted(text_, detail::unix_nanoseconds(each.at));
      text_ += ",\"asDouble\":";
      detail::append_json_number(text_, static_cast<double>(each.value) / unit);
      text_ += '}';
    }
    if (!first) text_ += ']';
  }

  void close_family() {
    if (std::exchange(open_, false)) text_ += "]}}";
  }

  const otlp_resource resource_;
  const otlp_temporality temporality_;
  const bool is_exponential_;
  const wall_time started_;
  wall_time before_;  // the export before this
  wall_time now_;
  std::string text_;
  std::string name_;  // of the family begun last
  bool is_counter_ = false;
  bool open_ = false;  // a family is
  bool first_family_ = true;
  bool first_point_ = true;
  std::span<const exemplar> examples_;  // of the next distribution
  by_series<std::uint64_t> counts_;     // as sent last, if they are sent as deltas
  by_series<double> levels_;
  by_series<histogram_snapshot> histograms_;
};

/// One step of a trace, as it is exported: templates, closed sets and random ids.
struct otlp_span {
  enum class kind : unsigned char { internal = 1, server = 2, client = 3 };

  std::string trace_id = {};   ///< 32 hexadecimal digits
  std::string span_id = {};    ///< 16
  std::string parent_id = {};  ///< 16, or empty: the trace begins here
  std::string name = {};       ///< method and template, or the name of a statement
  kind what = kind::internal;
  wall_time began{};
  wall_time ended{};
  bool failed = false;
  otlp_resource attributes = {};
};

/// Returns: the spans as collectors read them, for POST /v1/traces.
[[nodiscard]] inline std::string otlp_traces(std::span<const otlp_span> spans,
                                             const otlp_resource& resource) {
  using namespace detail;
  std::string out;
  append_otlp_head(out, "Spans", resource);
  out += "\"spans\":[";
  for (const otlp_span& each : spans) {
    out += &each == spans.data() ? "{" : ",{";
    append_json_member(out, "traceId", each.trace_id);
    out += ',';
    append_json_member(out, "spanId", each.span_id);
    out += ',';
    append_json_member(out, "parentSpanId", each.parent_id);
    out += ',';
    append_json_member(out, "name", each.name);
    out += ",\"kind\":" + std::to_string(static_cast<int>(each.what)) + ",\"startTimeUnixNano\":";
    append_json_quoted(out, unix_nanoseconds(each.began));
    out += ",\"endTimeUnixNano\":";
    append_json_quoted(out, unix_nanoseconds(each.ended));
    out += ',';
    append_otlp_attributes(out, each.attributes);
    out += each.failed ? ",\"status\":{\"code\":2}}" : ",\"status\":{}}";
  }
  out += "]}]}]}";
  return out;
}

}  // namespace hasten
