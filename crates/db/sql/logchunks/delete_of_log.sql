-- $1 logid
DELETE FROM logchunks WHERE logid = $1
