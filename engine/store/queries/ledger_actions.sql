INSERT INTO actions
SELECT action_no, any_value(time), any_value(author), $study, 'import', action_no,
       any_value(blind), 'imported', count(*), ''
FROM fresh GROUP BY action_no ORDER BY action_no
