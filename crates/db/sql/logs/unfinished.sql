-- $1 buildid
SELECT id, name, slug, stepid, complete, num_lines, type FROM logs
WHERE complete = 0 AND stepid IN (SELECT steps.id FROM steps WHERE buildid = $1) ORDER BY id
