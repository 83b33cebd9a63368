# stat: the keys and the counts; sizes change with the machine
run stoa import s.stoa "$data/flights.csv" "$data/airports.csv" -q
stoa stat s.stoa | sed -E 's/[0-9.]+ ([kM]?B)$/some bytes/; s/(strings|commit|oldest shown) +[0-9]+/\1 some/; s/[0-9.]+ ([kM]?B) (in|on|garbage)/some \2/g'
stoa stat s.stoa --json | sed -E 's/_bytes":[0-9]+/_bytes":0/g; s/"(n_symbols|commit|oldest_commit)":[0-9]+/"\1":0/g'
