-- $1 id
SELECT id, name, slug, stepid, complete, num_lines, type FROM logs WHERE id = $1
