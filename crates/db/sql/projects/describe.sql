-- $1 slug, $2 description, $3 description_format, $4 description_html, $5 id
UPDATE projects SET slug = $1, description = $2, description_format = $3, description_html = $4 WHERE id = $5
