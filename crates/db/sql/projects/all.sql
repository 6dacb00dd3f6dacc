SELECT id, name, slug, description, description_format, description_html FROM projects ORDER BY name
