-- $1 id
SELECT id, number, name, buildid, started_at, locks_acquired_at, complete_at, state_string, results, urls_json, hidden
FROM steps WHERE id = $1
