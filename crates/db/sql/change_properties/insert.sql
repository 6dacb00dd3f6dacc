-- $1 changeid, $2 property_name, $3 property_value
INSERT INTO change_properties (changeid, property_name, property_value) VALUES ($1, $2, $3)
