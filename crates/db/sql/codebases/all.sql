SELECT id, projectid, name, slug FROM codebases ORDER BY id
