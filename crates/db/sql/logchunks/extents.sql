-- $1 logid
SELECT first_line, last_line, length(content) FROM logchunks WHERE logid = $1 ORDER BY first_line
