// SPDX-License-Identifier: BSL-1.0
#include "shared/gzip.hpp"

#include <zlib.h>

#include <stdexcept>

namespace claims_app {

std::string gzip(std::string_view text) {
  constexpr int level = 6;
  constexpr int gzip_window = 15 + 16;  // the largest window; 16 more asks for gzip's frame
  constexpr int memory = 8;
  z_stream stream{};
  if (deflateInit2(&stream, level, Z_DEFLATED, gzip_window, memory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("gzip: zlib cannot start");
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib does not write there
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) throw std::runtime_error("gzip: zlib did not finish");
  return out;
}

}  // namespace claims_app
