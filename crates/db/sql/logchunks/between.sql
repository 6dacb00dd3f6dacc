-- $1 logid, $2 first_line, $3 last_line
SELECT first_line, last_line, content, compressed FROM logchunks
WHERE logid = $1 AND first_line >= $2 AND last_line <= $3 ORDER BY first_line
