// SPDX-License-Identifier: BSL-1.0
#include <hasten/workers/job_record.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("a lease is of one job and one taking of it") {
  hasten::job_record job;
  job.id = 7;
  job.ticket = 2;
  const hasten::job_lease lease = job.lease();
  CHECK(lease == hasten::job_lease{.id = 7, .ticket = 2});
  ++job.ticket;
  CHECK_FALSE(job.lease() == lease);
}
