# what goes wrong is said in one line, with its place and the right exit code
run stoa drop a b
run stoa
run stoa frobnicate
run stoa query
run stoa query x.stoa 'SELECT 1'
run stoa query x.stoa 'SELECT 1' --format xml
run stoa import x.stoa
run stoa import x.stoa missing.csv
run ls
run stoa create x.stoa
run stoa create x.stoa
run stoa create x.stoa -t t
run stoa create x.stoa -t t -s 'a i32 not nul'
run stoa create x.stoa -t t -s 'a int'
run stoa create x.stoa -t t -s 'a decimal(19,2)'
run stoa create x.stoa -t t -s 'a i8 default 300'
run stoa create x.stoa -t t -s 'a i8 not null, s string'
run stoa create x.stoa -t T -s 'a i8'
printf 'a,s\n1,one\n2,"two"\nthree,3\n' >bad.csv
run stoa import x.stoa bad.csv -t t
printf 'a,s\n1,one\n,two\n' >null.csv
run stoa import x.stoa null.csv -t t
printf 'a,s\n1,"one\n' >open.csv
run stoa import x.stoa open.csv -t t
printf 'a,z\n1,one\n' >other.csv
run stoa import x.stoa other.csv -t t
printf 'a,s\n1,one\n' >good.csv
run stoa import x.stoa good.csv bad.csv -t t
run stoa query x.stoa 'SELECT count(*) FROM t'
run stoa query x.stoa 'SELECT a FROM nowhere'
run stoa query x.stoa 'SELECT b FROM t'
run stoa query x.stoa 'SELECT a
	FROM t
	WHERE s = = 1'
run stoa query x.stoa "SELECT 'é東' || a FROM t WHERE"
run stoa export x.stoa nowhere
run stoa export x.stoa t -o no/such/dir.csv
run stoa import x.stoa good.csv -t t -q
run stoa query x.stoa 'SELECT a / (a - 1) FROM t'
run stoa query x.stoa 'SELECT a / (a - 1) FROM t' -f csv
run stoa freeze x.stoa t
run stoa import x.stoa good.csv -t t -q
run stoa tables x.stoa
run stoa drop x.stoa t
run stoa drop x.stoa t
run stoa tables x.stoa
# what would have helped is said
run stoa query x.stoa
run stoa query nowhere.stoa
run stoa help --help
printf 'a;b\n1;\351t\351\n' >latin.csv
run stoa import y.stoa latin.csv
run stoa import y.stoa latin.csv --encoding latin1 -q
printf 'a,b\n1,2\n3,4,5\n' >ragged.csv
run stoa import y.stoa ragged.csv
run stoa import y.stoa ragged.csv --rejects bad.csv -q
# Ctrl-C ends an import that waits for its input
mkfifo never
sleep 60 >never &
timeout -k 20 -s INT 1 stoa import z.stoa - -t t <never 2>/dev/null || echo "[exit $?]"
kill $!
