-- $1 uid
SELECT attr_type, attr_data FROM users_info WHERE uid = $1
