// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hasten {

/// Whose lexical rules a text follows. The two differ in quotation marks, comments, brackets and operators.
enum class sql_dialect : unsigned char { sqlite, postgresql };

/// One piece of an SQL text: a view into it.
struct sql_token {
  enum class kind : unsigned char {
    end,          ///< there is nothing more
    blank,        ///< blanks, line ends and comments
    word,         ///< a keyword or a plain name
    quoted_name,  ///< a name in quotation marks, backticks or brackets
    string,       ///< a text in single quotation marks or dollar quotes, with its prefix (E, X, B, U&)
    number,       ///< a number, with whatever letters stick to it
    placeholder,  ///< ?, ?1, $1, :name, @name or $name
    symbol,       ///< an operator, a comma, a bracket or anything else
  };
  kind what = kind::end;
  std::string_view text = {};
  bool is_closed = true;  ///< false: a quotation or comment that the end of the text cuts off
};

/// Cuts an SQL text into tokens, one at a time, without storing anything. What the tokens are joined to is the text.
///
/// It follows the lexical rules of SQLite (lang_expr.html, tokenize.c) and of PostgreSQL with standard_conforming_strings
/// ("Lexical Structure" in its manual), and knows no grammar. Two signs have two meanings on PostgreSQL and are decided
/// so: `?` is an operator unless a digit follows; `@name` is a placeholder unless `<` or `@` stands before it, where it
/// belongs to an operator. Within the brackets of an array a colon after an operand is a slice.
/// Thread safety: single-owner.
///
///     hasten::sql_scanner scan("SELECT 'a' -- b", hasten::sql_dialect::sqlite);
///     for (auto token = scan.next(); token.what != hasten::sql_token::kind::end; token = scan.next()) use(token);
class sql_scanner {
 public:
  constexpr sql_scanner(std::string_view text, sql_dialect dialect) noexcept
      : text_(text), is_postgresql_(dialect == sql_dialect::postgresql) {}

  /// Returns: the next token, of kind `end` for ever once the text is used up.
  [[nodiscard]] constexpr sql_token next() noexcept {
    if (at_ >= text_.size()) return {};
    const std::size_t began = at_;
    sql_token token{.what = kind_at(), .text = {}, .is_closed = true};
    token.is_closed = is_closed_;
    is_closed_ = true;
    token.text = text_.substr(began, at_ - began);
    remember(token);
    return token;
  }

  [[nodiscard]] static constexpr bool starts_name(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  }
  [[nodiscard]] static constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  /// Returns: whether `c` goes on with a name or a number that stands before it.
  [[nodiscard]] static constexpr bool continues_name(char c) noexcept {
    return starts_name(c) || is_digit(c) || c == '$';
  }

 private:
  using kind = sql_token::kind;

