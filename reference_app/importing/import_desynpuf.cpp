// SPDX-License-Identifier: BSL-1.0
#include "importing/bad_input.hpp"
#include "importing/desynpuf.hpp"
#include "importing/importer.hpp"
#include "importing/input_file.hpp"

#include <variant>

namespace claims_app {
namespace {

desynpuf_mapper mapper_of(const input_file& file) {
  try {
    return desynpuf_mapper(file.reader());
  } catch (const bad_input& refused) {
    throw bad_input(file.name() + ": " + refused.what());
  }
}

}  // namespace

import_report import_desynpuf(import_environment& environment, const std::filesystem::path& path,
                              const import_options& options) {
  input_file file(path);
  const desynpuf_mapper mapper = mapper_of(file);
  const std::string source = options.source.empty() ? source_name(path) : options.source;
  import_run run(environment, {.practice = "DE-SynPUF", .source = source, .digest = file_digest(path)},
                 options.batch_rows);
  if (run.is_complete()) return run.report();

  environment.shown.start(file.name(), environment.steady_clock());
  file.skip(run.records_done());
  std::uint64_t rows = 0;
  const auto counts = [&] {
    return progress_counts{
        .bytes = file.position(), .bytes_of = file.size(), .rows = rows, .rejected = run.report().rejected};
  };
  for (auto got = file.next(); got != csv_reader::outcome::end; got = file.next()) {
    if (got == csv_reader::outcome::bad) {
      run.reject(file.name(), file.reader().line(), file.reader().reason());
    } else {
      auto mapped = mapper.map(file.reader().fields());
      if (auto* claim = std::get_if<claim_record>(&mapped))
        run.accept(*claim);
      else
        run.reject(file.name(), file.reader().line(), refusal_text(std::get<refusal>(mapped)));
    }
    run.advance();
    if (++rows % 64 == 0) environment.shown.update(counts(), environment.steady_clock());
  }
  run.finish();
  environment.shown.finish(counts(), environment.steady_clock());
  return run.report();
}

}  // namespace claims_app
