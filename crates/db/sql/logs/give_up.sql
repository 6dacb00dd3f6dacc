-- $1 buildid
UPDATE logs SET complete = 1
WHERE complete = 0 AND stepid IN (SELECT steps.id FROM steps WHERE buildid = $1 AND results IS NULL)
