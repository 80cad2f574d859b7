-- How often two authors gave the same pair each combination of verdicts.
SELECT a.author, b.author, a.verdict, b.verdict, count(*)
FROM pair_marks AS a JOIN pair_marks AS b USING (pair_id)
WHERE a.author < b.author AND a.verdict IS NOT NULL AND b.verdict IS NOT NULL
GROUP BY ALL ORDER BY ALL
