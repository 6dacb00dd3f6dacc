-- $1 description, $2 description_format, $3 description_html, $4 projectid, $5 id
UPDATE builders SET description = $1, description_format = $2, description_html = $3, projectid = $4 WHERE id = $5
