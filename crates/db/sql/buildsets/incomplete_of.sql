-- $1 the property `scheduler`: its value and source
SELECT buildsets.id
FROM buildsets JOIN buildset_properties ON buildset_properties.buildsetid = buildsets.id
WHERE buildsets.complete = 0 AND property_name = 'scheduler' AND property_value = $1
ORDER BY buildsets.id
