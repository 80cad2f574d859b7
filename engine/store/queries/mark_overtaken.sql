-- Of the pairs of the change $target those whose mark is not as the action $since left it: a later
-- change is in effect, or an earlier one no longer is. With the last action about each.
WITH later AS (
    SELECT action_no, last <> 'undo' AND target > $target AS in_effect
    FROM actions
    JOIN (SELECT target, arg_max(kind, action_no) AS last FROM actions
          WHERE author = $author GROUP BY target) USING (target)
    WHERE author = $author AND action_no > $since
)
SELECT l.source_id, max(l.action_no) AS action_no
FROM logged AS l
JOIN later USING (action_no)
JOIN (SELECT source_id, chosen_sha, rejected_sha, {left} AS expected
      FROM logged WHERE action_no = $target) AS t USING (source_id, chosen_sha, rejected_sha)
WHERE l.action_no > $since
GROUP BY l.source_id, l.chosen_sha, l.rejected_sha
HAVING bool_or(in_effect) OR arg_max(l.new, l.action_no) IS DISTINCT FROM any_value(expected)
ORDER BY action_no DESC, source_id
