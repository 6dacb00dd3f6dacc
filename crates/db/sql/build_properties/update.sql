-- $1 value, $2 source, $3 buildid, $4 name
UPDATE build_properties SET value = $1, source = $2 WHERE buildid = $3 AND name = $4
