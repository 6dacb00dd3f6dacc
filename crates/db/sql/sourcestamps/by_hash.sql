-- $1 ss_hash
SELECT id FROM sourcestamps WHERE ss_hash = $1
