-- $1 buildsetid, $2 property_name, $3 property_value
INSERT INTO buildset_properties (buildsetid, property_name, property_value) VALUES ($1, $2, $3)
