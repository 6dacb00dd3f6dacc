-- $1 builderid
DELETE FROM builders_tags WHERE builderid = $1
