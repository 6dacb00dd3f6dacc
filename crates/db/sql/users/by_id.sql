-- $1 uid
SELECT uid, identifier, bb_username, bb_password FROM users WHERE uid = $1
