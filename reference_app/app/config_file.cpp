// SPDX-License-Identifier: BSL-1.0
#include "app/config_file.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

namespace claims_app {

namespace json = boost::json;

namespace {

constexpr std::size_t file_most = 1024 * 1024;

struct file_text {
  std::string text;
  bool is_private = false;  // neither readable by everybody nor writable by the group
};

// Throws: std::invalid_argument.
file_text read_file(const std::string& path) {
  const auto reason = [] { return std::generic_category().message(errno); };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0) throw std::invalid_argument("cannot be read: " + reason());
  const std::unique_ptr<const int, void (*)(const int*)> closing(&file,
                                                                 [](const int* each) { ::close(*each); });
  struct stat about{};
  if (::fstat(file, &about) != 0) throw std::invalid_argument("cannot be examined: " + reason());
  if (!S_ISREG(about.st_mode)) throw std::invalid_argument("is no regular file");
  file_text out{.text = {}, .is_private = (about.st_mode & (S_IWGRP | S_IRWXO)) == 0};
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(file, buffer.data(), buffer.size())) != 0;) {
    if (count < 0) throw std::invalid_argument("cannot be read: " + reason());
    out.text.append(buffer.data(), static_cast<std::size_t>(count));
    if (out.text.size() > file_most)
      throw std::invalid_argument("is larger than " + std::to_string(file_most) + " bytes");
  }
  return out;
}

// Takes the members as they are parsed, because a tree of them would no longer know that one was there twice.
class members {
 public:
  static constexpr std::size_t max_object_size = 1000;
  static constexpr std::size_t max_array_size = 1000;
  static constexpr std::size_t max_key_size = 1000;
  static constexpr std::size_t max_string_size = 100'000;

  members(const std::string& path, bool is_private, std::vector<std::string>& errors)
      : path_(path), is_private_(is_private), errors_(errors) {
    for (const option_row& row : option_rows()) keys_.push_back(key_of(row));
  }

  [[nodiscard]] given_settings taken() && { return std::move(taken_); }
  [[nodiscard]] bool is_object() const noexcept { return is_object_; }

  // What the parser calls; its last argument would stop it, which nothing here does.
  using failure = boost::system::error_code;
  bool on_document_begin(failure&) { return true; }
  bool on_document_end(failure&) { return true; }
  bool on_object_begin(failure&) {
    if (depth_++ == 0)
      is_object_ = true;
    else if (depth_ == 2)
      complain("must be a single value, not an object");
    return true;
  }
  bool on_object_end(std::size_t, failure&) {
    --depth_;
    return true;
  }
  bool on_array_begin(failure&) {
    if (depth_++ == 1) complain("must be a single value, not a list");
    return true;
  }
  bool on_array_end(std::size_t, failure&) {
    --depth_;
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, failure&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, std::size_t, failure&) {
    text_.append(part.data(), part.size());
    if (depth_ == 1) begin(text_);
    text_.clear();
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, failure&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, std::size_t, failure&) {
    text_.append(part.data(), part.size());
    const std::string whole = std::exchange(text_, {});
    if (is_member()) take(whole, row_->kind != option_kind::number && row_->kind != option_kind::yes_no);
    return true;
  }
  bool on_number_part(json::string_view, failure&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, failure&) {
    if (is_member()) take(std::to_string(number), row_->kind == option_kind::number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, failure&) {
    if (is_member()) take(std::to_string(number), row_->kind == option_kind::number);
    return true;
  }
  bool on_double(double, json::string_view, failure&) {
    if (is_member()) take({}, false);
    return true;
  }
  bool on_bool(bool yes, failure&) {
    if (is_member()) take(yes ? "true" : "false", row_->kind == option_kind::yes_no);
    return true;
  }
  bool on_null(failure&) {
    if (is_member()) take({}, false);
    return true;
  }
  bool on_comment_part(json::string_view, failure&) { return true; }
  bool on_comment(json::string_view, failure&) { return true; }

 private:
  // Whether a value at this place is that of an option.
  [[nodiscard]] bool is_member() const noexcept { return depth_ == 1 && row_ != nullptr; }

  void begin(const std::string& key) {
    key_ = key;
    row_ = nullptr;
    const auto known = std::ranges::find(keys_, key);
    if (known == keys_.end()) {
      const std::string_view nearest = nearest_name(key, keys_);
      complain(nearest.empty() ? "is no option" : "is no option; did you mean " + std::string(nearest) + "?");
    } else if (!seen_.insert(key).second) {
      complain("is there twice");
    } else {
      row_ = &option_rows()[static_cast<std::size_t>(known - keys_.begin())];
    }
  }

  void take(std::string text, bool is_of_its_kind) {
    if (!is_of_its_kind)
      complain("must be " + range_of(*row_) +
               (row_->kind == option_kind::number || row_->kind == option_kind::yes_no ? ", without quotes"
                                                                                       : ", in quotes"));
    else if (row_->kind == option_kind::secret && !is_private_)
      complain("is a secret in a file that everybody may read: chmod 600, or give " + key_ + "_file");
    else
      taken_.insert_or_assign(std::string(row_->name), given_setting{.text = std::move(text),
                                                                     .source = setting_source::file,
                                                                     .where = path_ + ": " + key_});
  }

  void complain(const std::string& what) { errors_.push_back(path_ + ": " + key_ + " " + what); }

  const std::string& path_;
  const bool is_private_;
  std::vector<std::string>& errors_;
  std::vector<std::string> keys_;  // of all options, in the order of their rows
  given_settings taken_;
  std::set<std::string> seen_;
  std::string text_;  // of a key or a string that is not over yet
  std::string key_;
  const option_row* row_ = nullptr;  // of the member under way; null if it is no option or there already
  std::size_t depth_ = 0;
  bool is_object_ = false;
};

std::string place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto lines = std::ranges::count(before, '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(lines + 1) + ", column " + std::to_string(before.size() - line_begin + 1);
}

}  // namespace

given_settings read_config_file(const std::string& path, std::vector<std::string>& errors) {
  file_text file;
  try {
    file = read_file(path);
  } catch (const std::invalid_argument& refused) {
    errors.push_back(path + ": " + refused.what());
    return {};
  }
  json::parse_options rules;
  rules.max_depth = 8;
  rules.allow_comments = true;
  rules.allow_trailing_commas = true;
  json::basic_parser<members> parser(rules, path, file.is_private, errors);
  boost::system::error_code failure;
  const std::size_t consumed = parser.write_some(false, file.text.data(), file.text.size(), failure);
  if (failure)
    errors.push_back(path + ": " + place_of(file.text, consumed) + ": " + failure.message());
  else if (consumed != file.text.size())
    errors.push_back(path + ": " + place_of(file.text, consumed) + ": nothing may follow the object");
  else if (!parser.handler().is_object())
    errors.push_back(path + ": must hold one JSON object");
  return std::move(parser.handler()).taken();
}

std::string read_secret_file(const std::string& path) {
  const file_text file = read_file(path);
  if (!file.is_private)
    throw std::invalid_argument("may be read by everybody or written by its group; chmod 600 " + path);
  std::string line = file.text.substr(0, file.text.find('\n'));
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) throw std::invalid_argument("has an empty first line");
  return line;
}

}  // namespace claims_app
