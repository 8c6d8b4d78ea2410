DROP TABLE hasten_jobs;
