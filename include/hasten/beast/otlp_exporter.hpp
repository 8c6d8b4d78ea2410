// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/beast/http_poster.hpp>
#include <hasten/core/clock.hpp>
#include <hasten/metrics/otlp_json.hpp>
#include <hasten/metrics/registry.hpp>

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

/// What an exporter is told; from_environment() reads it from the variables that all OpenTelemetry programs know.
struct otlp_options {
  std::string metrics_url = {};  ///< http://…/v1/metrics; empty: no metrics are exported
  std::string traces_url = {};   ///< http://…/v1/traces; empty: no traces
  std::vector<http_poster::header> headers = {};
  http_channel_maker secure = {};  ///< for https, as in http_poster::options; not read from the environment
  std::string authorities_file = {};  ///< for whoever makes `secure`: the certificates to trust
  std::chrono::nanoseconds timeout = std::chrono::seconds(10);   ///< of one attempt; as http_poster::options
  std::chrono::nanoseconds interval = std::chrono::seconds(60);  ///< between exports of metrics; 1 s to a day
  otlp_temporality temporality = otlp_temporality::cumulative;
  otlp_histograms histograms = otlp_histograms::explicit_bounds;
  otlp_resource resource = {{"service.name", "unknown_service"}};
  std::size_t spans_max = 2048;  ///< waiting to be sent; 1 to 100,000. The rest is dropped and counted
  std::size_t batch_max = 512;   ///< spans in one message; 1 to spans_max

  /// Reads OTEL_SDK_DISABLED, OTEL_EXPORTER_OTLP_ENDPOINT, _METRICS_ENDPOINT, _TRACES_ENDPOINT, _HEADERS, _TIMEOUT,
  /// _CERTIFICATE, _PROTOCOL, _METRICS_TEMPORALITY_PREFERENCE, _METRICS_DEFAULT_HISTOGRAM_AGGREGATION, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and
  /// OTEL_METRIC_EXPORT_INTERVAL through `get`, which returns nothing for a variable that is not set.
  /// Returns: options without urls if nothing is to be exported. Throws: std::invalid_argument, naming the variable.
  [[nodiscard]] static otlp_options from_environment(
      const std::function<std::optional<std::string>(std::string_view)>& get);
};

namespace detail {

inline std::vector<std::pair<std::string, std::string>> otlp_pairs(std::string_view text,
                                                                   const char* variable) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t equals = item.find('=');
    if (equals == 0 || equals == std::string_view::npos)
      throw std::invalid_argument(std::string(variable) + " must be name=value,name=value");
    pairs.emplace_back(item.substr(0, equals), item.substr(equals + 1));
  }
  return pairs;
}

inline std::chrono::milliseconds otlp_milliseconds(const std::string& text, const char* variable) {
  unsigned value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size())
    throw std::invalid_argument(std::string(variable) + " must be a number of milliseconds");
  return std::chrono::milliseconds(value);
}

}  // namespace detail

