// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace hasten {

/// The version of these headers; a test holds it against the version that the package declares.
inline constexpr int version_major = 0;
inline constexpr int version_minor = 1;
inline constexpr int version_patch = 0;

}  // namespace hasten
