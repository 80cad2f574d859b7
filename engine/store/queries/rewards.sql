-- The four rewards of every measured pair, in pair order.
SELECT pc.reward AS pre_chosen, pr.reward AS pre_rejected,
       qc.reward AS post_chosen, qr.reward AS post_rejected
FROM pair_facts AS f
JOIN pairs AS p USING (pair_id)
JOIN scores AS pc ON pc.producer = $pre AND pc.text_id = p.chosen_id
JOIN scores AS pr ON pr.producer = $pre AND pr.text_id = p.rejected_id
JOIN scores AS qc ON qc.producer = $post AND qc.text_id = p.chosen_id
JOIN scores AS qr ON qr.producer = $post AND qr.text_id = p.rejected_id
ORDER BY f.pair_id
