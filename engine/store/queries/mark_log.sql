-- The newest actions, with the pair of those that changed a single pair.
SELECT a.action_no AS number, epoch(a.time) AS time, a.author, a.session, a.summary, a.pairs,
       coalesce(l.source_id, '') AS source_id
FROM (
    SELECT * FROM actions WHERE action_no BETWEEN $after AND $until
    ORDER BY action_no DESC LIMIT $limit
) AS a
LEFT JOIN decisions AS l ON l.action_no = a.action_no AND a.pairs = 1
ORDER BY a.action_no DESC
