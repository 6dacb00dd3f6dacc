-- $1 buildid, $2 name, $3 value, $4 source
INSERT INTO build_properties (buildid, name, value, source) VALUES ($1, $2, $3, $4)
