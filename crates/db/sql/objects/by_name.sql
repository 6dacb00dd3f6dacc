-- $1 name, $2 class_name
SELECT id FROM objects WHERE name = $1 AND class_name = $2
