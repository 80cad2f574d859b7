-- The author's last undone change, if nothing was changed or imported since.
SELECT min(target) FROM (
    SELECT target, arg_max(kind, action_no) AS last, max(action_no) AS since FROM actions
    WHERE author = $author GROUP BY target
)
WHERE last = 'undo' AND since > (
    SELECT max(action_no) FROM actions WHERE author = $author AND kind IN ('change', 'import'))
