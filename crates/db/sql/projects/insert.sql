-- $1 name, $2 name_hash, $3 slug
INSERT INTO projects (name, name_hash, slug) VALUES ($1, $2, $3) RETURNING id
