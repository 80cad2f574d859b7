SELECT epoch(a.time) AS time, a.author, d.source_id, c.sha256 AS chosen_sha,
       r.sha256 AS rejected_sha, d.old, d.new, d.action_no AS group, a.blind
FROM decisions AS d
JOIN actions AS a USING (action_no)
JOIN texts AS c ON c.text_id = d.chosen_id
JOIN texts AS r ON r.text_id = d.rejected_id
ORDER BY a.time, d.action_no, d.source_id
