# all of a database as text, and back; compressed; a script through standard input
cat >types.csv <<'CSV'
b,i,u,f,d,day,t,at,id,s
true,-128,0,0.1,19.99,2000-02-29,13:45:00.5,2026-01-31 13:45:00,00112233-4455-6677-8899-aabbccddeeff,"it's; -- two
lines /*"
,,,NaN,,,,,,
CSV
run stoa create d.stoa -t 'a "b"' -s 'b bool, i i8, u u64, f f64, d decimal(9,2), day date, t time, at timestamp, id uuid, s string default '\''x'\'', x blob, "select" text not null default '\''y'\'''
run stoa import d.stoa types.csv -t 'a "b"' -q
run stoa query d.stoa "CREATE TABLE b (k int NOT NULL, v string); INSERT INTO b VALUES (1, 'one'), (2, NULL); CREATE TABLE empty (i int); CREATE TABLE keyed (k int PRIMARY KEY, v string UNIQUE, w int); CREATE UNIQUE INDEX \"my own\" ON keyed (w); CREATE INDEX plain ON keyed (v, w); INSERT INTO keyed VALUES (1, 'one', 1), (2, NULL, 2)"
run stoa dump d.stoa
run stoa dump d.stoa -o d.sql.zst
run stoa restore e.stoa d.sql.zst
stoa dump d.stoa >1.sql
stoa dump e.stoa | cmp - 1.sql && echo the same
stoa restore f.stoa - <1.sql
stoa dump f.stoa | cmp - 1.sql && echo the same
run stoa restore e.stoa 1.sql
head -n 16 1.sql >cut.sql
run stoa restore g.stoa cut.sql
run stoa tables g.stoa -f csv
printf '.output stolen\n' >evil.sql
run stoa restore h.stoa evil.sql
# without a terminal the shell reads a script, to the first error
printf '.mode csv\nSELECT 1 AS one;\nSELECT s\n  FROM nowhere;\nSELECT 2;\n' | stoa e.stoa
echo "[exit $?]"
printf 'CREATE TABLE t (i int);\nINSERT INTO t VALUES (1)\n' | stoa e.stoa
printf 'BEGIN; DELETE FROM t;' | stoa e.stoa
echo "[exit $?]"
printf '.mode csv\nSELECT count(*) FROM t;.tables\n' | stoa e.stoa
printf '.read 1\n.import nowhere.csv\n' | stoa e.stoa
run stoa nowhere.stoa
