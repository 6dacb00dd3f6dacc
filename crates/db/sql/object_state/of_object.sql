-- $1 objectid
SELECT name, value_json FROM object_state WHERE objectid = $1 ORDER BY name
