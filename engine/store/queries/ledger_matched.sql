-- `matched`: the rows of a ledger whose pair is in the dataset with the same two texts. `fresh`:
-- those that the log does not have yet, each once, numbered by action.
CREATE TEMP TABLE matched AS
SELECT i.place, i.author, make_timestamp(i.us) AS time, i.blind, i.group_no,
       p.source_id, p.chosen_id, p.rejected_id, i.old::mark_state AS old, i.new::mark_state AS new
FROM incoming AS i
JOIN pairs AS p USING (source_id)
JOIN texts AS c ON c.text_id = p.chosen_id AND c.sha256 = i.chosen_sha
JOIN texts AS r ON r.text_id = p.rejected_id AND r.sha256 = i.rejected_sha;

CREATE TEMP TABLE fresh AS
SELECT *, dense_rank() OVER (ORDER BY first, time, author, group_no)
          + (SELECT coalesce(max(action_no), -1) FROM actions) AS action_no
FROM (
    SELECT *, min(place) OVER (PARTITION BY time, author, group_no) AS first
    FROM matched AS k
    WHERE NOT EXISTS (
        FROM decisions AS d JOIN actions AS a USING (action_no)
        WHERE a.time = k.time AND a.author = k.author AND d.source_id = k.source_id
          AND d.chosen_id = k.chosen_id AND d.rejected_id = k.rejected_id
          AND d.new IS NOT DISTINCT FROM k.new)
    QUALIFY row_number() OVER (
        PARTITION BY time, author, source_id, chosen_id, rejected_id, new ORDER BY place) = 1
);
