-- $1 buildid, $2 number
SELECT id FROM steps WHERE buildid = $1 AND number = $2
