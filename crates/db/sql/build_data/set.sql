-- $1 buildid, $2 name, $3 value, $4 length, $5 source
INSERT INTO build_data (buildid, name, value, length, source) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (buildid, name) DO UPDATE SET value = excluded.value, length = excluded.length, source = excluded.source
