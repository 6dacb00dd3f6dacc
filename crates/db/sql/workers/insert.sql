-- $1 name
INSERT INTO workers (name, info, paused, graceful) VALUES ($1, '{}', 0, 0) RETURNING id
