// SPDX-License-Identifier: BSL-1.0
#include "importing/bad_input.hpp"
#include "importing/importer.hpp"
#include "importing/input_file.hpp"
#include "importing/synthea.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace claims_app {
namespace {

// A row of claims.csv that waits for its transactions, or for its turn to be refused.
struct held_row {
  std::uint64_t line = 0;
  std::string refused_for = {};    // empty: nothing is wrong yet
  std::uint64_t refused_line = 0;  // of the transaction that spoilt it; 0: the row itself is bad
  std::uint64_t transactions = 0;
  std::optional<synthea_claim> claim = {};  // nothing for a bad row
};

// A group of claims small enough to hold, and where its transactions find it.
class held_group {
 public:
  // Reads up to `rows_max` rows. Returns the group; empty at the end of the file.
  held_group(input_file& claims, const synthea_claim_mapper& mapper, std::size_t rows_max) {
    while (rows_.size() < rows_max) {
      const auto got = claims.next();
      if (got == csv_reader::outcome::end) return;
      held_row& row = rows_.emplace_back();
      row.line = claims.reader().line();
      if (got == csv_reader::outcome::bad)
        row.refused_for = claims.reader().reason();
      else
        hold(row, mapper.map(claims.reader().fields()));
    }
  }

  [[nodiscard]] std::vector<held_row>& rows() noexcept { return rows_; }
  [[nodiscard]] std::size_t lines() const noexcept { return lines_; }

  void add(const synthea_transaction_mapper& mapper, std::span<const std::string_view> fields,
           std::uint64_t line) {
    key_.assign(mapper.claim_id(fields));
    const auto found = by_id_.find(key_);
    if (found == by_id_.end()) return;
    held_row& row = rows_[found->second];
    ++row.transactions;
    if (!row.refused_for.empty()) return;
    const std::size_t lines_before = row.claim->record.lines.size();
    const auto mapped = mapper.map(fields);
    const auto* const transaction = std::get_if<synthea_transaction>(&mapped);
    const auto refused = transaction != nullptr ? add_transaction(*row.claim, *transaction)
                                                : std::optional(std::get<refusal>(mapped));
    lines_ += row.claim->record.lines.size() - lines_before;
    if (!refused) return;
    row.refused_for = refusal_text(*refused);
    row.refused_line = line;
  }

  // Gives up the later half of the rows: they are read again for the next group.
  void halve() {
    if (rows_.size() == 1) return;  // its lines are bounded by themselves
    const std::size_t kept = rows_.size() / 2;
    std::erase_if(by_id_, [kept](const auto& entry) { return entry.second >= kept; });
    rows_.resize(kept);
    lines_ = 0;
    for (const held_row& row : rows_)
      if (row.claim) lines_ += row.claim->record.lines.size();
  }

 private:
  void hold(held_row& row, std::variant<synthea_claim, refusal> mapped) {
    if (const auto* refused = std::get_if<refusal>(&mapped)) {
      row.refused_for = refusal_text(*refused);
      return;
    }
    row.claim = std::move(std::get<synthea_claim>(mapped));
    if (!by_id_.emplace(row.claim->record.source_ref, rows_.size() - 1).second) {
      row.refused_for = refusal_text(refusal::duplicate_claim);
      row.claim.reset();
    }
  }

  std::vector<held_row> rows_;
  std::unordered_map<std::string, std::size_t> by_id_;  // position in rows_
  std::size_t lines_ = 0;                               // of all claims held
  std::string key_;                                     // reused for the look-ups
};

class synthea_import {
 public:
  synthea_import(import_environment& environment, std::filesystem::path claims,
                 std::filesystem::path transactions, const import_options& options)
      : environment_(environment),
        claims_path_(std::move(claims)),
        transactions_path_(std::move(transactions)),
        options_(options),
        run_(environment,
             {.practice = "Synthea",
              .source = options.source.empty() ? std::string_view("synthea") : options.source,
              .digest = file_digest(claims_path_) + "+" + file_digest(transactions_path_)},
             options.batch_rows) {}

  import_report import() {
    if (run_.is_complete()) return run_.report();
    const bool from_start = run_.records_done() == 0;
    for (int pass = 1; import_group(pass); ++pass) {
    }
    run_.finish();
    if (from_start) run_.report().orphans = readable_ - matched_;
    return run_.report();
  }