inline otlp_options otlp_options::from_environment(
    const std::function<std::optional<std::string>(std::string_view)>& get) {
  otlp_options read;
  if (get("OTEL_SDK_DISABLED") == "true") return read;
  if (const auto protocol = get("OTEL_EXPORTER_OTLP_PROTOCOL"); protocol && *protocol != "http/json")
    throw std::invalid_argument("OTEL_EXPORTER_OTLP_PROTOCOL must be http/json: nothing else is spoken here");
  if (auto endpoint = get("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint && !endpoint->empty()) {
    while (endpoint->ends_with('/')) endpoint->pop_back();
    read.metrics_url = *endpoint + "/v1/metrics";
    read.traces_url = *endpoint + "/v1/traces";
  }
  if (const auto url = get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")) read.metrics_url = *url;
  if (const auto url = get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) read.traces_url = *url;
  if (const auto text = get("OTEL_EXPORTER_OTLP_HEADERS"))
    read.headers = detail::otlp_pairs(*text, "OTEL_EXPORTER_OTLP_HEADERS");
  if (const auto file = get("OTEL_EXPORTER_OTLP_CERTIFICATE")) read.authorities_file = *file;
  if (const auto text = get("OTEL_EXPORTER_OTLP_TIMEOUT"))
    read.timeout = detail::otlp_milliseconds(*text, "OTEL_EXPORTER_OTLP_TIMEOUT");
  if (const auto text = get("OTEL_METRIC_EXPORT_INTERVAL"))
    read.interval = detail::otlp_milliseconds(*text, "OTEL_METRIC_EXPORT_INTERVAL");
  if (const auto text = get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE")) {
    if (*text != "cumulative" && *text != "delta" && *text != "lowmemory")
      throw std::invalid_argument(
          "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE must be cumulative, delta or lowmemory");
    if (*text != "cumulative") read.temporality = otlp_temporality::delta;
  }
  constexpr const char* shape = "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION";
  if (const auto text = get(shape)) {
    if (*text != "explicit_bucket_histogram" && *text != "base2_exponential_bucket_histogram")
      throw std::invalid_argument(std::string(shape) +
                                  " must be explicit_bucket_histogram or base2_exponential_bucket_histogram");
    if (*text != "explicit_bucket_histogram") read.histograms = otlp_histograms::exponential;
  }
  if (const auto text = get("OTEL_RESOURCE_ATTRIBUTES")) {
    const auto given = detail::otlp_pairs(*text, "OTEL_RESOURCE_ATTRIBUTES");
    for (const auto& each : given)
      if (each.first == "service.name") read.resource.clear();
    read.resource.insert(read.resource.end(), given.begin(), given.end());
  }
  if (const auto name = get("OTEL_SERVICE_NAME"); name && !name->empty()) {
    std::erase_if(read.resource, [](const auto& each) { return each.first == "service.name"; });
    read.resource.emplace_back("service.name", *name);
  }
  return read;
}

/// What an exporter has done so far.
struct otlp_stats {
  http_poster_stats metrics;
  http_poster_stats traces;
  std::uint64_t spans_dropped = 0;  ///< because too many waited
  std::uint64_t partial_successes =
      0;  ///< answers that said that not everything was taken; those are not sent again
};

/// Exports metrics and spans to an OpenTelemetry collector as JSON over HTTP, never on anybody's path: a collector that
/// hangs costs memory up to a bound, and then the oldest.
///
/// It has no thread: its owner ticks it about once a second, and whoever runs the io_context sends. The wrong tool where a
/// Prometheus scrapes already.
///
/// Thread safety: thread-safe.
///
///     hasten::otlp_exporter exporter(io, hasten::otlp_options::from_environment(environment), wall_clock.now());
///     exporter.tick(clock.now(), wall_clock.now(), metrics);       // once a second
///     exporter.add({.trace_id = …});                               // for each request that is kept
///     exporter.stop(clock.now() + 2s, wall_clock.now(), metrics);  // once more, and then no longer
class otlp_exporter {
 public:
  /// Throws: std::invalid_argument for an option out of range. Lifetime: the io_context outlives the exporter.
  otlp_exporter(boost::asio::io_context& io, otlp_options chosen, wall_time started)
      : options_(checked(std::move(chosen))),
        page_(options_.resource, options_.temporality, started, options_.histograms) {
    if (!options_.metrics_url.empty()) metrics_.emplace(io, poster_options(options_.metrics_url));
    if (!options_.traces_url.empty()) traces_.emplace(io, poster_options(options_.traces_url));
  }

  /// Exports what is due. Blocks on: the collectors of the registry; never on the network. Throws: what collecting throws.
  void tick(steady_time now, wall_time at, const registry& metrics) {
    send_spans();
    {
      const std::lock_guard lock(mutex_);
      if (due_ && now < *due_) return;
      due_ = now + options_.interval;
    }
    send_metrics(at, metrics);
  }

  /// Takes a span. Returns: false if it was dropped. Blocks on: a short lock.
  bool add(otlp_span span) {
    if (!traces_) return false;
    const std::lock_guard lock(mutex_);
    if (spans_.size() >= options_.spans_max) {
      spans_dropped_.fetch_add(1);
      return false;
    }
    spans_.push_back(std::move(span));
    return true;
  }

  /// Sends all there is once more, and takes nothing after that. Blocks on: the collector, until `deadline`.
  void stop(steady_time deadline, wall_time at, const registry& metrics) {
    send_spans();
    send_metrics(at, metrics);
    if (metrics_) metrics_->stop(deadline);
    if (traces_) traces_->stop(deadline);
  }

  [[nodiscard]] bool exports_traces() const noexcept { return traces_.has_value(); }

  [[nodiscard]] otlp_stats stats() const {
    return {.metrics = metrics_ ? metrics_->stats() : http_poster_stats(),
            .traces = traces_ ? traces_->stats() : http_poster_stats(),
            .spans_dropped = spans_dropped_.load(),
            .partial_successes = partial_->load()};
  }

 private:
  static otlp_options checked(otlp_options chosen) {
    if (chosen.interval < std::chrono::seconds(1) || chosen.interval > std::chrono::hours(24))
      throw std::invalid_argument("otlp_exporter: interval must be 1 s to a day, got " +
                                  std::to_string(chosen.interval.count()) + " ns");
    if (chosen.spans_max < 1 || chosen.spans_max > 100'000)
      throw std::invalid_argument("otlp_exporter: spans_max must be 1..100000, got " +
                                  std::to_string(chosen.spans_max));
    if (chosen.batch_max < 1 || chosen.batch_max > chosen.spans_max)
      throw std::invalid_argument("otlp_exporter: batch_max must be 1..spans_max, got " +
                                  std::to_string(chosen.batch_max));
    return chosen;
  }

  [[nodiscard]] http_poster::options poster_options(const std::string& url) const {
    http_poster::options out;
    out.url = url;
    out.headers = options_.headers;
    out.secure = options_.secure;
    out.timeout = options_.timeout;
    out.queue_max = 8;  // each message replaces the one before, or is large
    out.delays = {.first = std::chrono::seconds(1), .most = std::chrono::seconds(30)};
    out.retries = [](unsigned status) {
      return status == 429 || status == 502 || status == 503 || status == 504;
    };
    out.on_success = [counted = partial_](std::string_view body) {
      // {"partialSuccess":{"rejectedDataPoints":"3"}}; with zero rejected it is only a warning.
      const std::size_t at = body.find("\"rejected");
      if (at != std::string_view::npos &&
          body.substr(at).find_first_of("123456789") != std::string_view::npos)
        counted->fetch_add(1);
    };
    return out;
  }

  void send_metrics(wall_time at, const registry& metrics) {
    if (!metrics_) return;
    const std::lock_guard lock(page_mutex_);
    page_.restart(at);
    metrics.collect(page_);
    metrics_->post(page_.finish());
  }

  void send_spans() {
    if (!traces_) return;
    std::vector<otlp_span> taken;
    {
      const std::lock_guard lock(mutex_);
      taken.swap(spans_);
    }
    const std::span<const otlp_span> all(taken);
    for (std::size_t from = 0; from < all.size(); from += options_.batch_max)
      traces_->post(
          otlp_traces(all.subspan(from, std::min(options_.batch_max, all.size() - from)), options_.resource));
  }

  const otlp_options options_;
  const std::shared_ptr<std::atomic<std::uint64_t>> partial_ =
      std::make_shared<std::atomic<std::uint64_t>>(0);
  std::atomic<std::uint64_t> spans_dropped_{0};
  std::mutex page_mutex_;  // guards page_; collectors run under it, and may not use the exporter
  otlp_metrics page_;
  std::mutex mutex_;  // guards the next two
  std::vector<otlp_span> spans_;
  std::optional<steady_time> due_;
  std::optional<http_poster> metrics_;
  std::optional<http_poster> traces_;
};

}  // namespace hasten
