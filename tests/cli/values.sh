# every type, NULL and awkward text, in every format
cat >values.csv <<'CSV'
b,i,u,f,d,day,t,at,id,s,long
true,-128,0,0.1,19.99,2000-02-29,13:45:00.5,2026-01-31 13:45:00,00112233-4455-6677-8899-aabbccddeeff,tea,"two
lines"
false,127,18446744073709551615,-1e300,-0.01,1969-12-31,00:00:00,1969-12-31 23:59:59.999999,ffffffff-ffff-ffff-ffff-ffffffffffff,"with, ""comma""",naïve 東京 | pipe
,,,,,,,,,,
true,0,1,NaN,0.00,0001-01-01,23:59:59,0001-01-01 00:00:00,00000000-0000-0000-0000-000000000000,"",NULL
CSV
run stoa create v.stoa -t v -s 'b bool, i i8, u u64, f f64, d decimal(9,2), day date, t time,
	at timestamp, id uuid, s string default '\''none'\'', "long" text'
run stoa import v.stoa values.csv -t v -q
run stoa schema v.stoa
run stoa query v.stoa 'SELECT * FROM v'
run env LC_ALL=C stoa query v.stoa 'SELECT s, long FROM v'
run stoa query v.stoa 'SELECT * FROM v' -f csv
run stoa query v.stoa 'SELECT * FROM v' -f jsonl
run stoa query v.stoa 'SELECT b, i, f, d, s, long FROM v' -f markdown
run stoa query v.stoa 'SELECT s FROM v WHERE false'
run stoa query v.stoa 'SELECT s FROM v WHERE false' -f csv
run stoa query v.stoa 'SELECT i FROM v' -f csv --no-header
run stoa query v.stoa 'SELECT i FROM v' --max-rows 2
run stoa query v.stoa 'SELECT b, i, f, d, s, long FROM v' -f tsv --null '\N'
run stoa query v.stoa 'SELECT s, d FROM v' -f csv --null NULL -d '|'
run stoa query v.stoa 'SELECT s, d FROM v' -f csv --null tea -d .
run stoa query v.stoa 'SELECT * FROM v' -f json
run stoa query v.stoa 'SELECT s FROM v WHERE false' -f json
run stoa query v.stoa 'SELECT * FROM v LIMIT 3' -f vertical
run stoa query v.stoa 'SELECT s, d, long FROM v' -f html
run stoa export v.stoa v -f insert
run stoa export v.stoa 'SELECT s AS "a b", i FROM v LIMIT 1' -f insert -t 'x y'
run stoa query v.stoa 'SELECT s FROM v WHERE false' -f insert
# what export wrote, import reads back, whatever says NULL
for null in '' NULL '\N' tea; do
	stoa export v.stoa v --null "$null" -o back.csv
	rm -rf back.stoa
	stoa create back.stoa -t back -s "$(stoa schema v.stoa | sed '1d;$d')"
	stoa import back.stoa back.csv -q --null "$null"
	stoa export back.stoa back --null "$null" | cmp - back.csv && echo "NULL as '$null' comes back"
done
