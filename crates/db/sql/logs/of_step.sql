-- $1 stepid
SELECT id, name, slug, stepid, complete, num_lines, type FROM logs WHERE stepid = $1 ORDER BY id
