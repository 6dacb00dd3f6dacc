SELECT builders_tags.builderid, tags.name FROM builders_tags JOIN tags ON tags.id = builders_tags.tagid
ORDER BY builders_tags.builderid, tags.id
