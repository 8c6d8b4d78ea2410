// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <support/postgresql_server.hpp>

#include <string>
#include <utility>
#include <vector>

/// A PostgreSQL server for one test case, which is skipped with the reason where none is installed.
/// Thread safety: single-owner.
class postgresql_fixture {
 public:
  explicit postgresql_fixture(std::vector<std::string> settings = {})
      : server(checked(std::move(settings))) {}

 private:
  static std::vector<std::string> checked(std::vector<std::string> settings) {
    if (const std::string reason = postgresql_server::missing(); !reason.empty()) SKIP(reason);
    return settings;
  }

 public:
  postgresql_server server;
};
