# trace: what there is and how it is put; sizes change with the machine
run stoa import s.stoa "$data/flights.csv" -q
stoa trace s.stoa --depth 3 | sed -E 's/ +-?[0-9.]+ ([kM]?B)//g; s/ +[0-9]+$//; s/ +$//' | sort
run stoa trace s.stoa -o before.json
run stoa query s.stoa "DELETE FROM flights WHERE rowid % 2 = 0"
run stoa trace s.stoa --top 3 --by garbage | sed -E 's/ +[0-9.]+ ([kM]?B)/ some/g; s/ +[0-9]+$//'
stoa trace s.stoa --compare before.json --top 100 --by count | grep -c 'live bitmaps .*+'
run stoa trace s.stoa --compare s.stoa --depth 0
# the sum is what du says
[ "$(stoa trace s.stoa --format json | sed -nE 's/.*"kind": "database".*"disk": ([0-9]+).*/\1/p')" = "$(du -s --block-size=1 s.stoa | cut -f1)" ] && echo du agrees
# JSON that is read again is the same
run stoa trace before.json --format json -o again.json
run cmp before.json again.json
# the picture is XML, and says what is in it
run stoa trace s.stoa -o s.svg
! command -v xmllint >/dev/null || xmllint --noout s.svg
grep -c '<svg' s.svg
grep -oE 'garbage in both|url\(#hatch\)|flights / delay / encoded \(column\)|sealed columns' s.svg | sort -u
run stoa trace s.stoa --compare before.json --format svg | grep -oE '>grew<|>shrank<'
# what is wrong is said
run stoa trace
run stoa trace s.stoa --by colour
run stoa trace s.stoa --top 0
run stoa trace nothing.stoa
echo '{"format": "stoa trace", "root": {"name": "x", "children": [{}]}}' >bad.json
run stoa trace bad.json
echo '{"format": "stoa trace"' >bad.json
run stoa trace bad.json
