-- $1 identifier
SELECT uid FROM users WHERE identifier = $1
