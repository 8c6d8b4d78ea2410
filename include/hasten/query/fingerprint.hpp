// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/query/sql_scanner.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace hasten {

/// The shape of a statement: what is left of its text without values, comments and layout.
/// Thread safety: immutable.
struct fingerprint {
  std::string text = {};   ///< for people, and as a name for statements that have none
  std::uint64_t hash = 0;  ///< of the whole shape, also of what was cut off `text`
  bool is_cut = false;     ///< `text` ends in "..." because the shape is longer

  friend bool operator==(const fingerprint& left, const fingerprint& right) noexcept {
    return left.hash == right.hash;
  }
};

namespace detail {

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& each : out)
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each | 0x20);
  return out;
}

// Cuts a text into tokens and writes its shape, in one pass; of lists it looks ahead, at each value at most twice.
class fingerprint_writer {
 public:
  fingerprint_writer(std::string_view text, sql_dialect dialect, std::size_t size_max)
      : scan_(text, dialect), dialect_(dialect), size_max_(size_max) {}

  [[nodiscard]] fingerprint write() {
    for (sql_token token = next(scan_); token.what != kind::end; token = next(scan_)) add(token);
    // FNV-1a leaves its high bits poorly mixed for short texts.
    hash_ ^= hash_ >> 32;
    hash_ *= 0x9E3779B97F4A7C15u;
    result_.hash = hash_ ^ hash_ >> 29;
    if (result_.is_cut) {
      // Never in the middle of a character.
      while (!result_.text.empty() && (static_cast<unsigned char>(result_.text.back()) & 0xC0) == 0x80)
        result_.text.pop_back();
      if (!result_.text.empty() && static_cast<unsigned char>(result_.text.back()) >= 0xC0)
        result_.text.pop_back();
      result_.text += "...";
    }
    return std::move(result_);
  }

 private:
  using kind = sql_token::kind;

  static sql_token next(sql_scanner& scan) noexcept {
    sql_token token = scan.next();
    while (token.what == kind::blank) token = scan.next();
    return token;
  }
  [[nodiscard]] sql_token peek() const noexcept {
    sql_scanner ahead = scan_;
    return next(ahead);
  }
  static bool is_symbol(const sql_token& token, std::string_view text) noexcept {
    return token.what == kind::symbol && token.text == text;
  }
  static bool is_sign(const sql_token& token) noexcept {
    return is_symbol(token, "-") || is_symbol(token, "+");
  }

  void add(const sql_token& token) {
    switch (token.what) {
      case kind::string:
      case kind::number:
      case kind::placeholder:
        return value();
      case kind::word:
        return word(lower_case(token.text));
      case kind::quoted_name:
        return is_value(token) ? value() : name(token.text);
      default:
        return symbol(token);
    }
  }

  void value() {
    emit("?");
    last_word_.clear();
    after_operand_ = true;
  }

  void name(std::string_view text) {
    emit(text);
    last_word_.clear();
    after_operand_ = true;
  }

  void word(std::string text) {
    const bool is_literal =
        (text == "null" || text == "true" || text == "false") && last_word_ != "is" && last_word_ != "not";
    if (is_literal) return value();
    emit(text);
    // Before these a minus belongs to the number after it.
    static constexpr std::array<std::string_view, 16> leads = {
        "select", "limit", "offset", "and",    "or",      "not",  "then",      "else",
        "when",   "case",  "in",     "values", "between", "like", "returning", "where"};
    after_operand_ = std::find(leads.begin(), leads.end(), text) == leads.end();
    last_word_ = std::move(text);
  }

  // SQLite takes text in double quotation marks for a string wherever no such name exists.
  [[nodiscard]] bool is_value(const sql_token& token) const {
    if (!token.is_closed) return true;
    if (dialect_ != sql_dialect::sqlite || token.text[0] != '"') return false;
    static constexpr std::array<std::string_view, 8> leads = {"from",  "join",  "into", "update",
                                                              "table", "index", "view", "as"};
    return !after_dot_ && std::find(leads.begin(), leads.end(), last_word_) == leads.end() &&
           !is_symbol(peek(), ".");
  }

  void symbol(const sql_token& token) {
    const bool opens = token.text == "(" || token.text == "[";
    if (token.text == ";") {
      if (peek().what != kind::end) emit(";");
    } else if (is_sign(token) && !after_operand_ && is_plain(peek())) {
      return;  // the value's own
    } else if (opens && takes_list(token.text[0]) && skip_values()) {
      emit(token.text == "(" ? "(?+)" : "[?+]");
      if (last_word_ == "values") skip_rows();
      last_word_.clear();
      after_operand_ = true;
      return;
    } else {
      if (opens) open();
      const bool ends_row = token.text == ")" && depth_ > 0 && depth_ == row_depth_;
      if ((token.text == ")" || token.text == "]") && depth_ > 0) --depth_;
      emit(token.text);
      if (ends_row) {
        row_depth_ = 0;
        skip_rows();
      }
    }
    last_word_.clear();
    after_operand_ = token.text == ")" || token.text == "]";
  }

