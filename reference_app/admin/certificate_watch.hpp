// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "server/tls_certificate.hpp"

#include <hasten/core/clock.hpp>
#include <hasten/metrics/health.hpp>
#include <hasten/metrics/metric_sink.hpp>

#include <functional>
#include <optional>

namespace claims_app {

using read_certificate = std::function<std::optional<certificate_reading>()>;

/// Warns two weeks before the certificate expires, and after a reload that was refused. It never fails the server: what
/// needs no TLS is served as ever.
[[nodiscard]] hasten::health_check certificate_check(read_certificate read,
                                                     std::function<hasten::wall_time()> now);

/// When it expires, how often it was reloaded, and how often that was refused.
void write_certificate(hasten::metric_sink& sink, const certificate_reading& reading);

}  // namespace claims_app
