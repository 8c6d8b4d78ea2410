// SPDX-License-Identifier: BSL-1.0
#include "importing/refusal.hpp"

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

TEST_CASE("every refusal has a sentence of its own that needs no quotes in a reject file") {
  std::set<std::string> sentences;
  for (int i = 0; i < claims_app::refusal_count; ++i)
    sentences.insert(claims_app::refusal_text(static_cast<claims_app::refusal>(i)));
  CHECK(sentences.size() == claims_app::refusal_count);
  CHECK_FALSE(sentences.contains("unknown"));
  for (const auto& sentence : sentences) CHECK(sentence.find_first_of(",\"\n") == sentence.npos);
}
