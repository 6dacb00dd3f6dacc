-- $1 name, $2 name_hash, $3 last_active
INSERT INTO masters (name, name_hash, active, last_active) VALUES ($1, $2, 0, $3) RETURNING id
