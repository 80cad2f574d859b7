SELECT p.pair_id, p.chosen_id, p.rejected_id, m.verdict, coalesce(m.flagged, FALSE) AS flagged,
       p.margin_human IS NOT NULL AS has_margin, p.votes IS NOT NULL AS has_votes
FROM requested AS w
JOIN pairs AS p USING (pair_id)
LEFT JOIN pair_marks AS m ON m.pair_id = p.pair_id AND m.author = $author
ORDER BY w.place
