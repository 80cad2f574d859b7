-- The effects of the actions $first to $last, each as a line of a ledger.
SELECT to_json({
           'time': epoch(a.time), 'author': a.author, 'source_id': l.source_id,
           'chosen_sha': l.chosen_sha, 'rejected_sha': l.rejected_sha,
           'old': l.old, 'new': l.new, 'group': l.action_no, 'blind': a.blind
       })::VARCHAR || chr(10) AS line
FROM logged AS l
JOIN actions AS a USING (action_no)
WHERE l.action_no BETWEEN $first AND $last
ORDER BY l.action_no
