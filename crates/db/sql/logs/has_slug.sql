-- $1 stepid, $2 slug
SELECT 1 FROM logs WHERE stepid = $1 AND slug = $2