 private:
  // Returns false when there are no more claims.
  bool import_group(int pass) {
    input_file claims(claims_path_);
    const synthea_claim_mapper mapper(claims.reader());
    claims.skip(run_.records_done());
    held_group group(claims, mapper, options_.claims_held_max);
    if (group.rows().empty()) return false;
    read_transactions(group, pass);
    for (held_row& row : group.rows()) write(claims.name(), row);
    return true;
  }

  void read_transactions(held_group& group, int pass) {
    input_file transactions(transactions_path_);
    const synthea_transaction_mapper mapper(transactions.reader());
    // Rows that cannot be read belong to no group; they are told with the first one.
    const bool tells_bad = run_.records_done() == 0;
    environment_.shown.start(transactions.name() + " pass " + std::to_string(pass),
                             environment_.steady_clock());
    std::uint64_t rows = 0;
    readable_ = 0;
    const auto counts = [&] {
      return progress_counts{.bytes = transactions.position(),
                             .bytes_of = transactions.size(),
                             .rows = rows,
                             .rejected = run_.report().rejected};
    };
    for (auto got = transactions.next(); got != csv_reader::outcome::end; got = transactions.next()) {
      if (got == csv_reader::outcome::row) {
        ++readable_;
        group.add(mapper, transactions.reader().fields(), transactions.reader().line());
        if (group.lines() > lines_per_claim_held * options_.claims_held_max) group.halve();
      } else if (tells_bad) {
        run_.reject(transactions.name(), transactions.reader().line(), transactions.reader().reason());
      }
      if (++rows % 256 == 0) environment_.shown.update(counts(), environment_.steady_clock());
    }
    environment_.shown.finish(counts(), environment_.steady_clock());
  }

  void write(const std::string& claims_name, held_row& row) {
    matched_ += row.transactions;
    if (row.refused_for.empty()) {
      auto finished = finish_claim(std::move(*row.claim));
      if (auto* claim = std::get_if<claim_record>(&finished))
        run_.accept(*claim);
      else
        run_.reject(claims_name, row.line, refusal_text(std::get<refusal>(finished)));
    } else if (row.refused_line != 0) {
      run_.reject(transactions_path_.filename().string(), row.refused_line, row.refused_for);
      run_.reject(claims_name, row.line, refusal_text(refusal::bad_transaction));
    } else {
      run_.reject(claims_name, row.line, row.refused_for);
    }
    row.claim.reset();
    run_.advance();
  }

  // Twice the lines of an average claim in the top twentieth; beyond it, groups get smaller.
  static constexpr std::size_t lines_per_claim_held = 20;

  import_environment& environment_;
  const std::filesystem::path claims_path_;
  const std::filesystem::path transactions_path_;
  const import_options& options_;
  import_run run_;
  std::uint64_t readable_ = 0;  // transactions, in the last pass
  std::uint64_t matched_ = 0;   // transactions, of the claims written in this run
};

// Checks the headers before anything is written. Returns whether the first file is the one of claims.
bool claims_come_first(const std::filesystem::path& one, const std::filesystem::path& other) {
  const input_file first(one);
  const input_file second(other);
  const bool in_order = synthea_claim_mapper::recognises(first.reader()) &&
                        synthea_transaction_mapper::recognises(second.reader());
  const bool reversed = synthea_transaction_mapper::recognises(first.reader()) &&
                        synthea_claim_mapper::recognises(second.reader());
  if (!in_order && !reversed)
    throw bad_input(first.name() + " and " + second.name() +
                    ": are not Synthea's claims.csv and claims_transactions.csv by their headers");
  static_cast<void>(synthea_claim_mapper((in_order ? first : second).reader()));
  static_cast<void>(synthea_transaction_mapper((in_order ? second : first).reader()));
  return in_order;
}

}  // namespace

import_report import_synthea(import_environment& environment, const std::filesystem::path& one_file,
                             const std::filesystem::path& other_file, const import_options& options) {
  if (options.claims_held_max < 1 || options.claims_held_max > 10'000'000)
    throw std::invalid_argument("import: claims_held_max must be 1..10000000, got " +
                                std::to_string(options.claims_held_max));
  const bool in_order = claims_come_first(one_file, other_file);
  return synthea_import(environment, in_order ? one_file : other_file, in_order ? other_file : one_file,
                        options)
      .import();
}

}  // namespace claims_app
