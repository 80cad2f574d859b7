-- The texts of pairs; with $unusual only of those whose sides may share no prompt: sides that
-- differ before their last turn, messages that are no transcript, answers without a question.
SELECT p.pair_id, coalesce(c.messages, c.transcript) AS chosen,
       coalesce(r.messages, r.transcript) AS rejected
FROM pairs AS p
JOIN texts AS c ON c.text_id = p.chosen_id
JOIN texts AS r ON r.text_id = p.rejected_id
WHERE NOT $unusual OR NOT p.context_equal OR c.messages IS NOT NULL OR r.messages IS NOT NULL
   OR starts_with(c.transcript, chr(10) || chr(10) || 'Assistant:')
   OR regexp_matches(c.transcript, 'Assistant:\s*\n\nAssistant:')
ORDER BY p.pair_id
