-- $1 changeid
DELETE FROM change_users WHERE changeid <= $1
