# gc: what was deleted gives its space back
run stoa import g.stoa "$data/flights.csv" -q
run stoa gc g.stoa
run stoa query g.stoa "DELETE FROM flights WHERE rowid <= 3000"
run stoa gc g.stoa --generation 1
run stoa gc g.stoa --stats | sed -E '/(bytes|seconds|longest)/s/[0-9.]+$/some/'
run stoa query g.stoa "SELECT count(*), min(rowid) FROM flights"
run stoa gc g.stoa -g 3
run stoa gc
run stoa gc nowhere
