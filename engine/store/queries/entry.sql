SELECT t.transcript, t.response, l."values", g."values", pre.reward, post.reward,
       pre.truncated OR post.truncated
FROM texts AS t
JOIN scores AS pre ON pre.maker = $pre AND pre.text_id = t.text_id
JOIN scores AS post ON post.maker = $post AND post.text_id = t.text_id
LEFT JOIN labels AS l ON l.maker = $labeler AND l.text_id = t.text_id
LEFT JOIN labels AS g ON g.maker = $gold AND g.text_id = t.text_id
WHERE t.text_id = $text
