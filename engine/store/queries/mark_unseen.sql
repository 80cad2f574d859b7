-- Of the pairs of action $action those whose mark is not as it was at revision $seen: another session
-- of the author, or an import, has changed it after this session's own last change. With the last
-- action that did so.
SELECT source_id, max(action_no) AS action_no
FROM (
    SELECT *, max(action_no) FILTER (NOT elsewhere) OVER (
               PARTITION BY source_id, chosen_id, rejected_id) AS own
    FROM (
        SELECT d.source_id, d.chosen_id, d.rejected_id, d.action_no, d.old, n.old AS now,
               a.session <> $session OR a.kind = 'import' AS elsewhere
        FROM decisions AS d
        JOIN actions AS a USING (action_no)
        JOIN (SELECT * FROM decisions WHERE action_no = $action) AS n
             USING (source_id, chosen_id, rejected_id)
        WHERE d.action_no >= $seen AND d.action_no < $action AND a.author = $author
    )
)
WHERE elsewhere AND action_no > coalesce(own, -1)
GROUP BY source_id, chosen_id, rejected_id
HAVING arg_min(old, action_no) IS DISTINCT FROM any_value(now)
ORDER BY action_no DESC, source_id
