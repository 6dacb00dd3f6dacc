SELECT id, name, description, description_format, description_html, projectid FROM builders ORDER BY id
