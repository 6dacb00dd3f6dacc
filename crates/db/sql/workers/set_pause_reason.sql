-- $1 pause_reason, $2 id
UPDATE workers SET pause_reason = $1 WHERE id = $2
