-- A label of -128 is missing and does not count as a flip.
SELECT r.rewrite_id, r.pair_id, p.source_id, r.strategy, r.cosine_chosen, r.cosine_rejected,
       f.margin_post AS margin_before, r.post_chosen_new - r.post_rejected_new AS margin_after,
       len(list_filter(list_zip(old_c."values", r.chosen_labels_new), lambda x: x[1] <> x[2] AND least(x[1], x[2]) <> -128))
       + len(list_filter(list_zip(old_r."values", r.rejected_labels_new), lambda x: x[1] <> x[2] AND least(x[1], x[2]) <> -128)) AS flips,
       left(t.response, w.preview) AS preview, {left_out} AS left_out
FROM (
    SELECT unnest(ids) AS rewrite_id, generate_subscripts(ids, 1) AS place, preview
    FROM (SELECT $ids::INTEGER[] AS ids, $preview::INTEGER AS preview)
) AS w
JOIN rewrite_facts AS r USING (rewrite_id)
JOIN pair_facts AS f ON f.pair_id = r.pair_id
JOIN pairs AS p ON p.pair_id = r.pair_id
JOIN texts AS t ON t.text_id = r.chosen_id
{joins}
ORDER BY w.place
