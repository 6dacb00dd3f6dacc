-- $1 objectid, $2 name, $3 value_json
INSERT INTO object_state (objectid, name, value_json) VALUES ($1, $2, $3)
ON CONFLICT (objectid, name) DO UPDATE SET value_json = excluded.value_json
