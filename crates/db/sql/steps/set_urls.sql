-- $1 urls_json, $2 id
UPDATE steps SET urls_json = $1 WHERE id = $2
