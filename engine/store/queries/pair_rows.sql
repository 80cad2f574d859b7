SELECT f.pair_id, p.source_id, f.regime, f.opinion, f.margin_pre, f.margin_post, f.theta, f.gain,
       f.ambiguity, p.topic, left(t.response, w.preview) AS preview,
       coalesce(f.noise_limited, false) AS noise, p.group_no AS group, p.margin_human,
       p.votes, p.score_chosen, p.score_rejected, p.model_chosen, p.model_rejected
FROM (
    SELECT unnest(ids) AS pair_id, generate_subscripts(ids, 1) AS place, preview
    FROM (SELECT $ids::INTEGER[] AS ids, $preview::INTEGER AS preview)
) AS w
JOIN {facts} AS f USING (pair_id)
JOIN pairs AS p USING (pair_id)
JOIN texts AS t ON t.text_id = p.chosen_id
ORDER BY w.place
