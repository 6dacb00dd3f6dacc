-- $1 logid, $2 first_line, $3 last_line
DELETE FROM logchunks WHERE logid = $1 AND first_line >= $2 AND last_line <= $3
