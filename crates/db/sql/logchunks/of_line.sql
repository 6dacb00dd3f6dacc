-- $1 logid, $2 line
SELECT first_line, last_line, content, compressed FROM logchunks
WHERE logid = $1 AND last_line >= $2 ORDER BY last_line LIMIT 1
