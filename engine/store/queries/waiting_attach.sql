INSERT INTO decisions
SELECT w.action_no, w.source_id, c.text_id, r.text_id, w.old, w.new
FROM waiting AS w
JOIN texts AS c ON c.sha256 = w.chosen_sha JOIN texts AS r ON r.sha256 = w.rejected_sha
ORDER BY w.action_no
