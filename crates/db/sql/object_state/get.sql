-- $1 objectid, $2 name
SELECT value_json FROM object_state WHERE objectid = $1 AND name = $2
