-- $1 builderid
SELECT tags.name FROM builders_tags JOIN tags ON tags.id = builders_tags.tagid
WHERE builders_tags.builderid = $1 ORDER BY tags.id
