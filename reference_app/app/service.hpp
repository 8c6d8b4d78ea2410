// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "app/serve_config.hpp"

#include <hasten/core/clock.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace claims_app {

/// What stopping came to.
struct stop_report {
  std::size_t connections_cut = 0;  // had to be closed at the deadline
  std::uint64_t tasks_dropped = 0;  // never ran, or were still running
};

/// The whole server, wired: database, cache, workers, slices, HTTP. Thread safety: prepare, start, stop and the
/// destructor belong to one thread.
class service {
 public:
  /// Opens nothing yet.
  explicit service(serve_config config);
  ~service();
  service(const service&) = delete;
  service& operator=(const service&) = delete;

  /// Opens the database, brings its schema up to date and fills it if it holds no claim. `say` is told what goes on.
  /// Throws: hasten::error, std::runtime_error.
  void prepare(const std::function<void(std::string_view)>& say);

  /// Starts the threads and listens. Throws: std::system_error if the address cannot be had.
  void start();

  [[nodiscard]] std::uint16_t port() const;
  /// Returns: the port for TLS, and that of the operators' own listener; 0 where there is none.
  [[nodiscard]] std::uint16_t tls_port() const;
  [[nodiscard]] std::uint16_t admin_port() const;

  /// Reads the certificate and its key anew, and logs what came of it; what cannot be used changes nothing. Does nothing
  /// without TLS. Only while started; from any thread.
  void reload_certificate();

  /// Returns: what is not as the OpenAPI document says it: routes that are not in it, descriptions of none. Only while started.
  [[nodiscard]] std::vector<std::string> amiss_in_api_document() const;

  /// Does what the server does by itself twice a minute: upkeep of the sessions, and forgetting answers that the commits of
  /// other programs made outdated. Only while started; from any thread.
  void look_after();

  /// Takes over the options of `now` that are reloadable, whatever the others say; they were checked already. Only while
  /// started.
  void reload(const serve_config& now);

  /// Lets /readyz say from now on that no more requests should come; they are answered all the same.
  void announce_stop();

  /// Returns: whether every event loop took up a task within `patience`. Only while started; from any thread.
  [[nodiscard]] bool responds(std::chrono::nanoseconds patience) const;

  /// Lets what is under way finish, at most until `deadline`, then ends all threads. Idempotent.
  stop_report stop(hasten::steady_time deadline);

 private:
  struct parts;
  serve_config config_;
  std::unique_ptr<parts> parts_;
};

}  // namespace claims_app
