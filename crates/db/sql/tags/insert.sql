-- $1 name, $2 name_hash
INSERT INTO tags (name, name_hash) VALUES ($1, $2) RETURNING id
