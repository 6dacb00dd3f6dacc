-- $1 id
SELECT id, name, description, description_format, description_html, projectid FROM builders WHERE id = $1
