# files that the command makes: with the user's mask, and never where somebody's link leads
run stoa create d.stoa -t t -s 'i i64'
run stoa query d.stoa "INSERT INTO t VALUES (1), (2)"
echo mine >victim
for mask in 077 022; do
	umask $mask
	ln -s victim t.csv.part
	ln -s victim d.sql.part
	run stoa export d.stoa t -o t.csv
	run stoa dump d.stoa -o d.sql
	cat victim
	run stat -c '%a %F %n' t.csv d.sql
	run find . -name '*.part'
	rm t.csv d.sql
done
# nor is what an export that was killed has left behind in the way of the next
echo half >t.csv.part
run stoa export d.stoa t -o t.csv
run find . -name '*.part'
# a pipe is written to as it is
run stoa export d.stoa t -o /dev/stdout
