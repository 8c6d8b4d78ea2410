// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/claim_record.hpp"
#include "shared/keyed_hash.hpp"

#include <hasten/soci/monitored_session.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace claims_app {

/// Writes claim records into the database, with the practices, payers, providers and patients they need.
/// A claim that its data source has brought before is left as it is.
///
/// It opens no transaction: the caller bounds how much one commits. Ids it has looked up are remembered in
/// bounded memory and are wrong after a rollback: forget() then, or drop the writer.
/// Thread safety: single-owner.
///
///     hasten::transaction batch(session);
///     claims_app::claim_writer writer(session, members, next_id);
///     const auto source = writer.data_source("DE-SynPUF", "csv", "inpatient_S01");
///     writer.insert(source, record);
///     batch.commit();
class claim_writer {
 public:
  /// Makes a public id for a new row. `kind` and `key` name the row within the data, for ids that must come
  /// out the same each time; a generator ignores them.
  using id_function = std::function<std::string(std::string_view kind, std::string_view key)>;

  struct source {
    std::int64_t id = 0;
    std::int64_t practice_id = 0;
    std::optional<std::string> last_cursor = {};
    bool is_new = false;  ///< this call made it
  };

  /// Borrows the session for as long as it lives.
  /// Throws: std::invalid_argument if `new_id` is empty.
  claim_writer(hasten::monitored_session& session, keyed_hash members, id_function new_id);

  /// Finds or makes the practice and its data source. `now_ms` stamps what is made.
  [[nodiscard]] source data_source(std::string_view practice, std::string_view kind, std::string_view name,
                                   std::int64_t now_ms);

  /// Returns: false if the data source has a claim of this source_ref already; nothing is changed then.
  /// Throws: hasten::error if the database refuses the claim; the transaction should be rolled back.
  bool insert(const source& from, const claim_record& claim);

  /// Keeps how far the data source came, in the same transaction as the claims before it.
  void set_cursor(const source& from, std::string_view cursor, std::int64_t now_ms);

  /// Drops the remembered ids.
  void forget();

 private:
  [[nodiscard]] std::int64_t practice(std::string_view name, std::int64_t now_ms);
  [[nodiscard]] std::int64_t payer(const payer_record& payer);
  [[nodiscard]] std::int64_t provider(std::int64_t practice_id, const provider_record& provider);
  [[nodiscard]] std::int64_t patient(std::int64_t practice_id, const claim_record& claim);
  void insert_lines(std::int64_t claim_id, const claim_record& claim);

  // Ids by natural key. Emptied when full: an id is found again in the database.
  class id_memory {
   public:
    [[nodiscard]] const std::int64_t* find(const std::string& key) const;
    std::int64_t keep(std::string key, std::int64_t id);
    void clear() { ids_.clear(); }

   private:
    static constexpr std::size_t entries_max = 200'000;
    std::unordered_map<std::string, std::int64_t> ids_;
  };

  hasten::monitored_session& session_;
  const keyed_hash members_;
  const id_function new_id_;  // never empty
  id_memory payers_;
  id_memory providers_;
  id_memory patients_;  // by the hash of the member number
  std::string key_;     // reused for the look-ups
};

}  // namespace claims_app
