-- Names to complete in filters: topics, tags (of $author, or of all if it is null), authors.
(SELECT 'topic', topic FROM pairs WHERE topic IS NOT NULL GROUP BY topic
 ORDER BY count(*) DESC, topic LIMIT $most)
UNION ALL
(SELECT 'tag', tag FROM (
    SELECT unnest(tags) AS tag FROM pair_marks WHERE $author IS NULL OR author = $author
 ) GROUP BY tag
 ORDER BY count(*) DESC, tag LIMIT $most)
UNION ALL
(SELECT 'by', author FROM pair_marks GROUP BY author ORDER BY count(*) DESC, author LIMIT $most)
UNION ALL
(SELECT 'annotator', annotator FROM votes WHERE annotator <> '' GROUP BY annotator
 ORDER BY count(*) DESC, annotator LIMIT $most)
UNION ALL
(SELECT 'model', model FROM (
    SELECT model_chosen AS model FROM pairs UNION ALL SELECT model_rejected FROM pairs
 ) WHERE model IS NOT NULL GROUP BY model ORDER BY count(*) DESC, model LIMIT $most)
