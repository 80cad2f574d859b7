SELECT r.pair_id, r.strategy,
       lc."values" AS original_chosen, lr."values" AS original_rejected,
       r.chosen_labels_new AS rewritten_chosen, r.rejected_labels_new AS rewritten_rejected,
       pc.reward AS pre_chosen, pr.reward AS pre_rejected,
       r.pre_chosen_new, r.pre_rejected_new,
       qc.reward AS post_chosen, qr.reward AS post_rejected,
       r.post_chosen_new, r.post_rejected_new, r.cosine_chosen, r.cosine_rejected
FROM rewrite_facts AS r
JOIN scores AS pc ON pc.producer = $pre AND pc.text_id = r.chosen_id
JOIN scores AS pr ON pr.producer = $pre AND pr.text_id = r.rejected_id
JOIN scores AS qc ON qc.producer = $post AND qc.text_id = r.chosen_id
JOIN scores AS qr ON qr.producer = $post AND qr.text_id = r.rejected_id
JOIN labels AS lc ON lc.producer = $labeler AND lc.text_id = r.chosen_id
JOIN labels AS lr ON lr.producer = $labeler AND lr.text_id = r.rejected_id
ORDER BY r.rewrite_id
