// SPDX-License-Identifier: BSL-1.0
// Whatever the text: its shape is bounded, the same each time, and a value put behind it does not show.
#include <hasten/query/fingerprint.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_closed(std::string_view text, hasten::sql_dialect dialect) {
  hasten::sql_scanner scan(text, dialect);
  for (auto token = scan.next(); token.what != hasten::sql_token::kind::end; token = scan.next())
    if (!token.is_closed) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  for (const auto dialect : {hasten::sql_dialect::sqlite, hasten::sql_dialect::postgresql}) {
    const auto shape = hasten::fingerprint_of(text, dialect, 200);
    require(shape.text.size() <= 200 && (!shape.is_cut || shape.text.ends_with("...")));
    require(hasten::fingerprint_of(text, dialect, 200) == shape);
    if (!is_closed(text, dialect) || text.find("secret") != std::string::npos) continue;
    // A line end closes what may be an open remark.
    const auto more = hasten::fingerprint_of(text + "\n, 'secret'", dialect, 100'000);
    require(more.text.find("secret") == std::string::npos);
    require(more == hasten::fingerprint_of(text + "\n, 'other'", dialect));
  }
  return 0;
}
