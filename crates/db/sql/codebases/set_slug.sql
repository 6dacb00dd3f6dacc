-- $1 slug, $2 id
UPDATE codebases SET slug = $1 WHERE id = $2
