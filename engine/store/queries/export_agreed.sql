-- By pair: the share of the reviewers that prefer the chosen side. A tie counts half.
SELECT pair_id, avg(CASE verdict WHEN 'keep' THEN 1.0 WHEN 'flip' THEN 0.0 ELSE 0.5 END) AS agreed
FROM pair_marks
WHERE verdict IN ('keep', 'flip', 'tie')
GROUP BY pair_id
ORDER BY pair_id
