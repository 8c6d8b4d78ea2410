// SPDX-License-Identifier: BSL-1.0
#include "importing/gz_source.hpp"

#include "importing/bad_input.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

namespace claims_app {
namespace {

constexpr std::size_t file_buffer_size = 64 * 1024;

struct file_closer {
  void operator()(std::FILE* file) const noexcept {
    std::fclose(file);
  }  // opened for reading: nothing to lose
};

}  // namespace

struct gz_source::state {
  std::string name;
  std::unique_ptr<std::FILE, file_closer> file;
  std::uint64_t size = 0;
  std::uint64_t fetched = 0;  // bytes read from the file, of which some may still lie in `buffer`
  std::array<unsigned char, file_buffer_size> buffer{};
  std::size_t begin = 0;  // the bytes of `buffer` not consumed yet
  std::size_t end = 0;
  bool compressed = false;
  bool in_member = false;  // compressed: between the header and the trailer of a gzip member
  z_stream inflater{};

  state(const state&) = delete;
  state& operator=(const state&) = delete;

  explicit state(const std::filesystem::path& path) : name(path.filename().string()) {
    std::error_code failure;
    if (!std::filesystem::is_regular_file(path, failure)) throw bad_input(name + ": there is no such file");
    size = std::filesystem::file_size(path, failure);
    file.reset(std::fopen(path.c_str(), "rb"));
    if (!file || failure)
      throw bad_input(name + ": cannot be opened: " + std::generic_category().message(errno));
    fetch();
    compressed = end >= 2 && buffer[0] == 0x1F && buffer[1] == 0x8B;
    // 15 + 16: the largest window, and a gzip header and trailer, whose checksum zlib verifies.
    if (compressed && inflateInit2(&inflater, 15 + 16) != Z_OK) throw std::bad_alloc();
    in_member = compressed;
  }
  ~state() {
    if (compressed) inflateEnd(&inflater);
  }

  void fetch() {
    begin = 0;
    end = std::fread(buffer.data(), 1, buffer.size(), file.get());
    fetched += end;
    if (std::ferror(file.get()) != 0) throw bad_input(name + ": cannot be read");
  }

  [[nodiscard]] bool exhausted() {
    if (begin == end) fetch();
    return begin == end;
  }

  std::size_t read_plain(std::span<char> to) {
    if (exhausted()) return 0;
    const std::size_t count = std::min(to.size(), end - begin);
    std::memcpy(to.data(), buffer.data() + begin, count);
    begin += count;
    return count;
  }

  std::size_t read_compressed(std::span<char> to) {
    inflater.next_out = reinterpret_cast<Bytef*>(to.data());
    const auto wanted = static_cast<uInt>(std::min<std::size_t>(to.size(), std::numeric_limits<uInt>::max()));
    inflater.avail_out = wanted;
    while (inflater.avail_out == wanted) {
      if (exhausted()) {
        if (in_member) throw bad_input(name + ": the compressed file is truncated");
        return 0;
      }
      if (!in_member) start_member();
      inflate_some();
    }
    return wanted - inflater.avail_out;
  }

  void start_member() {
    if (buffer[begin] != 0x1F) throw bad_input(name + ": there is more after the end of the compressed file");
    if (inflateReset(&inflater) != Z_OK) throw bad_input(name + ": the compressed file is corrupt");
    in_member = true;
  }

  void inflate_some() {
    inflater.next_in = buffer.data() + begin;
    inflater.avail_in = static_cast<uInt>(end - begin);
    const int outcome = inflate(&inflater, Z_NO_FLUSH);
    begin = end - inflater.avail_in;
    if (outcome == Z_STREAM_END)
      in_member = false;
    else if (outcome == Z_MEM_ERROR)
      throw std::bad_alloc();
    else if (outcome != Z_OK && outcome != Z_BUF_ERROR)  // Z_BUF_ERROR: it only wants more input
      throw bad_input(name + ": the compressed file is corrupt");
  }
};

gz_source::gz_source(const std::filesystem::path& path) : state_(std::make_unique<state>(path)) {}
gz_source::gz_source(gz_source&&) noexcept = default;
gz_source& gz_source::operator=(gz_source&&) noexcept = default;
gz_source::~gz_source() = default;

std::size_t gz_source::read(std::span<char> buffer) {
  if (buffer.empty()) return 0;
  return state_->compressed ? state_->read_compressed(buffer) : state_->read_plain(buffer);
}

std::uint64_t gz_source::position() const noexcept { return state_->fetched - (state_->end - state_->begin); }

std::uint64_t gz_source::size() const noexcept { return state_->size; }

}  // namespace claims_app
