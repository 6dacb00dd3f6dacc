-- $1 number, $2 name, $3 buildid, $4 started_at, $5 locks_acquired_at, $6 state_string
INSERT INTO steps (
    number, name, buildid, started_at, locks_acquired_at, complete_at, state_string, results, urls_json, hidden
) VALUES ($1, $2, $3, $4, $5, NULL, $6, NULL, '[]', 0) RETURNING id
