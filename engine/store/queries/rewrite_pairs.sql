-- The pairs whose two sides were both rewritten, accepted, labeled, scored and compared.
-- A table rebuilt after every run, so that the measures and the explorer read the same rows.
CREATE OR REPLACE TABLE rewrite_facts AS
SELECT row_number() OVER (ORDER BY p.pair_id, rc.strategy) - 1 AS rewrite_id,
       p.pair_id, rc.strategy, p.chosen_id, p.rejected_id,
       rc.rewritten_id AS chosen_new_id, rr.rewritten_id AS rejected_new_id,
       cc.cosine AS cosine_chosen, cr.cosine AS cosine_rejected,
       pre_c.reward AS pre_chosen_new, pre_r.reward AS pre_rejected_new,
       post_c.reward AS post_chosen_new, post_r.reward AS post_rejected_new,
       lc."values" AS chosen_labels_new, lr."values" AS rejected_labels_new
FROM pairs AS p
CROSS JOIN (SELECT unnest($strategies) AS strategy, unnest($writers) AS producer) AS w
JOIN rewrites AS rc
  ON rc.producer = w.producer AND rc.strategy = w.strategy AND rc.text_id = p.chosen_id
JOIN rewrites AS rr
  ON rr.producer = w.producer AND rr.strategy = w.strategy AND rr.text_id = p.rejected_id
JOIN similarities AS cc
  ON cc.producer = $embedder AND cc.text_id = p.chosen_id AND cc.rewritten_id = rc.rewritten_id
JOIN similarities AS cr
  ON cr.producer = $embedder AND cr.text_id = p.rejected_id AND cr.rewritten_id = rr.rewritten_id
JOIN scores AS pre_c ON pre_c.producer = $pre AND pre_c.text_id = rc.rewritten_id
JOIN scores AS pre_r ON pre_r.producer = $pre AND pre_r.text_id = rr.rewritten_id
JOIN scores AS post_c ON post_c.producer = $post AND post_c.text_id = rc.rewritten_id
JOIN scores AS post_r ON post_r.producer = $post AND post_r.text_id = rr.rewritten_id
JOIN labels AS lc ON lc.producer = $labeler AND lc.text_id = rc.rewritten_id
JOIN labels AS lr ON lr.producer = $labeler AND lr.text_id = rr.rewritten_id
WHERE p.pair_id IN (SELECT unnest($sample))
ORDER BY p.pair_id, rc.strategy
