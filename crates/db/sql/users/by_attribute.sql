-- $1 attr_type, $2 attr_data
SELECT uid FROM users_info WHERE attr_type = $1 AND attr_data = $2