  [[nodiscard]] constexpr char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  [[nodiscard]] static constexpr bool is_blank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
  }
  [[nodiscard]] constexpr bool starts_comment(std::size_t ahead = 0) const noexcept {
    return (peek(ahead) == '-' && peek(ahead + 1) == '-') || (peek(ahead) == '/' && peek(ahead + 1) == '*');
  }

  // Moves past one token. Returns: its kind.
  constexpr kind kind_at() noexcept {
    const char c = peek();
    if (is_blank(c) || starts_comment()) return blank();
    if (c == '\'') return quoted('\'', kind::string);
    if (c == '"') return quoted('"', kind::quoted_name);
    if (c == '`' && !is_postgresql_) return quoted('`', kind::quoted_name);
    if (c == '[' && !is_postgresql_) return bracketed();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (starts_name(c)) return word();
    if (c == '$') return dollar();
    if (c == '?' && (!is_postgresql_ || is_digit(peek(1)))) return numbered();
    if (c == '@' && starts_name(peek(1)) && !belongs_to_operator()) return named();
    if (c == ':' && starts_name(peek(1)) && !is_slice()) return named();
    return symbol();
  }

  constexpr kind blank() noexcept {
    while (at_ < text_.size()) {
      if (is_blank(peek())) {
        ++at_;
      } else if (peek() == '-' && peek(1) == '-') {
        while (at_ < text_.size() && peek() != '\n') ++at_;
      } else if (peek() == '/' && peek(1) == '*') {
        comment();
      } else {
        break;
      }
    }
    return kind::blank;
  }

  // PostgreSQL's comments nest; SQLite's end at the first sign.
  constexpr void comment() noexcept {
    at_ += 2;
    for (std::size_t depth = 1; at_ < text_.size(); ++at_) {
      if (peek() == '*' && peek(1) == '/') {
        ++at_;
        if (--depth == 0) {
          ++at_;
          return;
        }
      } else if (is_postgresql_ && peek() == '/' && peek(1) == '*') {
        ++at_;
        ++depth;
      }
    }
    at_ = text_.size();
    is_closed_ = false;
  }

  // A doubled mark stands for itself.
  constexpr kind quoted(char mark, kind what) noexcept {
    ++at_;
    for (; at_ < text_.size(); ++at_) {
      if (peek() != mark) continue;
      ++at_;
      if (peek() != mark || at_ == text_.size()) return what;
    }
    is_closed_ = false;
    return what;
  }

  constexpr kind bracketed() noexcept {
    while (at_ < text_.size() && peek() != ']') ++at_;
    if (at_ < text_.size())
      ++at_;
    else
      is_closed_ = false;
    return kind::quoted_name;
  }

  // Letters that stick to a number make it invalid, not two tokens: a value that was pasted in stays one.
  constexpr kind number() noexcept {
    while (at_ < text_.size()) {
      const char c = peek();
      const bool is_sign = (c == '+' || c == '-') && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E') &&
                           is_digit(peek(1)) && is_decimal_;
      if (c == 'x' || c == 'X') is_decimal_ = false;
      if (!starts_name(c) && !is_digit(c) && c != '.' && !is_sign) break;
      ++at_;
    }
    is_decimal_ = true;
    return kind::number;
  }

  constexpr kind word() noexcept {
    const std::size_t began = at_;
    while (at_ < text_.size() && continues_name(peek())) ++at_;
    const std::string_view name = text_.substr(began, at_ - began);
    if (is_postgresql_ && name.size() == 1 && (name[0] == 'u' || name[0] == 'U') && peek() == '&' &&
        (peek(1) == '\'' || peek(1) == '"')) {
      ++at_;
      return peek() == '"' ? quoted('"', kind::quoted_name) : quoted('\'', kind::string);
    }
    if (name.size() != 1 || peek() != '\'') return kind::word;
    const char prefix = static_cast<char>(name[0] | 0x20);
    if (prefix == 'x') return quoted('\'', kind::string);
    if (is_postgresql_ && prefix == 'e') return escaped();
    if (is_postgresql_ && (prefix == 'b' || prefix == 'n')) return quoted('\'', kind::string);
    return kind::word;
  }

  // A backslash takes the sign after it along, also in what continues the string on another line.
  constexpr kind escaped() noexcept {
    ++at_;
    while (at_ < text_.size()) {
      if (peek() == '\\') {
        at_ += 2;
      } else if (peek() != '\'') {
        ++at_;
      } else {
        ++at_;
        if (peek() == '\'' && at_ < text_.size()) {
          ++at_;
        } else if (const std::size_t next = continued(); next != 0) {
          at_ = next;
        } else {
          return kind::string;
        }
      }
    }
    at_ = text_.size();
    is_closed_ = false;
    return kind::string;
  }

  // Returns: where the string goes on after blanks with a line end and a quotation mark; zero if it does not.
  [[nodiscard]] constexpr std::size_t continued() const noexcept {
    bool has_line_end = false;
    for (std::size_t look = at_; look < text_.size(); ++look) {
      const char c = text_[look];
      if (c == '\n' || c == '\r') {
        has_line_end = true;
      } else if (c == '-' && look + 1 < text_.size() && text_[look + 1] == '-') {
        while (look + 1 < text_.size() && text_[look + 1] != '\n') ++look;
      } else if (c == '\'') {
        return has_line_end ? look + 1 : 0;
      } else if (!is_blank(c)) {
        return 0;
      }
    }
    return 0;
  }

  constexpr kind dollar() noexcept {
    if (is_digit(peek(1))) return numbered();
    if (is_postgresql_) {
      std::size_t size = 1;
      while (starts_name(peek(size)) || (size > 1 && is_digit(peek(size)))) ++size;
      if (peek(size) == '$') return dollar_quoted(size + 1);
    }
    return starts_name(peek(1)) ? named() : symbol();
  }

  constexpr kind dollar_quoted(std::size_t tag_size) noexcept {
    const std::string_view tag = text_.substr(at_, tag_size);
    const std::size_t close = text_.find(tag, at_ + tag_size);
    is_closed_ = close != std::string_view::npos;
    at_ = is_closed_ ? close + tag_size : text_.size();
    return kind::string;
  }

  constexpr kind numbered() noexcept {
    ++at_;
    while (is_digit(peek())) ++at_;
    return kind::placeholder;
  }
  constexpr kind named() noexcept {
    ++at_;
    while (starts_name(peek()) || is_digit(peek())) ++at_;
    return kind::placeholder;
  }

  [[nodiscard]] constexpr bool belongs_to_operator() const noexcept {
    return is_postgresql_ && at_ > 0 && (text_[at_ - 1] == '<' || text_[at_ - 1] == '@');
  }
  [[nodiscard]] constexpr bool is_slice() const noexcept {
    return is_postgresql_ && after_operand_ && depth_ > 0 && depth_ <= 64 &&
           (brackets_ >> (depth_ - 1) & 1) != 0;
  }

  [[nodiscard]] static constexpr bool is_operator(char c) noexcept {
    return std::string_view("+-*/<>=~!@#%^&|`?").find(c) != std::string_view::npos;
  }

  constexpr kind symbol() noexcept {
    const char c = peek();
    if (c == ':' && (peek(1) == ':' || peek(1) == '=')) {
      at_ += 2;
    } else if (!is_operator(c)) {
      ++at_;
    } else if (is_postgresql_) {
      operator_of_postgresql();
    } else {
      operator_of_sqlite();
    }
    return kind::symbol;
  }

  constexpr void operator_of_sqlite() noexcept {
    const std::string_view rest = text_.substr(at_);
    for (const std::string_view each : {"->>", "||", "<=", ">=", "<>", "!=", "==", "<<", ">>", "->"})
      if (rest.starts_with(each)) {
        at_ += each.size();
        return;
      }
    ++at_;
  }

  // The longest run of operator signs; one that ends in a plus or minus gives it back, unless it holds a sign that no
  // standard operator has.
  constexpr void operator_of_postgresql() noexcept {
    const std::size_t began = at_;
    bool is_special = false;
    while (at_ < text_.size() && is_operator(peek())) {
      if (at_ != began) {
        if (starts_comment() || (peek() == '?' && is_digit(peek(1)))) break;
        if (peek() == '@' && starts_name(peek(1)) && !belongs_to_operator()) break;
      }
      is_special = is_special || std::string_view("~!@#%^&|`?").find(peek()) != std::string_view::npos;
      ++at_;
    }
    while (!is_special && at_ - began > 1 && (text_[at_ - 1] == '+' || text_[at_ - 1] == '-')) --at_;
  }

  constexpr void remember(const sql_token& token) noexcept {
    if (token.what == kind::blank) return;
    after_operand_ = token.what != kind::symbol || token.text == ")" || token.text == "]";
    if (token.what != kind::symbol) return;
    if (token.text == "(" || token.text == "[") {
      if (++depth_ <= 64) {
        const std::uint64_t bit = std::uint64_t{1} << (depth_ - 1);
        brackets_ = token.text == "[" ? brackets_ | bit : brackets_ & ~bit;
      }
    } else if ((token.text == ")" || token.text == "]") && depth_ > 0) {
      --depth_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;  // of open parentheses and brackets
  std::uint64_t brackets_ =
      0;  // bit n: what opened depth n+1 is a bracket; deeper than 64, it is taken for none
  bool is_postgresql_;
  bool is_closed_ = true;       // of the token under way
  bool is_decimal_ = true;      // of the number under way
  bool after_operand_ = false;  // the last token was a name, a value or a closing bracket
};

}  // namespace hasten
