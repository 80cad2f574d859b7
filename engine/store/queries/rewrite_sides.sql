SELECT r.chosen_id, r.rejected_id,
       tc.response, r.chosen_labels_new, r.pre_chosen_new, r.post_chosen_new, r.cosine_chosen,
       tr.response, r.rejected_labels_new, r.pre_rejected_new, r.post_rejected_new,
       r.cosine_rejected
FROM rewrite_facts AS r
JOIN texts AS tc ON tc.text_id = r.chosen_new_id
JOIN texts AS tr ON tr.text_id = r.rejected_new_id
WHERE r.rewrite_id = ?
