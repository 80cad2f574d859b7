DELETE FROM waiting
WHERE chosen_sha IN (SELECT sha256 FROM texts) AND rejected_sha IN (SELECT sha256 FROM texts)
