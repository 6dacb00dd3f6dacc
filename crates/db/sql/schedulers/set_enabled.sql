-- $1 enabled, $2 id
UPDATE schedulers SET enabled = $1 WHERE id = $2
