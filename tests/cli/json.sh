# JSON in: types by widening, nested values as text, errors with their place; packed files by content
cat >a.jsonl <<'JSON'
{"id": 1, "name": "tea", "price": 2.50, "at": "2026-01-31 13:45:00", "tags": ["hot", {"x": 1e5}], "ok": true}
{"id": 2, "name": "caf\u00e9 \"x\"", "price": 3.25, "at": null, "ok": false, "code": "007"}

{"id": 3000000000, "price": -0.05, "more": {}, "NAME": "any case", "code": 8}
JSON
run stoa import j.stoa a.jsonl
run stoa schema j.stoa
run stoa query j.stoa 'SELECT * FROM a' -f jsonl
run stoa query j.stoa 'SELECT id, tags, code FROM a'
# an array of objects, and objects after it; other endings, packed, through a pipe
printf '[{"x":1},{"x":null}]\n{"x":2.5}' >b.json
run stoa import j.stoa b.json
run stoa query j.stoa 'SELECT * FROM b' -f csv
gzip -c a.jsonl >c.jsonl.gz
cat a.jsonl a.jsonl | zstd -q >d.jsonl.zst
run stoa import j.stoa c.jsonl.gz d.jsonl.zst
run stoa query j.stoa 'SELECT count(*) FROM d' -f csv
stoa import j.stoa - -t piped -f jsonl <a.jsonl
(gzip -c "$data/airports.csv"; gzip -c "$data/airports.csv" | tail -c +1) | stoa import j.stoa - -t airports --no-header
zstd -qc "$data/flights.csv" >flights.csv.zst
run stoa import j.stoa flights.csv.zst
# what export writes comes back
stoa export j.stoa flights -f json -o flights.json
run stoa import k.stoa flights.json
stoa export j.stoa flights -o 1.csv
stoa export k.stoa flights -o 2.csv
cmp 1.csv 2.csv && echo the same
printf 'a,b\n,1\n"",2\n' | stoa import k.stoa - -t nulls -q
stoa export k.stoa nulls -f json -o nulls.json
run stoa import k.stoa nulls.json -t nulls2 -q
run stoa export k.stoa nulls2 -f json
# every type, into slots that are there
run stoa create t.stoa -t v -s 'b bool, i i8, u u64, f f32, d decimal(9,2), day date, t time, at timestamp, id uuid, s string, x blob, z i32 default 7'
cat >v.json <<'JSON'
[{"b":true,"i":-128,"u":18446744073709551615,"f":0.5,"d":19.99,"day":"2000-02-29","t":"13:45:00.5","at":"2026-01-31 13:45:00","id":"00112233-4455-6677-8899-aabbccddeeff","s":"tea","x":"\\x00fF"},
{"f":"NaN","z":null,"x":"\\x"}]
JSON
run stoa import t.stoa v.json -q
run stoa export t.stoa v -f json
# what is wrong, and where; nothing is left behind
try() {
	printf '%s' "$1" >bad.json
	echo "$1"
	run stoa import t.stoa bad.json -t "${2:-bad}"
}
try '{"i": 1}
{"i": 300}' v
try '{"i": "x"}' v
try '{"nope": 1}' v
try '{"x": "00"}' v
try '{"a": 1, "a": 2}'
try '[1]'
try '{"a": 1'
try '{"a": tru}'
try '{"a": 1} x'
try '[]'
try '{"": 1}'
printf '{"a": "\377"}' >bad.json
run stoa import t.stoa bad.json
head -c 100 c.jsonl.gz >cut.json.gz
run stoa import t.stoa cut.json.gz
head -c 100 flights.csv.zst >cut.csv.zst
run stoa import t.stoa cut.csv.zst
run stoa tables t.stoa

# What is small and fills a disk.
yes 1 | head -c 100000000 | zstd -qc >bomb.csv.zst
run stoa import new.stoa bomb.csv.zst
yes 1 | head -c 60000000 | zstd -qc >small.csv.zst
stoa import j.stoa small.csv.zst --no-header -t ones >/dev/null && run stoa query j.stoa "SELECT count(*) FROM ones"
