-- $1 uid
DELETE FROM change_users WHERE uid = $1
