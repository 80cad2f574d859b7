-- The author's last change that is not undone. Changes before an import of the author's own
-- decisions cannot be undone: the import may have changed the same pairs.
SELECT max(target) FROM (
    SELECT target, arg_max(kind, action_no) AS last FROM actions
    WHERE author = $author AND kind <> 'import' AND target > coalesce(
        (SELECT max(action_no) FROM actions WHERE author = $author AND kind = 'import'), -1)
    GROUP BY target
)
WHERE last <> 'undo'
