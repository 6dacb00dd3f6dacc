-- $1 sourcestampid
SELECT 1 FROM changes WHERE sourcestampid = $1 LIMIT 1
