-- A plain join on text_id: a CASE over the two sides took minutes at 160,800 pairs.
SELECT e.pair_id, e.side, l."values"
FROM (
    SELECT pair_id, 0 AS side, chosen_id AS text_id FROM pairs
    UNION ALL
    SELECT pair_id, 1 AS side, rejected_id AS text_id FROM pairs
) AS e
JOIN labels AS l ON l.producer = $labeler AND l.text_id = e.text_id
ORDER BY e.pair_id, e.side
