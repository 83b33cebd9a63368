# Arrow files and streams, out and in: by content, compressed, through a pipe, as tables in SQL
cat >t.csv <<'CSV'
yes,n,big,price,day,clock,moment,id,word
true,1,9000000000,12.50,2024-02-29,12:34:56.789,2024-02-29 23:59:59.000001,00112233-4455-6677-8899-aabbccddeeff,red
false,-2,-1,0.01,1969-12-31,00:00:00,1969-12-31 23:59:59,ffffffff-ffff-ffff-ffff-ffffffffffff,blue
,,,,,,,,
true,300,5,-7.25,2000-01-01,23:59:59.999999,2000-01-01 00:00:00,00000000-0000-0000-0000-000000000001,red
CSV
stoa import a.stoa t.csv -q
for format in arrow arrows; do
	for how in none zstd; do
		stoa export a.stoa t -f $format --compress $how -o t.bin
		stoa import a.stoa t.bin --table "${format}_$how" -q
		stoa export a.stoa "${format}_$how" | cmp - <(stoa export a.stoa t) && echo "$format $how: the same"
	done
done
run stoa schema a.stoa arrow_zstd
# the first bytes tell, not the name; columns that are not asked for are not read
stoa export a.stoa t -f arrow -o data.csv
run stoa query "SELECT word, count(*), sum(price) FROM 'data.csv' GROUP BY word ORDER BY 1" -f csv
run stoa query "SELECT count(*) FROM read_arrow('data.csv')" -f csv
run stoa query "SELECT a.n FROM 'data.csv' a JOIN 'data.csv' b ON a.n = b.n WHERE a.price > 0" -f csv
# through pipes, packed, and by name into a table with slots of other types
stoa export a.stoa t -f arrows | stoa import a.stoa - --table piped
stoa export a.stoa t -f arrows | gzip | stoa import a.stoa - --table packed
stoa query a.stoa 'CREATE TABLE narrow (big i16, word text, n i64 NOT NULL DEFAULT 7)'
stoa export a.stoa 'SELECT word, n AS big FROM t WHERE n > 0' -f arrows -o narrow.arrows
run stoa import a.stoa narrow.arrows
run stoa query a.stoa 'SELECT * FROM narrow' -f csv
run stoa import a.stoa t.bin --table narrow
stoa export a.stoa 'SELECT n FROM t' -f arrow -o n.arrow
run stoa import a.stoa n.arrow --table twice --unique n --on-conflict ignore
run stoa import a.stoa n.arrow --table twice --unique n --on-conflict ignore
run stoa query a.stoa 'SELECT count(*) FROM twice WHERE n IS NOT NULL' -f csv
# what is no whole file
head -c 700 data.csv >short.arrow
run stoa import a.stoa short.arrow
run stoa query "SELECT * FROM 'short.arrow'"
run stoa query "SELECT * FROM read_arrow('t.csv')"
run stoa query "SELECT * FROM read_arrow('none.arrow')"
run stoa export a.stoa t -f arrow --compress brotli
