-- $1 workerid, $2 id
UPDATE builds SET workerid = $1 WHERE id = $2
