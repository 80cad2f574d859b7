SELECT p.pair_id, m.author, epoch(m.time) AS time, m.state
FROM (SELECT unnest($ids::INTEGER[]) AS pair_id)
JOIN pairs AS p USING (pair_id)
JOIN marks AS m USING (source_id, chosen_id, rejected_id)
WHERE m.author = $author
