-- $1 id
SELECT logs.id, logs.name, logs.slug, logs.stepid, logs.complete, logs.num_lines, logs.type, steps.buildid
FROM logs JOIN steps ON steps.id = logs.stepid WHERE logs.id = $1
