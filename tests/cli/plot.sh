# plots: text, PNG and SVG by gnuplot; what cannot be plotted says why; labels are no commands
printf 'name,n,at\ntea,3,2026-01-01\n"END",5,2026-01-02\n"`touch stolen` \\ ""q"" {/Bold x}",-1,2026-01-03\n,2,2026-01-04\n' >t.csv
stoa import p.stoa t.csv -q
stoa plot p.stoa 'SELECT name, n FROM t' | grep -c 'tea'
stoa plot p.stoa 'SELECT at, n FROM t' -t "it's a plot" | grep -o "it's a plot"
stoa plot p.stoa 'SELECT n FROM t' | grep -o '^rows\|n *$' | tr -d ' '
run stoa plot p.stoa 'SELECT name, n FROM t' -o bar.png
run stoa plot p.stoa 'SELECT at, n, n + 1 AS more FROM t' -o line.svg
run stoa plot p.stoa 'SELECT n, n * n FROM t' -k scatter -o scatter.png
head -c 4 bar.png | tail -c 3
echo
grep -c '<svg' line.svg
ls
run stoa plot p.stoa 'SELECT name, n FROM t' -o bar.pdf
run stoa plot p.stoa 'SELECT name, n FROM t' -k pie
run stoa plot p.stoa 'SELECT name, n FROM t' -k line
run stoa plot p.stoa 'SELECT n FROM t' -k bar
run stoa plot p.stoa 'SELECT n, name FROM t'
run stoa plot p.stoa 'SELECT n FROM t WHERE false'
run stoa plot p.stoa 'SELECT nope FROM t'
printf '.plot line.png SELECT at, n FROM t\n.plot bar SELECT '"'it''s', n FROM t"';\n.plot histogram\n' | stoa p.stoa | grep -o "it's"
