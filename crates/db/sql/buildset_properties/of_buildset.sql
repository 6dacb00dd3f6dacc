-- $1 buildsetid
SELECT property_name, property_value FROM buildset_properties WHERE buildsetid = $1
