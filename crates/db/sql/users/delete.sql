-- $1 uid
DELETE FROM users WHERE uid = $1
