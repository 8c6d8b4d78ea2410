// SPDX-License-Identifier: BSL-1.0
#include "importing/reject_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace claims_app {
namespace {

constexpr std::size_t pending_bytes_max = 1 << 20;

// Our own reasons need no quotes; a file name may.
std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) result.append(c == '"' ? 2 : 1, c);
  return result + '"';
}

}  // namespace

void reject_file::closer::operator()(std::FILE* file) const noexcept {
  std::fclose(file);  // write() has flushed all and reported
}

reject_file::reject_file(std::filesystem::path path) : path_(std::move(path)) {}

void reject_file::add(std::string_view file, std::uint64_t line, std::string_view reason) {
  pending_ += quoted(file) + ',' + std::to_string(line) + ',' + quoted(reason) + '\n';
  if (pending_.size() > pending_bytes_max) write();
}

void reject_file::write() {
  if (pending_.empty()) return;
  const auto fail = [this] {
    throw std::runtime_error("reject file " + path_.filename().string() +
                             ": cannot be written: " + std::generic_category().message(errno));
  };
  if (!file_) {
    const int descriptor = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) fail();
    file_.reset(::fdopen(descriptor, "a"));
    if (!file_) {
      ::close(descriptor);
      fail();
    }
    if (::lseek(descriptor, 0, SEEK_END) == 0) pending_.insert(0, "file,line,reason\n");
  }
  if (std::fwrite(pending_.data(), 1, pending_.size(), file_.get()) != pending_.size() ||
      std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0)
    fail();
  pending_.clear();
}

}  // namespace claims_app
