SELECT p.pair_id, m.author, epoch(m.time) AS time, m.state
FROM pairs AS p JOIN marks AS m USING (source_id, chosen_id, rejected_id)
WHERE p.pair_id = ? ORDER BY m.author
