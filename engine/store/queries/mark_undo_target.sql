-- The author's last change that is not undone: in the session, or the one of that number in any, or
-- any at all. Changes before an import of the author's own decisions cannot be undone: the import may
-- have changed the same pairs.
SELECT target, since FROM (
    SELECT target, max(action_no) AS since, arg_max(kind, action_no) AS last,
           arg_max(session, action_no) AS session
    FROM actions
    WHERE author = $author AND kind <> 'import' AND target > coalesce(
        (SELECT max(action_no) FROM actions WHERE author = $author AND kind = 'import'), -1)
    GROUP BY target
)
WHERE last <> 'undo' AND (target = $action OR $action IS NULL AND (session = $session OR $anywhere))
ORDER BY since DESC LIMIT 1
