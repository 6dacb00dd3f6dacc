-- $1 identifier
INSERT INTO users (identifier) VALUES ($1) RETURNING uid
