-- Both sides of a rewrite, the chosen one first.
SELECT 0 AS side, r.chosen_id AS text_id, t.response, r.chosen_labels_new AS labels,
       r.pre_chosen_new AS pre, r.post_chosen_new AS post, r.cosine_chosen AS cosine
FROM rewrite_facts AS r JOIN texts AS t ON t.text_id = r.chosen_new_id
WHERE r.rewrite_id = $rewrite
UNION ALL
SELECT 1, r.rejected_id, t.response, r.rejected_labels_new,
       r.pre_rejected_new, r.post_rejected_new, r.cosine_rejected
FROM rewrite_facts AS r JOIN texts AS t ON t.text_id = r.rejected_new_id
WHERE r.rewrite_id = $rewrite
ORDER BY side
