// SPDX-License-Identifier: BSL-1.0
#include "jobs/job_description.hpp"

namespace claims_app {

void describe_jobs(api_description& out) {
  out.operations.push_back({.row = "POST /api/v1/risk/recompute",
                            .name = "recomputeRisk",
                            .summary = "Begins to score all claims; one such job is under way at most",
                            .answers = "202:Job",
                            .body = "Nothing",
                            .takes_key = true});
  out.operations.push_back({.row = "GET /api/v1/jobs/{id}",
                            .name = "readJob",
                            .summary = "How far a job is",
                            .answers = "200:Job",
                            .id = "integer"});
  out.operations.push_back({.row = "GET /api/v1/admin/jobs",
                            .name = "listJobs",
                            .summary = "Jobs in one state, the latest first; the dead ones unless said",
                            .answers = "200:JobPage",
                            .query = "state:JobState before:JobNumber limit:PageSize"});
  out.operations.push_back({.row = "POST /api/v1/admin/jobs/{id}/retry",
                            .name = "retryJob",
                            .summary = "Lets a dead or cancelled job be tried again",
                            .answers = "200:Job 409",
                            .id = "integer",
                            .body = "Nothing"});
  out.operations.push_back({.row = "POST /api/v1/admin/jobs/{id}/discard",
                            .name = "discardJob",
                            .summary = "Removes a job that has finished",
                            .answers = "200:Job 409",
                            .id = "integer",
                            .body = "Nothing"});
  out.operations.push_back({.row = "POST /api/v1/admin/jobs/{id}/cancel",
                            .name = "cancelJob",
                            .summary = "Cancels a job that has not finished",
                            .answers = "200:Job 409",
                            .id = "integer",
                            .body = "Nothing"});
  out.schemas.push_back({"Nothing", R"({"type":"object","description":"What is in it is not looked at."})"});
  out.schemas.push_back({"JobNumber", R"({"type":"integer","minimum":1})"});
  out.schemas.push_back(
      {"JobState",
       R"({"type":"string","enum":["scheduled","available","running","completed","cancelled","dead"]})"});
  out.schemas.push_back({"Job",
                         "id:integer kind:string state:JobState progress:number attempt:integer "
                         "attemptsMax:integer cancelRequested:boolean createdAt:Instant scheduledAt:Instant "
                         "startedAt:Instant? finishedAt:Instant? reason:string? result?:any"});
  out.schemas.push_back({"JobCounts",
                         "scheduled:integer available:integer running:integer completed:integer "
                         "cancelled:integer dead:integer"});
  out.schemas.push_back({"JobPage", "counts:JobCounts jobs:Job[] nextBefore:integer?"});
}

}  // namespace claims_app
