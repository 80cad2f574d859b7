SELECT p.pair_id, p.source_id, p.topic, coalesce(c.messages, c.transcript) AS chosen,
       coalesce(r.messages, r.transcript) AS rejected,
       f.regime, f.opinion, f.margin_pre, f.margin_post, f.theta, f.gain, f.ambiguity,
       m.verdict, coalesce(m.flagged, FALSE) AS flagged, coalesce(m.note, '') AS note,
       coalesce(m.tags, []) AS tags, p.group_no, p.margin_human,
       p.votes.chosen AS votes_chosen, p.votes.rejected AS votes_rejected,
       p.votes.tied AS votes_tied, p.score_chosen, p.score_rejected, p.model_chosen,
       p.model_rejected
FROM (
    SELECT unnest(ids) AS pair_id, generate_subscripts(ids, 1) AS place
    FROM (SELECT $ids::INTEGER[] AS ids)
) AS w
JOIN pairs AS p USING (pair_id)
JOIN pair_facts AS f USING (pair_id)
JOIN texts AS c ON c.text_id = p.chosen_id
JOIN texts AS r ON r.text_id = p.rejected_id
LEFT JOIN pair_marks AS m ON m.pair_id = p.pair_id AND m.author = $author
ORDER BY w.place
