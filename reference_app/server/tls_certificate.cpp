// SPDX-License-Identifier: BSL-1.0
#include "server/tls_certificate.hpp"

#include <exception>
#include <utility>

namespace claims_app {

tls_certificate::tls_certificate(tls_context::options files, hasten::wall_time now)
    : files_(std::move(files)), current_(std::make_shared<const tls_context>(files_, now)) {
  reading_.expires = current_->expires();
}

std::shared_ptr<const tls_context> tls_certificate::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

std::optional<std::string> tls_certificate::reload(hasten::wall_time now) {
  std::shared_ptr<const tls_context> made;
  std::optional<std::string> refused;
  try {
    made = std::make_shared<const tls_context>(files_, now);
  } catch (const std::exception& failure) {
    refused = failure.what();
  }
  const std::lock_guard lock(mutex_);
  reading_.last_reload_was_refused = refused.has_value();
  if (refused) {
    ++reading_.reloads_refused;
    return refused;
  }
  ++reading_.reloads;
  reading_.expires = made->expires();
  current_.swap(made);  // the old one is let go without the lock
  return std::nullopt;
}

certificate_reading tls_certificate::reading() const {
  const std::lock_guard lock(mutex_);
  return reading_;
}

}  // namespace claims_app
