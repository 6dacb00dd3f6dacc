-- $1 id
SELECT id, name, slug, description, description_format, description_html FROM projects WHERE id = $1
