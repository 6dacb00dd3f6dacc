-- $1 logid, $2 first_line, $3 last_line, $4 content, $5 compressed
INSERT INTO logchunks (logid, first_line, last_line, content, compressed) VALUES ($1, $2, $3, $4, $5)
