// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <hasten/core/error.hpp>
#include <hasten/query/query_plan.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hasten {

namespace detail {

// Reads what EXPLAIN (FORMAT JSON) writes, and keeps of it what can hold no value of the data.
class postgresql_plan_reader {
 public:
  explicit postgresql_plan_reader(std::string_view text) noexcept : text_(text) {}

  [[nodiscard]] query_plan read() {
    expect('[');
    expect('{');
    members([&](const std::string& name) {
      if (name == "Plan")
        node(0, 0);
      else
        skip(0);
    });
    if (plan_.steps.empty()) refuse();
    return std::move(plan_);
  }

 private:
  static constexpr int depth_max = 200;
  static constexpr std::size_t steps_max = 10'000;

  [[noreturn]] static void refuse() {
    throw error(errc::bad_row, "read_postgresql_plan: the text is not what EXPLAIN (FORMAT JSON) writes");
  }

  [[nodiscard]] char peek() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos)
      ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  void expect(char c) {
    if (peek() != c) refuse();
    ++at_;
  }
  [[nodiscard]] bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  // Names need no more of the escapes than that they are passed over rightly.
  [[nodiscard]] std::string string() {
    expect('"');
    std::string out;
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return out;
      }
      if (c == '\\' && ++at_ >= text_.size()) break;
      out += text_[at_];
    }
    refuse();
  }

  template <class Member>
  void members(Member&& member) {
    if (take('}')) return;
    do {
      const std::string name = string();
      expect(':');
      member(name);
    } while (take(','));
    expect('}');
  }

  void skip(int depth) {
    if (depth > depth_max) refuse();
    const char c = peek();
    if (c == '"') {
      static_cast<void>(string());
    } else if (take('{')) {
      members([&](const std::string&) { skip(depth + 1); });
    } else if (take('[')) {
      if (take(']')) return;
      do skip(depth + 1);
      while (take(','));
      expect(']');
    } else {
      const std::size_t began = at_;
      while (at_ < text_.size() &&
             std::string_view("+-.0123456789Eaeflnrstu").find(text_[at_]) != std::string_view::npos)
        ++at_;
      if (at_ == began) refuse();
    }
  }

  void node(std::int64_t parent, int depth) {
    if (depth > depth_max || plan_.steps.size() >= steps_max) refuse();
    const std::size_t mine = plan_.steps.size();
    const auto id = static_cast<std::int64_t>(mine) + 1;
    plan_.steps.push_back({.id = id, .parent = parent});
    std::string type;
    std::string relation;
    std::string index;
    expect('{');
    members([&](const std::string& name) {
      if (name == "Node Type") {
        type = string();
      } else if (name == "Relation Name") {
        relation = string();
      } else if (name == "Index Name") {
        index = string();
      } else if (name == "Plans") {
        expect('[');
        if (take(']')) return;
        do node(id, depth + 1);
        while (take(','));
        expect(']');
      } else {
        skip(depth + 1);
      }
    });
    if (type.empty()) refuse();
    if (type == "Seq Scan") plan_.full_scans.push_back(relation);
    if (type == "Sort" || type == "Incremental Sort") plan_.sorts = true;
    plan_.steps[mine].detail =
        type + (index.empty() ? "" : " using " + index) + (relation.empty() ? "" : " on " + relation);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  query_plan plan_;
};

}  // namespace detail

/// Reads the plan that PostgreSQL's EXPLAIN (FORMAT JSON) gives ("Using EXPLAIN" in its manual). Of each node it keeps the
/// type, the table and the index. The conditions are left out: PostgreSQL writes the bound values into them. Costs are left
/// out too, so that a plan is another one only if it runs in another way.
/// Throws: error of errc::bad_row, which does not quote the text, if it is not such a plan. Complexity: one pass.
///
///     const auto plan = hasten::read_postgresql_plan(text);   // "Index Scan using by_status on orders"
[[nodiscard]] inline query_plan read_postgresql_plan(std::string_view text) {
  return detail::postgresql_plan_reader(text).read();
}

}  // namespace hasten
