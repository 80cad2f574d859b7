-- Every mark as the log has it: of an author's decisions about a pair the latest in time counts,
-- so that logs brought together in any order come to the same.
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
WHERE says_something(new)
