-- $1 number, $2 name, $3 buildid, $4 state_string
INSERT INTO steps (
    number, name, buildid, started_at, locks_acquired_at, complete_at, state_string, results, urls_json, hidden
) VALUES ($1, $2, $3, NULL, NULL, NULL, $4, NULL, '[]', 0) RETURNING id
