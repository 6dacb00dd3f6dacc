-- $1 uid
DELETE FROM users_info WHERE uid = $1
