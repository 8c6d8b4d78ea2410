// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/tls_context.hpp"

#include <hasten/core/clock.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace claims_app {

/// How the certificate stands, for gauges and health checks.
struct certificate_reading {
  hasten::wall_time expires;             // the first of the chain
  std::uint64_t reloads = 0;             // that took
  std::uint64_t reloads_refused = 0;     // since the start
  bool last_reload_was_refused = false;  // the files and what is served differ
};

/// The certificate that new connections are shown; a reload changes it, and leaves connections that are there alone.
/// Thread safety: thread-safe.
class tls_certificate {
 public:
  /// Throws: as tls_context does.
  tls_certificate(tls_context::options files, hasten::wall_time now);

  /// Lifetime: a session keeps what it needs of it.
  [[nodiscard]] std::shared_ptr<const tls_context> current() const;

  /// Reads the files anew. Returns: why what they hold cannot be used, and the certificate stays what it was; nothing if it
  /// can.
  [[nodiscard]] std::optional<std::string> reload(hasten::wall_time now);

  [[nodiscard]] certificate_reading reading() const;

 private:
  const tls_context::options files_;
  mutable std::mutex mutex_;  // guards the rest; no file is read under it
  std::shared_ptr<const tls_context> current_;
  certificate_reading reading_;
};

}  // namespace claims_app
