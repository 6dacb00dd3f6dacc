-- $1 bb_username, $2 bb_password, $3 uid
UPDATE users SET bb_username = $1, bb_password = $2 WHERE uid = $3
