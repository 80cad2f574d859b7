-- Rebuilds every mark from the log. An author's latest decision about a pair counts, so that logs
-- merged in any order give the same marks.
INSERT INTO marks
SELECT author, source_id, chosen_id, rejected_id, time, new
FROM (
    SELECT a.author, d.source_id, d.chosen_id, d.rejected_id, a.time, d.new
    FROM decisions AS d JOIN actions AS a USING (action_no)
    QUALIFY row_number() OVER (
        PARTITION BY a.author, d.source_id, d.chosen_id, d.rejected_id
        ORDER BY a.time DESC, a.action_no DESC
    ) = 1
)
WHERE is_marked(new)
