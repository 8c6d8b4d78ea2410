DROP TABLE claim_lines;
DROP TABLE claims;
DROP TABLE patients;
DROP TABLE data_sources;
DROP TABLE providers;
DROP TABLE payers;
DROP TABLE practices;
