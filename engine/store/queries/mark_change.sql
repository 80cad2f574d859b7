-- The change of these pairs' marks as rows of the log; a pair that it leaves as it is has none.
INSERT INTO decisions
SELECT $action, source_id, chosen_id, rejected_id, old,
       CASE WHEN new.verdict IS NOT NULL OR new.flagged OR new.note <> '' OR len(new.tags) > 0
            THEN new END
FROM (
    SELECT p.pair_id, p.source_id, p.chosen_id, p.rejected_id, m.state AS old,
           struct_pack(
               verdict := CASE WHEN $verdict::VARCHAR IS NULL THEN m.state.verdict
                               ELSE nullif($verdict, '') END,
               flagged := CASE $flag::VARCHAR WHEN 'on' THEN TRUE WHEN 'off' THEN FALSE
                               WHEN 'toggle' THEN NOT coalesce(m.state.flagged, FALSE)
                               ELSE coalesce(m.state.flagged, FALSE) END,
               note := coalesce($note::VARCHAR, m.state.note, ''),
               tags := list_sort(list_filter(
                   list_distinct(list_concat(coalesce(m.state.tags, []), $add::VARCHAR[])),
                   lambda tag: NOT list_contains($remove::VARCHAR[], tag)))
           ) AS new
    FROM pairs AS p
    SEMI JOIN wanted AS w USING (pair_id)
    LEFT JOIN marks AS m ON m.author = $author AND m.source_id = p.source_id
         AND m.chosen_id = p.chosen_id AND m.rejected_id = p.rejected_id
)
WHERE new IS DISTINCT FROM coalesce(old, struct_pack(
          verdict := NULL::VARCHAR, flagged := FALSE, note := '', tags := []::VARCHAR[]))
ORDER BY pair_id
