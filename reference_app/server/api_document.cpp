// SPDX-License-Identifier: BSL-1.0
#include "server/api_document.hpp"

#include "shared/query_parameters.hpp"

#include <hasten/core/version.hpp>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <set>
#include <stdexcept>
#include <utility>

namespace claims_app {

namespace json = boost::json;

namespace {

constexpr std::string_view about =
    "Errors are application/problem+json (RFC 9457) and never repeat what was sent. A GET answers HEAD as "
    "well, and every "
    "address OPTIONS. Any request may be refused before its route is known: 400, 408, 414, 417, 431, 501, "
    "505. Routes "
    "under /api/v1/admin, and /metrics, want the token; the others want it where the server listens beyond "
    "loopback. "
    "Answers of /api/v1/admin may gain members. Older names of some routes answer too, and are not told of "
    "here.";

json::string_view as_boost(std::string_view text) { return {text.data(), text.size()}; }

[[noreturn]] void reject(std::string_view text) {
  throw std::invalid_argument("api_document: \"" + std::string(text) + "\" cannot be read");
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    if (end > 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

json::object reference(std::string_view folder, std::string_view name) {
  return {{"$ref", "#/components/" + std::string(folder) + "/" + std::string(name)}};
}

/// Turns what slices say into the document. Lives while it is written. Thread safety: single-owner.
class writer {
 public:
  writer(const router& routes, const api_description& said) : routes_(routes), said_(said) {
    for (const named_schema& each : said.schemas) known_.insert(each.name);
  }

  json::object document(std::vector<std::string>& amiss) {
    json::object paths;
    std::set<std::string_view> used;
    for (const route& each : routes_.routes()) {
      if (each.is_older_name) continue;
      json::object item;
      for (const auto& [method, handled] :
           {std::pair{"GET", &each.get}, std::pair{"POST", &each.post}, std::pair{"PUT", &each.put},
            std::pair{"PATCH", &each.patch}, std::pair{"DELETE", &each.del}}) {
        if (!*handled || (each.takes_any_body && handled != &each.get)) continue;
        const std::string row = std::string(method) + " " + std::string(each.pattern);
        const auto found = std::ranges::find(said_.operations, row, &operation::row);
        if (found == said_.operations.end()) {
          amiss.push_back(row);
          continue;
        }
        used.insert(found->row);
        std::string member = method;
        std::ranges::transform(member, member.begin(),
                               [](char byte) { return static_cast<char>(byte | 0x20); });
        item[member] = operation_of(*found, each);
      }
      if (!item.empty()) paths[as_boost(each.pattern)] = std::move(item);
    }
    for (const operation& each : said_.operations)
      if (!used.contains(each.row)) amiss.emplace_back(each.row);
    json::object info = {
        {"title", "hasten reference server"},
        {"version", std::to_string(hasten::version_major) + "." + std::to_string(hasten::version_minor) +
                        "." + std::to_string(hasten::version_patch)},
        {"description", as_boost(about)}};
    return {{"openapi", "3.1.0"},
            {"info", std::move(info)},
            {"servers", json::array{json::object{{"url", "/"}}}},
            {"paths", std::move(paths)},
            {"components", components()}};
  }

 private:
  json::value type_of(std::string_view type) const {
    if (type.ends_with('?')) {
      json::value inner = type_of(type.substr(0, type.size() - 1));
      return json::object{{"anyOf", json::array{std::move(inner), json::object{{"type", "null"}}}}};
    }
    if (type.ends_with("[]"))
      return json::object{{"type", "array"}, {"items", type_of(type.substr(0, type.size() - 2))}};
    if (type == "any") return json::object{};
    for (const std::string_view plain : {"string", "integer", "number", "boolean"})
      if (type == plain) return json::object{{"type", as_boost(type)}};
    if (!known_.contains(type)) reject(type);
    return reference("schemas", type);
  }

  json::value schema_of(std::string_view text) const {
    if (text.starts_with('{')) return json::parse(as_boost(text));
    json::object properties;
    json::array required;
    bool is_open = false;
    for (const std::string_view word : words_of(text)) {
      if (word == "...") {
        is_open = true;
        continue;
      }
      const std::size_t colon = word.find(':');
      if (colon == std::string_view::npos || colon == 0) reject(word);
      std::string_view name = word.substr(0, colon);
      const bool is_optional = name.ends_with('?');
      if (is_optional) name.remove_suffix(1);
      properties[as_boost(name)] = type_of(word.substr(colon + 1));
      if (!is_optional) required.emplace_back(as_boost(name));
    }
    json::object out = {{"type", "object"}, {"properties", std::move(properties)}};
    if (!required.empty()) out["required"] = std::move(required);
    if (!is_open) out["additionalProperties"] = false;
    return out;
  }

  json::object operation_of(const operation& said, const route& where) const {
    json::object out = {{"operationId", as_boost(said.name)}, {"summary", as_boost(said.summary)}};
    json::array parameters;
    if (where.pattern.find("{id}") != std::string_view::npos)
      parameters.push_back(json::object{{"name", "id"},
                                        {"in", "path"},
                                        {"required", true},
                                        {"schema", type_of(said.id.empty() ? "string" : said.id)}});
    for (const std::string_view word : words_of(said.query)) {
      const std::size_t colon = std::min(word.find(':'), word.size());
      parameters.push_back(json::object{{"name", as_boost(word.substr(0, colon))},
                                        {"in", "query"},
                                        {"schema", type_of(word.substr(std::min(colon + 1, word.size())))}});
    }
    if (said.is_kept) parameters.push_back(reference("parameters", "IfNoneMatch"));
    if (said.is_kept) parameters.push_back(reference("parameters", "IfMatch"));
    if (said.wants_match) parameters.push_back(reference("parameters", "IfMatchRequired"));
    if (said.takes_key) parameters.push_back(reference("parameters", "IdempotencyKey"));
    if (!parameters.empty()) out["parameters"] = std::move(parameters);
    if (!said.body.empty()) {
      json::object content;
      content["application/json"] = json::object{{"schema", type_of(said.body)}};
      if (said.row.starts_with("PATCH "))
        content["application/merge-patch+json"] = json::object{{"schema", type_of(said.body)}};
      out["requestBody"] = json::object{{"required", true}, {"content", std::move(content)}};
    }
    out["responses"] = responses_of(said, where);
    const json::object bearer = {{"bearer", json::array()}};
    if (where.who == access::open) out["security"] = json::array();
    if (where.who == access::api) out["security"] = json::array{json::object(), bearer};
    if (where.who == access::admin) out["security"] = json::array{bearer};
    return out;
  }

  json::object responses_of(const operation& said, const route& where) const {
    json::object out;
    for (const std::string_view word : words_of(said.answers)) {
      const std::size_t colon = std::min(word.find(':'), word.size());
      out[as_boost(word.substr(0, colon))] =
          answer_of(word.substr(0, colon), word.substr(std::min(colon + 1, word.size())), said);
    }
    const bool takes_body = said.row.starts_with("P") && !where.takes_any_body;
    const std::pair<int, bool> common[] = {{304, said.is_kept},
                                           {400, true},
                                           {401, where.who != access::open},
                                           {404, where.pattern.find("{id}") != std::string_view::npos},
                                           {406, !where.type.empty()},
                                           {409, said.takes_key},
                                           {410, said.takes_key},
                                           {411, takes_body},
                                           {412, said.is_kept || said.wants_match},
                                           {413, takes_body},
                                           {415, takes_body},
                                           {428, said.wants_match},
                                           {429, true},
                                           {500, true},
                                           {503, true}};
    for (const auto& [status, applies] : common) {
      const std::string text = std::to_string(status);
      if (applies && !out.contains(text)) out[text] = answer_of(text, {}, said);
    }
    return out;
  }

  // "Claim", "text/plain", "application/health+json=Health", or nothing.
  json::value answer_of(std::string_view status, std::string_view what, const operation& said) const {
    int number = 0;
    std::from_chars(status.data(), status.data() + status.size(), number);
    if (number < 100 || number > 599) reject(status);
    if (what.empty() && number >= 400) return reference("responses", "Problem" + std::string(status));
    json::object out = {{"description", as_boost(reason_phrase(number))}};
    json::object headers;
    if ((said.is_kept || said.wants_match) && (number == 200 || number == 304))
      headers["ETag"] = reference("headers", "ETag");
    if (number == 201 || number == 202) headers["Location"] = reference("headers", "Location");
    if (said.takes_key && number < 300)
      headers["Idempotency-Replayed"] = reference("headers", "IdempotencyReplayed");
    if (!headers.empty()) out["headers"] = std::move(headers);
    if (what.empty()) return out;
    const std::size_t equals = what.find('=');
    const bool has_media = what.find('/') != std::string_view::npos;
    const std::string_view media = has_media ? what.substr(0, equals) : std::string_view("application/json");
    const std::string_view type = !has_media                         ? what
                                  : equals == std::string_view::npos ? std::string_view("string")
                                                                     : what.substr(equals + 1);
    out["content"] = json::object{{as_boost(media), json::object{{"schema", type_of(type)}}}};
    return out;
  }

  json::object components() const {
    json::object schemas;
    for (const named_schema& each : said_.schemas) {
      if (schemas.contains(as_boost(each.name)))
        throw std::invalid_argument("api_document: the schema " + std::string(each.name) + " is given twice");
      schemas[as_boost(each.name)] = schema_of(each.text);
    }
    json::object responses;
    for (const int status : {400, 401, 404, 406, 409, 410, 411, 412, 413, 415, 422, 428, 429, 500, 503}) {
      json::object told = {{"description", as_boost(reason_phrase(status))},
                           {"content", json::object{{"application/problem+json",
                                                     json::object{{"schema", type_of("Problem")}}}}}};
      responses["Problem" + std::to_string(status)] = std::move(told);
    }
    const auto header = [](const char* name, bool required, const char* words) {
      return json::object{{"name", name},
                          {"in", "header"},
                          {"required", required},
                          {"description", words},
                          {"schema", json::object{{"type", "string"}}}};
    };
    const auto told = [](const char* words) {
      return json::object{{"description", words}, {"schema", json::object{{"type", "string"}}}};
    };
    json::object parameters = {
        {"IfNoneMatch",
         header("If-None-Match", false, "Tags of what the client has: 304 if one still holds.")},
        {"IfMatch", header("If-Match", false, "Tags of which one must hold: else 412.")},
        {"IfMatchRequired", header("If-Match", true, "The tag of what was read: 412 if it has changed.")},
        {"IdempotencyKey", header("Idempotency-Key", false,
                                  "1 to 128 visible ASCII characters of the client's own, perhaps in "
                                  "quotation marks: asking again "
                                  "with the same key and body, within a day, does nothing again.")}};
    json::object headers = {
        {"ETag", told("The strong entity tag of what is answered.")},
        {"Location", told("Where what was made or begun is found.")},
        {"IdempotencyReplayed", told("true, if an earlier request with the key did it.")}};
    return {
        {"schemas", std::move(schemas)},
        {"responses", std::move(responses)},
        {"parameters", std::move(parameters)},
        {"headers", std::move(headers)},
        {"securitySchemes", json::object{{"bearer", json::object{{"type", "http"}, {"scheme", "bearer"}}}}}};
  }

  const router& routes_;
  const api_description& said_;
  std::set<std::string_view> known_;
};

}  // namespace

void api_document::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/openapi.json",
                    .who = access::api,
                    .get =
                        [this](const request& what) {
                          query_parameters(what.query, {}).check();
                          plan out;
                          out.key.add("openapi");
                          out.kept = std::chrono::hours(24);
                          out.load = [this](work&) { return answer{.body = text_, .headers = {}}; };
                          return out;
                        },
                    .post = {},
                    .type = json_type});
}

void api_document::write(const router& routes, const api_description& said) {
  amiss_.clear();
  text_ = json::serialize(writer(routes, said).document(amiss_));
}

void describe_api_document(api_description& out) {
  out.operations.push_back({.row = "GET /api/v1/openapi.json",
                            .name = "readApiDocument",
                            .summary = "This document",
                            .answers = "200:any",
                            .is_kept = true});
  out.schemas.push_back({"Problem",
                         "type:string title:string status:integer detail?:string requestId:string "
                         "traceId?:string errors?:ProblemItem[]"});
  out.schemas.push_back({"ProblemItem", "parameter?:string pointer?:string reason:string"});
}

}  // namespace claims_app
