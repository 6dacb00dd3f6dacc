-- $1 buildsetid
SELECT complete, results FROM buildrequests WHERE buildsetid = $1
