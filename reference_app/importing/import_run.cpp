// SPDX-License-Identifier: BSL-1.0
#include "importing/import_run.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace claims_app {
namespace {

std::size_t validated_batch(std::size_t rows) {
  if (rows < 1 || rows > 100'000)
    throw std::invalid_argument("import: batch must be 1..100000, got " + std::to_string(rows));
  return rows;
}

}  // namespace

import_run::import_run(import_environment& environment, input of, std::size_t batch_rows)
    : environment_(environment),
      batch_rows_(validated_batch(batch_rows)),
      writer_(environment.session, environment.members, environment.new_id) {
  report_.source = of.source;
  begin();
  source_ = writer_.data_source(of.practice, "csv", of.source, now_ms());
  const auto before = source_.last_cursor ? parse_import_cursor(*source_.last_cursor) : std::nullopt;
  if (before && before->digest == of.digest) {
    cursor_ = *before;
    report_.resumed_at = before->records;
    report_.rejected = before->rejected;
    report_.was_complete = before->complete;
    transaction_->commit();
    transaction_.reset();
    return;
  }
  cursor_.digest = std::move(of.digest);
  commit();
}

void import_run::accept(claim_record& claim) {
  begin();
  claim.created_at_ms = claim.updated_at_ms = now_ms();
  ++(writer_.insert(source_, claim) ? report_.inserted : report_.already_there);
}

void import_run::reject(std::string_view file, std::uint64_t line, std::string_view reason) {
  environment_.rejects.add(file, line, reason);
  ++cursor_.rejected;
  ++report_.rejected;
  // Counted like a record, so that a file of nothing but bad rows is told in bounded memory too. The commit
  // waits for advance(): the cursor must not pass a record that is still being dealt with.
  ++pending_;
}

void import_run::advance() {
  ++cursor_.records;
  if (++pending_ >= batch_rows_) commit();
}

void import_run::finish() {
  cursor_.complete = true;
  commit();
}

std::int64_t import_run::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(environment_.wall_clock().time_since_epoch())
      .count();
}

void import_run::begin() {
  if (!transaction_) transaction_.emplace(environment_.session);
}

void import_run::commit() {
  begin();
  writer_.set_cursor(source_, to_text(cursor_), now_ms());
  environment_.rejects.write();
  transaction_->commit();
  transaction_.reset();
  pending_ = 0;
}

}  // namespace claims_app
