-- $1 changeid
SELECT uid FROM change_users WHERE changeid = $1 ORDER BY uid
