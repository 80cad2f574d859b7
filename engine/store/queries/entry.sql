SELECT coalesce(t.messages, t.transcript) AS encoded, t.response, l."values" AS labels, g."values" AS gold, pre.reward AS pre,
       post.reward AS post, coalesce(pre.truncated, FALSE) OR coalesce(post.truncated, FALSE) AS truncated
FROM texts AS t
LEFT JOIN scores AS pre ON pre.producer = $pre AND pre.text_id = t.text_id
LEFT JOIN scores AS post ON post.producer = $post AND post.text_id = t.text_id
LEFT JOIN labels AS l ON l.producer = $labeler AND l.text_id = t.text_id
LEFT JOIN labels AS g ON g.producer = $gold AND g.text_id = t.text_id
WHERE t.text_id = $text
