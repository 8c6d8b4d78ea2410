// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "shared/json_writer.hpp"

#include <hasten/soci/session_pool.hpp>
#include <hasten/soci/sql_job_store.hpp>
#include <hasten/workers/job_options.hpp>
#include <hasten/workers/job_record.hpp>
#include <hasten/workers/job_runner.hpp>
#include <hasten/workers/worker_pool.hpp>

/// Scoring all claims as a durable job: what joins the slices of risk and of jobs.
namespace claims_app {

/// Returns: the job that scores all claims; there is never more than one unfinished.
[[nodiscard]] hasten::new_job make_risk_job();

/// Tells the runner how to do it. Sessions and pool outlive the runner's handlers.
void add_risk_job(hasten::job_runner<hasten::sql_job_store>& runner, hasten::session_pool& sessions,
                  hasten::worker_pool& pool);

/// Writes a completed job's result as an object.
void write_risk_result(json_writer& json, const hasten::job_record& job);

}  // namespace claims_app
