-- $1 uid, $2 attr_type, $3 attr_data
INSERT INTO users_info (uid, attr_type, attr_data) VALUES ($1, $2, $3)
ON CONFLICT (uid, attr_type) DO UPDATE SET attr_data = excluded.attr_data
