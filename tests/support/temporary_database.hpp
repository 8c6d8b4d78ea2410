// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <support/temporary_folder.hpp>

#include <filesystem>
#include <string>

/// The path of a database file, not made yet, in a folder of its own. The folder's name has a blank in it.
/// Thread safety: immutable.
class temporary_database {
 public:
  temporary_database() { std::filesystem::create_directory(folder()); }

  [[nodiscard]] std::filesystem::path folder() const { return outer_.path() / "with blank"; }
  [[nodiscard]] std::string path() const { return (folder() / "test.db").string(); }
  [[nodiscard]] std::string connect_string() const { return "db=\"" + path() + "\""; }

 private:
  temporary_folder outer_;
};
