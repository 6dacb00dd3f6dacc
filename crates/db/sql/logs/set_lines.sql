-- $1 num_lines, $2 id
UPDATE logs SET num_lines = $1 WHERE id = $2
