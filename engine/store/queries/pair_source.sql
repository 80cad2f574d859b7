-- The rows that a pair came from, in their order; none in a run folder of version 0.1.0.
SELECT r.file, r.line, r.layout, r.content
FROM (
    SELECT unnest(source_rows) AS row_no, generate_subscripts(source_rows, 1) AS place
    FROM pairs WHERE pair_id = ?
) AS w
JOIN source_rows AS r USING (row_no)
ORDER BY w.place
