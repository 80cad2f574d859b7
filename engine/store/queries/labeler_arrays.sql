SELECT p.pair_id, s.side, l."values"
FROM pairs AS p, (VALUES (0), (1)) AS s (side)
JOIN labels AS l
  ON l.maker = $labeler
 AND l.text_id = CASE s.side WHEN 0 THEN p.chosen_id ELSE p.rejected_id END
ORDER BY p.pair_id, s.side
