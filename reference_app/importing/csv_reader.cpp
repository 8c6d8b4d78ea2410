// SPDX-License-Identifier: BSL-1.0
#include "importing/csv_reader.hpp"

#include "importing/bad_input.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <unordered_set>
#include <utility>

namespace claims_app {
namespace {

csv_reader::options validated(csv_reader::options opts) {
  if (opts.record_bytes_max < 64 || opts.record_bytes_max > (std::size_t{1} << 30))
    throw std::invalid_argument("csv_reader: record_bytes_max must be 64..1073741824, got " +
                                std::to_string(opts.record_bytes_max));
  if (opts.fields_max < 1 || opts.fields_max > 1'000'000)
    throw std::invalid_argument("csv_reader: fields_max must be 1..1000000, got " +
                                std::to_string(opts.fields_max));
  return opts;
}

// Tells whether a line leaves a quoted field open, given whether it began within one. A quote opens a field
// at its start only: one that stands elsewhere is a fault of its line, not of the lines behind it.
bool ends_quoted(const char* at, const char* end, bool quoted) {
  if (std::memchr(at, '"', static_cast<std::size_t>(end - at)) == nullptr) return quoted;
  bool at_start = !quoted;
  for (; at != end; ++at) {
    if (quoted) {
      if (*at != '"') continue;
      if (at + 1 != end && at[1] == '"')
        ++at;
      else
        quoted = false;
    } else if (*at == '"' && at_start) {
      quoted = true;
    }
    at_start = !quoted && *at == ',';
  }
  return quoted;
}

const char* find(const char* from, const char* to, char wanted) {
  return static_cast<const char*>(std::memchr(from, wanted, static_cast<std::size_t>(to - from)));
}

}  // namespace

csv_reader::csv_reader(read_function read, options opts)
    : opts_(validated(opts)), read_(std::move(read)), buffer_(opts_.record_bytes_max + 1) {
  if (!read_) throw std::invalid_argument("csv_reader: read must be callable, got none");
  while (end_ < 3 && fetch()) {
  }
  if (end_ >= 3 && std::memcmp(buffer_.data(), "\xEF\xBB\xBF", 3) == 0) begin_ = 3;
  if (!read_record()) throw bad_input("the file is empty");
  if (!reason_.empty()) throw bad_input("the header cannot be read: " + reason_);
  std::unordered_set<std::string_view> seen;
  for (const std::string_view name : fields_) {
    if (!seen.insert(name).second) throw bad_input("the header names a column twice");
    columns_.emplace_back(name);
  }
}

csv_reader::outcome csv_reader::next() {
  if (!read_record()) return outcome::end;
  ++records_;
  if (reason_.empty() && fields_.size() != columns_.size())
    refuse("the row has " + std::to_string(fields_.size()) + " fields, the header " +
           std::to_string(columns_.size()));
  return reason_.empty() ? outcome::row : outcome::bad;
}

std::optional<std::size_t> csv_reader::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - columns_.begin());
}

// Returns false at the end of the file. The record lies in fields_, or reason_ says why not.
bool csv_reader::read_record() {
  fields_.clear();
  reason_.clear();
  for (;;) {
    if (begin_ == end_ && !fetch()) return false;
    line_ = line_next_;
    const auto record_end = find_record_end();
    if (!record_end) {
      // Resuming at the next line, not where reading stopped: a lone quote costs one line, not all behind it.
      skip_line();
      return true;
    }
    std::span<char> record(buffer_.data() + begin_, *record_end - begin_);
    line_next_ += static_cast<std::uint64_t>(std::count(record.begin(), record.end(), '\n'));
    begin_ = *record_end;
    if (!record.empty() && record.back() == '\n') record = record.first(record.size() - 1);
    if (!record.empty() && record.back() == '\r') record = record.first(record.size() - 1);
    if (record.empty()) continue;
    split(record);
    return true;
  }
}

// Makes room and reads on. Returns false if the source or the room has ended.
bool csv_reader::fetch() {
  if (source_ended_) return false;
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) return false;
  const std::size_t count = read_(std::span(buffer_).subspan(end_));
  end_ += count;
  source_ended_ = count == 0;
  return count != 0;
}

// Returns one past the record's line end, or the end of the file; nothing, with a reason, if the record is
// too long or its last quote is open.
std::optional<std::size_t> csv_reader::find_record_end() {
  std::size_t length = 0;  // of the record, in whole lines, as far as it was looked at
  bool quoted = false;
  for (;;) {
    const char* const newline = find(buffer_.data() + begin_ + length, buffer_.data() + end_, '\n');
    if (newline == nullptr && fetch()) continue;                // the line is looked at when it is whole
    const char* const from = buffer_.data() + begin_ + length;  // fetch() may have moved it
    const char* const stop = newline != nullptr ? newline + 1 : buffer_.data() + end_;
    quoted = ends_quoted(from, stop, quoted);
    length += static_cast<std::size_t>(stop - from);
    if (newline != nullptr && !quoted) {
      if (length <= opts_.record_bytes_max) return begin_ + length;
      break;
    }
    if (newline != nullptr) continue;
    if (!source_ended_) break;
    if (!quoted) return begin_ + length;
    refuse("a quoted field does not end");
    return std::nullopt;
  }
  refuse("the record is longer than " + std::to_string(opts_.record_bytes_max) + " bytes");
  return std::nullopt;
}

void csv_reader::skip_line() {
  for (;;) {
    const char* const data = buffer_.data();
    if (const char* newline = find(data + begin_, data + end_, '\n')) {
      begin_ = static_cast<std::size_t>(newline - data) + 1;
      ++line_next_;
      return;
    }
    begin_ = end_;
    if (!fetch()) return;
  }
}

void csv_reader::split(std::span<char> record) {
  std::size_t at = 0;
  for (;;) {
    if (fields_.size() == opts_.fields_max) {
      refuse("the row has more than " + std::to_string(opts_.fields_max) + " fields");
      return;
    }
    if (at < record.size() && record[at] == '"') {
      if (!split_quoted(record, at)) return;
    } else {
      const char* const from = record.data() + at;
      const char* const end = record.data() + record.size();
      const char* const comma = find(from, end, ',');
      const std::string_view field(from, static_cast<std::size_t>((comma != nullptr ? comma : end) - from));
      if (field.find('"') != field.npos) {
        refuse("a quote stands within an unquoted field");
        return;
      }
      fields_.push_back(field);
      at += field.size();
    }
    if (at == record.size()) return;
    ++at;  // the comma
  }
}

// Moves the text of a quoted field together, so that it needs no memory of its own: it only gets shorter.
bool csv_reader::split_quoted(std::span<char> record, std::size_t& at) {
  const std::size_t text = ++at;
  std::size_t length = 0;
  for (; at < record.size(); ++at) {
    if (record[at] == '"') {
      if (at + 1 == record.size() || record[at + 1] != '"') break;
      ++at;  // a doubled quote
    }
    record[text + length++] = record[at];
  }
  if (at == record.size()) {
    refuse("a quoted field does not end");
    return false;
  }
  ++at;  // the closing quote
  if (at != record.size() && record[at] != ',') {
    refuse("text follows a closing quote");
    return false;
  }
  fields_.emplace_back(record.data() + text, length);
  return true;
}

void csv_reader::refuse(std::string reason) {
  fields_.clear();
  reason_ = std::move(reason);
}

}  // namespace claims_app
