INSERT INTO decisions
SELECT action_no, source_id, chosen_id, rejected_id, old, new
FROM fresh ORDER BY action_no, place
