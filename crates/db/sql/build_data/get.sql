-- $1 buildid, $2 name
SELECT value, source FROM build_data WHERE buildid = $1 AND name = $2
