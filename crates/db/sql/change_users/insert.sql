-- $1 changeid, $2 uid
INSERT INTO change_users (changeid, uid) VALUES ($1, $2)
