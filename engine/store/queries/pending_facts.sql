-- Pairs whose measures are not computed yet, as `pair_facts` has them: margins as far as rewards are
-- stored, everything else NULL.
(
    SELECT p.pair_id,
           NULL::VARCHAR AS regime, NULL::VARCHAR AS opinion,
           NULL::BOOLEAN AS aligned_pre, NULL::BOOLEAN AS aligned_post,
           NULL::BOOLEAN AS tied_pre, NULL::BOOLEAN AS tied_post,
           NULL::DOUBLE AS direction_pre, NULL::DOUBLE AS direction_post,
           NULL::DOUBLE AS theta, NULL::DOUBLE AS gain,
           cb.reward - rb.reward AS margin_pre, ca.reward - ra.reward AS margin_post,
           (ca.reward - ra.reward) - (cb.reward - rb.reward) AS margin_change,
           NULL::DOUBLE AS norm_pre, NULL::DOUBLE AS norm_post,
           NULL::BOOLEAN AS small_norm, NULL::BOOLEAN AS noise_limited,
           NULL::DOUBLE AS ambiguity, NULL::DOUBLE AS ambiguity_unsure,
           NULL::DOUBLE AS ambiguity_disagree,
           NULL::VARCHAR AS votes, NULL::DOUBLE AS vote_agreement,
           NULL::DOUBLE AS residual, NULL::DOUBLE[] AS influence
    FROM pairs AS p
    LEFT JOIN scores AS cb ON cb.producer = $pre AND cb.text_id = p.chosen_id
    LEFT JOIN scores AS rb ON rb.producer = $pre AND rb.text_id = p.rejected_id
    LEFT JOIN scores AS ca ON ca.producer = $post AND ca.text_id = p.chosen_id
    LEFT JOIN scores AS ra ON ra.producer = $post AND ra.text_id = p.rejected_id
)
