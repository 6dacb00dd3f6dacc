-- $1 name, $2 name_hash
INSERT INTO schedulers (name, name_hash, enabled) VALUES ($1, $2, 1) RETURNING id
