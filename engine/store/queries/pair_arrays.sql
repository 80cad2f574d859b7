-- One row per pair that has all four rewards, in pair order.
SELECT p.pair_id,
       pc.reward AS pre_chosen, pr.reward AS pre_rejected,
       qc.reward AS post_chosen, qr.reward AS post_rejected,
       lc."values" AS chosen, lr."values" AS rejected,
       coalesce(p.votes.chosen, 0) AS votes_chosen, coalesce(p.votes.rejected, 0) AS votes_rejected,
       coalesce(p.votes.tied, 0) AS votes_tied,
       -- A pair in no group is one by itself.
       coalesce(p.group_no, -1 - p.pair_id) AS group_no
FROM pairs AS p
JOIN scores AS pc ON pc.producer = $pre AND pc.text_id = p.chosen_id
JOIN scores AS pr ON pr.producer = $pre AND pr.text_id = p.rejected_id
JOIN scores AS qc ON qc.producer = $post AND qc.text_id = p.chosen_id
JOIN scores AS qr ON qr.producer = $post AND qr.text_id = p.rejected_id
LEFT JOIN labels AS lc ON lc.producer = $labeler AND lc.text_id = p.chosen_id
LEFT JOIN labels AS lr ON lr.producer = $labeler AND lr.text_id = p.rejected_id
ORDER BY p.pair_id
