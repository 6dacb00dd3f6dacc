-- $1 builderid, $2 tagid
INSERT INTO builders_tags (builderid, tagid) VALUES ($1, $2) ON CONFLICT (builderid, tagid) DO NOTHING
