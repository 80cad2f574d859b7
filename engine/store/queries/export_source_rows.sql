-- One page of the rows of a file, after a row.
SELECT row_no AS number, line, layout, content
FROM source_rows
WHERE file = $file AND row_no > $after
ORDER BY row_no
LIMIT $page
