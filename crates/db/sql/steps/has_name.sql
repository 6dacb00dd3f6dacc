-- $1 buildid, $2 name
SELECT 1 FROM steps WHERE buildid = $1 AND name = $2
