-- The change of the author that the session took back last, if it changed nothing and nothing was
-- imported since.
SELECT target, since FROM (
    SELECT target, max(action_no) AS since, arg_max(kind, action_no) AS last,
           arg_max(session, action_no) AS session
    FROM actions WHERE author = $author GROUP BY target
)
WHERE last = 'undo' AND session = $session AND since > coalesce((
    SELECT max(action_no) FROM actions
    WHERE author = $author AND (kind = 'import' OR kind = 'change' AND session = $session)), -1)
ORDER BY since DESC LIMIT 1