  [[nodiscard]] bool takes_list(char bracket) const {
    if (bracket == '[') return last_word_ == "array";
    return last_word_ == "in" || last_word_ == "values" || last_word_ == "any" || last_word_ == "all";
  }

  void open() {
    ++depth_;
    if (last_word_ == "values") row_depth_ = depth_;
  }

  // Moves past a list of nothing but values and its closing bracket. Returns: false, without moving, if it is another.
  bool skip_values() {
    sql_scanner ahead = scan_;
    for (;;) {
      sql_token token = next(ahead);
      if (is_sign(token)) token = next(ahead);
      if (!is_plain(token) && !is_literal_word(token)) return false;
      token = next(ahead);
      if (is_symbol(token, "::")) {
        token = next(ahead);  // the type
        token = next(ahead);
      }
      if (is_symbol(token, ")") || is_symbol(token, "]")) {
        scan_ = ahead;
        return true;
      }
      if (!is_symbol(token, ",")) return false;
    }
  }
  static bool is_plain(const sql_token& token) noexcept {
    return token.what == kind::string || token.what == kind::number || token.what == kind::placeholder;
  }
  static bool is_literal_word(const sql_token& token) {
    if (token.what != kind::word || token.text.size() > 5) return false;
    const std::string text = lower_case(token.text);
    return text == "null" || text == "true" || text == "false";
  }

  // The rows after the first say nothing of the shape but its number.
  void skip_rows() {
    for (;;) {
      sql_scanner ahead = scan_;
      if (!is_symbol(next(ahead), ",") || !is_symbol(next(ahead), "(")) return;
      for (std::size_t depth = 1; depth > 0;) {
        const sql_token token = next(ahead);
        if (token.what == kind::end) break;
        if (is_symbol(token, "(")) ++depth;
        if (is_symbol(token, ")")) --depth;
      }
      scan_ = ahead;
    }
  }

  void emit(std::string_view piece) {
    const bool glues = is_empty_ || after_open_ || piece == "," || piece == ")" || piece == "]" ||
                       piece == "." || piece == ";" || piece == "[" || piece == "[?+]" || piece == "::";
    if (!glues) put(" ");
    put(piece);
    is_empty_ = false;
    after_dot_ = piece == ".";
    after_open_ = after_dot_ || piece == "(" || piece == "[" || piece == "::";
  }

  void put(std::string_view piece) {
    for (const char each : piece) {
      hash_ ^= static_cast<unsigned char>(each);
      hash_ *= 0x100000001B3u;
    }
    if (result_.is_cut) return;
    const std::size_t room = size_max_ - 3 - result_.text.size();
    result_.text.append(piece.substr(0, room));
    result_.is_cut = piece.size() > room;
  }

  sql_scanner scan_;
  sql_dialect dialect_;
  std::size_t size_max_;
  std::uint64_t hash_ = 0xCBF29CE484222325u;
  fingerprint result_;
  std::string last_word_;       // in lower case; empty if something else was last
  std::size_t depth_ = 0;       // of open brackets
  std::size_t row_depth_ = 0;   // depth within the first row of VALUES; zero: not within one
  bool is_empty_ = true;        // nothing was written yet
  bool after_open_ = false;     // no blank follows
  bool after_dot_ = false;      // a name of the same path follows
  bool after_operand_ = false;  // a minus here would be an operator
};

}  // namespace detail

/// Returns: the shape of a statement. Strings, numbers, placeholders, TRUE, FALSE and NULL become `?`; lists of values
/// after IN, ANY and ARRAY become `(?+)`, and of the rows of VALUES the first is kept; comments go, blanks become one,
/// keywords and plain names become lower case. `text` has at most `size_max` bytes.
///
/// It never holds a value of the text, if the dialect is the database's: what one takes for a quotation is a name to the
/// other. On SQLite, text in double quotation marks counts as a value where it may be one. A name that a value was
/// pasted into (`orders_4711`) is a name.
/// Throws: std::invalid_argument for a size_max that is not 16..100000. Complexity: one pass over the text.
///
///     const auto shape = hasten::fingerprint_of("SELECT *  FROM t WHERE id IN (1, 2) -- x", hasten::sql_dialect::sqlite);
///     // shape.text is "select * from t where id in (?+)"
///     auto rows = monitor.track(shape.text, [&] { return other_library.run(sql); });
[[nodiscard]] inline fingerprint fingerprint_of(std::string_view text, sql_dialect dialect,
                                                std::size_t size_max = 500) {
  if (size_max < 16 || size_max > 100'000)
    throw std::invalid_argument("fingerprint: size_max must be 16..100000, got " + std::to_string(size_max));
  return detail::fingerprint_writer(text, dialect, size_max).write();
}

}  // namespace hasten
