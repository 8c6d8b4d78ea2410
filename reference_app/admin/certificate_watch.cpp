// SPDX-License-Identifier: BSL-1.0
#include "admin/certificate_watch.hpp"

#include <chrono>
#include <utility>

namespace claims_app {

namespace {

using days = std::chrono::duration<double, std::ratio<86'400>>;
constexpr days enough{14};

}  // namespace

hasten::health_check certificate_check(read_certificate read, std::function<hasten::wall_time()> now) {
  hasten::health_check made;
  made.name = "certificate";
  made.interval = std::chrono::minutes(1);
  made.critical = false;
  made.run = [read = std::move(read), now = std::move(now)] {
    const auto reading = read();
    hasten::check_result found{.unit = "d"};
    if (!reading) return found;
    const days left = reading->expires - now();
    found.observed = left.count();
    if (left <= enough) {
      found.status = left.count() <= 0 ? hasten::health_status::fail : hasten::health_status::warn;
      found.note = left.count() <= 0 ? "the certificate has expired" : "the certificate expires soon";
    } else if (reading->last_reload_was_refused) {
      found.status = hasten::health_status::warn;
      found.note = "the new certificate could not be used; see the log";
    }
    return found;
  };
  return made;
}

void write_certificate(hasten::metric_sink& sink, const certificate_reading& reading) {
  using hasten::metric_type;
  sink.begin({"hasten_tls_certificate_expiry_timestamp_seconds",
              "When the certificate expires, in Unix time.", metric_type::gauge});
  sink.level({}, std::chrono::duration<double>(reading.expires.time_since_epoch()).count());
  sink.begin({"hasten_tls_certificate_reloads_total", "Reloads of the certificate, by result.",
              metric_type::counter});
  sink.count({{"result", "taken"}}, reading.reloads);
  sink.count({{"result", "refused"}}, reading.reloads_refused);
}

}  // namespace claims_app
