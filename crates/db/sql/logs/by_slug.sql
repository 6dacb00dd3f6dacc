-- $1 stepid, $2 slug
SELECT id, name, slug, stepid, complete, num_lines, type FROM logs WHERE stepid = $1 AND slug = $2
