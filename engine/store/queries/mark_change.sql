-- Logs a change to the marks of these pairs; an unchanged pair gets no row. `{fields}` is replaced
-- by the fields of the state that change.
INSERT INTO decisions
SELECT $action, source_id, chosen_id, rejected_id, old, new
FROM (
    SELECT *, struct_update(old, {fields}) AS new
    FROM (
        SELECT p.source_id, p.chosen_id, p.rejected_id, coalesce(m.state,
               {'verdict': NULL, 'flagged': FALSE, 'note': '', 'tags': []}::mark_state) AS old
        FROM pairs AS p
        LEFT JOIN marks AS m ON m.author = $author AND m.source_id = p.source_id
             AND m.chosen_id = p.chosen_id AND m.rejected_id = p.rejected_id
        WHERE p.pair_id IN (SELECT unnest($ids::INTEGER[]))
    )
)
WHERE new IS DISTINCT FROM old
