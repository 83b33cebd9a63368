# on a terminal, tables are cut to its width and to 1000 rows; a value cannot move the cursor
terminal() {
	echo "$ $2        on a terminal of $1 columns"
	script -qec "stty cols $1; $2" /dev/null </dev/null | tr -d '\r'
}
run stoa import air.stoa "$data/flights.csv" "$data/airports.csv" -q
terminal 80 "stoa query air.stoa 'SELECT * FROM airports LIMIT 3'"
terminal 30 "stoa query air.stoa 'SELECT * FROM airports LIMIT 1'"
terminal 120 "stoa query air.stoa 'SELECT * FROM airports LIMIT 3'"
terminal 40 "stoa query air.stoa 'SELECT origin, delay FROM flights' | tail -n 3"
terminal 40 "stoa query air.stoa 'SELECT origin, delay FROM flights' > all; tail -n 1 all"
terminal 40 "stoa query air.stoa 'SELECT delay FROM flights' --max-rows 2"
printf 's\n"\033[2Jgone"\n' >evil.csv
run stoa import evil.stoa evil.csv -q
terminal 40 "stoa query evil.stoa 'SELECT s FROM evil'"
# a command that ends early ends the query
stoa query air.stoa 'SELECT delay FROM flights' -f csv | head -n 1
