// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/clock.hpp>
#include <hasten/core/codec.hpp>
#include <hasten/core/error.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace hasten {

/// What saving or restoring a cache did.
/// Thread safety: immutable.
struct snapshot_report {
  bool found = true;        ///< whether there was a file to restore
  std::size_t entries = 0;  ///< saved or restored
  std::size_t expired = 0;  ///< in the file, but over by now
  std::uint64_t bytes = 0;  ///< of the file
};

namespace detail {

inline constexpr std::string_view snapshot_magic = "hasten cache 1\n";

/// FNV-1a: finds what time and broken writes do to a file. No protection against who means it.
class checksum {
 public:
  void add(std::span<const std::byte> data) noexcept {
    for (const std::byte each : data) sum_ = (sum_ ^ std::to_integer<std::uint64_t>(each)) * 0x100000001b3U;
  }
  [[nodiscard]] std::uint64_t value() const noexcept { return sum_; }

 private:
  std::uint64_t sum_ = 0xcbf29ce484222325U;
};

/// A file under a temporary name that its owner alone can read, and that takes its place only when it is whole.
class replacement_file {
 public:
  explicit replacement_file(const std::filesystem::path& target)
      : target_(target), temporary_(target.string() + ".new." + std::to_string(::getpid())) {
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor_ < 0) fail("creating a cache snapshot");
  }
  replacement_file(const replacement_file&) = delete;
  replacement_file& operator=(const replacement_file&) = delete;
  ~replacement_file() {
    if (descriptor_ < 0) return;
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }

  void write(std::span<const std::byte> data) {
    while (!data.empty()) {
      const ::ssize_t done = ::write(descriptor_, data.data(), data.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) fail("writing a cache snapshot");
      data = data.subspan(static_cast<std::size_t>(done));
    }
  }

  void take_place() {
    if (::fsync(descriptor_) != 0) fail("writing a cache snapshot");
    if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("renaming a cache snapshot");
    ::close(std::exchange(descriptor_, -1));
  }

 private:
  [[noreturn]] static void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
  }

  const std::filesystem::path target_;
  const std::filesystem::path temporary_;
  int descriptor_ = -1;
};

[[noreturn]] inline void refuse_snapshot(const char* why) {
  throw error(errc::bad_format, std::string("restoring a cache: ") + why);
}

/// Reads a whole file and checks it. Returns: whether there is one.
[[nodiscard]] inline bool read_snapshot(const std::filesystem::path& path, std::uint64_t bytes_max,
                                        std::vector<std::byte>& data) {
  std::error_code failure;
  const std::uint64_t size = std::filesystem::file_size(path, failure);
  if (failure == std::errc::no_such_file_or_directory) return false;
  if (failure) refuse_snapshot("the file cannot be read");
  if (size > bytes_max) refuse_snapshot("the file is too large");
  if (size < snapshot_magic.size() + 8) refuse_snapshot("the file is too short");
  data.resize(size);
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(data.data()), static_cast<std::streamsize>(size));
  if (!file || file.peek() != std::ifstream::traits_type::eof()) refuse_snapshot("the file cannot be read");
  if (std::memcmp(data.data(), snapshot_magic.data(), snapshot_magic.size()) != 0)
    refuse_snapshot("it is no such file");
  checksum sum;
  sum.add(std::span<const std::byte>(data).first(data.size() - 8));
  byte_reader end(std::span<const std::byte>(data).last(8));
  if (std::bit_cast<std::uint64_t>(codec<double>::read(end)) != sum.value())
    refuse_snapshot("the file is damaged");
  return true;
}

}  // namespace detail

/// Writes the entries of a cache to a file, for the next start of the program. The file appears whole, in place of an older
/// one, or not at all; its owner alone can read it. Keys and values need a codec.
///
/// The file holds what the cache holds: where that is personal data, keep it where such data may be. Callers of the cache
/// are not held up. `clock` tells the time of day, by which entries age while the program is away.
/// Throws: std::system_error if it cannot be written; what the codec throws.
///
///     hasten::save_snapshot(scores, "/var/lib/service/scores.cache");    // when the service stops
///     hasten::restore_snapshot(scores, "/var/lib/service/scores.cache"); // when it starts
template <class Cache, class WallClock = wall_clock_source>
snapshot_report save_snapshot(Cache& cache, const std::filesystem::path& path, const WallClock& clock = {}) {
  detail::replacement_file file(path);
  detail::checksum sum;
  byte_writer out;
  snapshot_report report;
  const auto flush = [&] {
    const std::vector<std::byte> part = out.take();
    sum.add(part);
    file.write(part);
    report.bytes += part.size();
  };
  out.raw(std::as_bytes(std::span(detail::snapshot_magic)));
  codec<std::chrono::nanoseconds>::write(out, clock.now().time_since_epoch());
  std::size_t buffered = 0;
  cache.each([&](const auto& key, const auto& value, std::chrono::nanoseconds left) {
    const std::vector<std::byte> parts[] = {encode(key), encode(value)};
    out.number(1);  // another entry
    codec<std::vector<std::byte>>::write(out, parts[0]);
    codec<std::vector<std::byte>>::write(out, parts[1]);
    codec<std::chrono::nanoseconds>::write(out, left);
    ++report.entries;
    constexpr std::size_t chunk = 64 * 1024;
    if ((buffered += parts[0].size() + parts[1].size()) < chunk) return;
    buffered = 0;
    flush();
  });
  out.number(0);
  out.number(report.entries);
  flush();
  codec<double>::write(out, std::bit_cast<double>(sum.value()));  // eight bytes, whatever they are
  const std::vector<std::byte> end = out.take();
  file.write(end);
  report.bytes += end.size();
  file.take_place();
  return report;
}

/// Puts the entries of a file by save_snapshot() into a cache, each for the time it had left, less the time since then by
/// the clock of the day. A file that is not whole, or was written by types that the codecs do not read, is refused before
/// or at the entry in question; nothing else is touched.
/// Returns: what was restored; `found` is false if there is no such file.
/// Throws: hasten::error(bad_format) for a file that is damaged, unreadable or larger than `bytes_max`; what put() throws.
template <class Cache, class WallClock = wall_clock_source>
snapshot_report restore_snapshot(Cache& cache, const std::filesystem::path& path, const WallClock& clock = {},
                                 std::uint64_t bytes_max = std::uint64_t{1} << 30) {
  snapshot_report report;
  std::vector<std::byte> data;
  if (!detail::read_snapshot(path, bytes_max, data)) return {.found = false};
  report.bytes = data.size();
  byte_reader in(std::span<const std::byte>(data).first(data.size() - 8));
  static_cast<void>(in.raw(detail::snapshot_magic.size()));
  const auto saved = codec<std::chrono::nanoseconds>::read(in);
  const auto away = std::max(std::chrono::nanoseconds::zero(),
                             std::chrono::nanoseconds(clock.now().time_since_epoch()) - saved);
  while (in.number() == 1) {
    auto key = decode<typename Cache::key_type>(in.raw(in.number()));
    auto value = decode<typename Cache::value_type>(in.raw(in.number()));
    const auto left = codec<std::chrono::nanoseconds>::read(in);
    if (left < left.zero() || (left != left.zero() && left <= away)) {
      ++report.expired;
      continue;
    }
    cache.put(std::move(key), std::move(value), left == left.zero() ? left : left - away);
    ++report.entries;
  }
  if (in.number() != report.entries + report.expired) detail::refuse_snapshot("entries are missing");
  return report;
}

}  // namespace hasten
