-- $1 name, $2 slug, $3 stepid, $4 type
INSERT INTO logs (name, slug, stepid, complete, num_lines, type) VALUES ($1, $2, $3, 0, 0, $4) RETURNING id
