// SPDX-License-Identifier: BSL-1.0
#include "directory/directory_handlers.hpp"

#include "shared/json_writer.hpp"
#include "shared/keyed_name.hpp"
#include "shared/query_parameters.hpp"

#include <hasten/soci/query_deadline.hpp>
#include <hasten/soci/row_mapping.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace claims_app {

namespace {

constexpr std::array<std::string_view, 2> known = {"cursor", "limit"};

struct payer {
  std::int64_t row = 0;
  std::string id;
  std::string name;
  std::string type;
  std::int64_t timely_filing_days = 0;

  static constexpr auto fields =
      hasten::field_list(&payer::row, &payer::id, &payer::name, &payer::type, &payer::timely_filing_days);
};

struct provider {
  std::int64_t row = 0;
  std::string id;
  std::optional<std::string> name;
  bool active = true;

  static constexpr auto fields =
      hasten::field_list(&provider::row, &provider::id, &provider::name, &provider::active);
};

constexpr hasten::statement payers_page{"payers.page",
                                        "SELECT id, public_id, name, payer_type, timely_filing_days FROM "
                                        "payers WHERE id > ?1 ORDER BY id LIMIT ?2"};
constexpr hasten::statement providers_page{
    "providers.page", "SELECT id, public_id, name, active FROM providers WHERE id > ?1 ORDER BY id LIMIT ?2"};

void write_members(json_writer& json, const payer& what) {
  json.member("id", what.id).member("name", what.name).member("type", what.type);
  json.member("timelyFilingDays", what.timely_filing_days);
}

void write_members(json_writer& json, const provider& what) {
  json.member("id", what.id).member("name", what.name).member("active", what.active);
}

template <class Row>
std::string body_of(const std::vector<Row>& rows, std::size_t limit, const cursor_codec& cursors,
                    std::string_view name) {
  std::string body;
  json_writer json(body);
  json.begin_object().key("data").begin_array();
  for (std::size_t at = 0; at < rows.size() && at < limit; ++at) {
    json.begin_object();
    write_members(json, rows[at]);
    json.end_object();
  }
  json.end_array().key("nextCursor");
  if (rows.size() > limit) {
    json.value(cursors.encode({.date = {}, .row = rows[limit - 1].row}, name));
  } else {
    json.value(nullptr);
  }
  json.end_object();
  return body;
}

}  // namespace

void directory_handlers::add_routes(std::vector<route>& routes) {
  routes.push_back({.pattern = "/api/v1/payers",
                    .who = access::api,
                    .get = [this](const request& what) { return read(list::payers, what); },
                    .post = {},
                    .type = json_type});
  routes.push_back({.pattern = "/api/v1/providers",
                    .who = access::api,
                    .get = [this](const request& what) { return read(list::providers, what); },
                    .post = {},
                    .type = json_type});
}

plan directory_handlers::read(list which, const request& what) {
  const std::string_view name = which == list::payers ? "payers" : "providers";
  query_parameters query(what.query, known);
  const long long limit = query.integer("limit", 1, 200).value_or(50);
  page_position after;
  if (const auto cursor = query.text("cursor")) {
    const auto decoded = parts_.cursors.decode(*cursor, name);
    if (!decoded) query.complain("cursor", "must be a nextCursor that this server gave for the same list");
    after = decoded.value_or(after);
  }
  query.check();
  plan out;
  out.key.add(name).add(":").add(
      keyed_name(parts_.key_hash, std::to_string(after.row) + "|" + std::to_string(limit)));
  out.load = [this, which, name, limit, row = after.row](work& task) {
    const auto rows_max = static_cast<std::size_t>(limit);
    const auto read_all = [&]<class Row>(const hasten::statement& text) {
      const database_time timed(task);
      auto session = parts_.sessions.read(task.deadline);
      session->watch_repeats(&task.statements);
      const hasten::query_deadline until(*session, task.deadline);
      return session->template all<Row>(text, row, std::int64_t{limit} + 1);
    };
    answer made;
    if (which == list::payers) {
      made.body = body_of(read_all.template operator()<payer>(payers_page), rows_max, parts_.cursors, name);
    } else {
      made.body =
          body_of(read_all.template operator()<provider>(providers_page), rows_max, parts_.cursors, name);
    }
    return made;
  };
  return out;
}

}  // namespace claims_app
