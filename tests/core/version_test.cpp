// SPDX-License-Identifier: BSL-1.0
#include <hasten/core/version.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

TEST_CASE("the headers and the package declare the same version") {
  CHECK(std::to_string(hasten::version_major) + "." + std::to_string(hasten::version_minor) + "." +
            std::to_string(hasten::version_patch) ==
        HASTEN_PACKAGE_VERSION);
}
