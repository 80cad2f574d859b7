-- The newest actions of $author (of all if it is null) from the number $after up to $until, with the
-- pair of those that changed a single pair.
SELECT a.action_no AS number, epoch(a.time) AS time, a.author, a.session, a.summary, a.pairs,
       coalesce(d.source_id, '') AS source_id
FROM (
    SELECT * FROM actions
    WHERE action_no BETWEEN $after AND $until AND ($author IS NULL OR author = $author)
    ORDER BY action_no DESC LIMIT $limit
) AS a
LEFT JOIN decisions AS d ON d.action_no = a.action_no AND a.pairs = 1
ORDER BY a.action_no DESC
