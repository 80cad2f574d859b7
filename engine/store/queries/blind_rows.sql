SELECT p.pair_id, p.source_id, c.sha256 AS chosen_sha, r.sha256 AS rejected_sha,
       coalesce(c.messages, c.transcript) AS chosen, coalesce(r.messages, r.transcript) AS rejected,
       p.topic, p.group_no AS group
FROM (SELECT unnest($ids::INTEGER[]) AS pair_id, generate_subscripts($ids::INTEGER[], 1) AS place) AS w
JOIN {facts} AS f USING (pair_id)
JOIN pairs AS p USING (pair_id)
JOIN texts AS c ON c.text_id = p.chosen_id
JOIN texts AS r ON r.text_id = p.rejected_id
ORDER BY w.place
