-- $1 id
SELECT id, projectid, name, slug FROM codebases WHERE id = $1
