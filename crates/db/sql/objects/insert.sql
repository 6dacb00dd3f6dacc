-- $1 name, $2 class_name
INSERT INTO objects (name, class_name) VALUES ($1, $2) RETURNING id
