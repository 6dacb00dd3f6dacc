-- $1 results, $2 complete_at, $3 locks_duration_s, $4 state_string or NULL, $5 id
UPDATE builds
SET results = $1, complete_at = $2, locks_duration_s = $3, state_string = coalesce($4, state_string)
WHERE id = $5
