-- $1 buildsetid, $2 sourcestampid
INSERT INTO buildset_sourcestamps (buildsetid, sourcestampid) VALUES ($1, $2)
