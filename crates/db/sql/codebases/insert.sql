-- $1 projectid, $2 name, $3 name_hash, $4 slug
INSERT INTO codebases (projectid, name, name_hash, slug) VALUES ($1, $2, $3, $4) RETURNING id
