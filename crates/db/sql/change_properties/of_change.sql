-- $1 changeid
SELECT property_name, property_value FROM change_properties WHERE changeid = $1
