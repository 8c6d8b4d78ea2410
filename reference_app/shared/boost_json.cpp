// SPDX-License-Identifier: BSL-1.0
// The one translation unit that compiles Boost.JSON: no linked Boost library is needed.
#include <boost/json/src.hpp>
