SELECT epoch(a.time) AS time, a.author, l.source_id, l.chosen_sha, l.rejected_sha, l.old, l.new,
       l.action_no AS group, a.blind
FROM logged AS l
JOIN actions AS a USING (action_no)
ORDER BY a.time, l.action_no, l.source_id
