// SPDX-License-Identifier: BSL-1.0
#include "importing/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace claims_app {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t bar_width = 20;

nanoseconds chosen_interval(const progress::options& opts) {
  if (opts.interval < nanoseconds::zero())
    throw std::invalid_argument(
        fmt::format("progress: interval must not be negative, got {} ns", opts.interval.count()));
  if (opts.interval != nanoseconds::zero()) return opts.interval;
  return opts.terminal ? nanoseconds(std::chrono::milliseconds(100)) : nanoseconds(std::chrono::seconds(5));
}

double part_of(const progress_counts& counts) {
  if (counts.bytes_of == 0) return 0;
  return std::min(1.0, static_cast<double>(counts.bytes) / static_cast<double>(counts.bytes_of));
}

std::string bar(double part) {
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(bar_width));
  return fmt::format("[{:#<{}}{:.<{}}]", "", filled, "", bar_width - filled);
}

std::string duration_text(std::chrono::seconds duration) {
  const auto seconds = duration.count();
  if (seconds >= 3600) return fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

}  // namespace

progress::progress(write_function write, options opts)
    : write_(std::move(write)), terminal_(opts.terminal), interval_(chosen_interval(opts)) {
  if (!write_) throw std::invalid_argument("progress: write must be callable, got none");
}

void progress::start(std::string_view name, hasten::steady_time now) {
  name_ = name;
  started_ = shown_ = now;
}

void progress::update(const progress_counts& counts, hasten::steady_time now) {
  if (now - shown_ < interval_) return;
  shown_ = now;
  write_(terminal_ ? fmt::format("\r{}\x1b[K", line(counts, now)) : line(counts, now) + "\n");
}

void progress::finish(const progress_counts& counts, hasten::steady_time now) {
  shown_ = now;
  write_(terminal_ ? fmt::format("\r{}\x1b[K\n", line(counts, now)) : line(counts, now) + "\n");
}

std::string progress::line(const progress_counts& counts, hasten::steady_time now) const {
  const double part = part_of(counts);
  const auto elapsed = std::chrono::duration_cast<nanoseconds>(now - started_);
  std::string text = name_ + "  ";
  if (terminal_) text += bar(part) + ' ';
  text += fmt::format("{:3.0f} %  {} rows", std::floor(part * 100), with_thousands(counts.rows));
  if (const auto rate = rate_of(counts.rows, elapsed))
    text += fmt::format("  {} rows/s", with_thousands(static_cast<std::uint64_t>(*rate)));
  if (counts.rejected != 0) text += fmt::format("  {} rejected", with_thousands(counts.rejected));
  const auto left = time_left(counts, elapsed);
  if (left && part < 1)
    text += fmt::format("  {} left", duration_text(*left));
  else if (part >= 1)
    text += fmt::format("  in {:.1f} s", std::chrono::duration<double>(elapsed).count());
  return text;
}

std::optional<double> rate_of(std::uint64_t rows, std::chrono::nanoseconds elapsed) {
  if (elapsed <= nanoseconds::zero()) return std::nullopt;
  return static_cast<double>(rows) / std::chrono::duration<double>(elapsed).count();
}

std::optional<std::chrono::seconds> time_left(const progress_counts& counts, nanoseconds elapsed) {
  if (counts.bytes == 0 || counts.bytes_of == 0 || elapsed <= nanoseconds::zero()) return std::nullopt;
  const double part = part_of(counts);
  const double left = std::chrono::duration<double>(elapsed).count() * (1 - part) / part;
  constexpr double longest = 359'999;  // 99:59:59: a longer guess is no guess
  return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(std::min(left, longest))));
}

std::string with_thousands(std::uint64_t number) {
  std::string text = std::to_string(number);
  for (std::size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

}  // namespace claims_app
