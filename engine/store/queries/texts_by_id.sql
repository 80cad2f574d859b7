SELECT t.text_id, coalesce(t.messages, t.transcript) AS encoded
FROM (SELECT unnest(ids) AS text_id, generate_subscripts(ids, 1) AS place FROM (SELECT ?::INTEGER[] AS ids)) AS requested
JOIN texts AS t USING (text_id)
ORDER BY requested.place
