# the demo's data in, questions answered
run stoa import air.stoa "$data/flights.csv" "$data/airports.csv"
run stoa tables air.stoa
run stoa schema air.stoa
run stoa schema air.stoa airports
run stoa query air.stoa 'SELECT count(*) FROM flights'
run stoa query air.stoa 'SELECT origin, count(*) AS flights, avg(delay) AS mean_delay
	FROM flights GROUP BY origin ORDER BY flights DESC, origin LIMIT 5'
run stoa query air.stoa "SELECT departure, origin, destination, delay FROM flights
	WHERE delay > 240 ORDER BY delay DESC LIMIT 5" --format csv
run stoa query air.stoa "SELECT iata, name, city FROM airports WHERE state = 'HI'" -f jsonl
run stoa query air.stoa "SELECT name, latitude FROM airports WHERE iata = 'SFO'" -f markdown
echo 'SELECT min(departure), max(departure) FROM flights' >q.sql
run stoa query air.stoa - <q.sql
run stoa check air.stoa
# out and in again: the same rows
run stoa export air.stoa flights -o out.csv
run stoa import again.stoa out.csv -t flights -q
run stoa export again.stoa flights -o again.csv
run cmp out.csv again.csv
run ls
