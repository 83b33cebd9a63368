# sets of values, and imports by key
run stoa set add s.stoa seen tea coffee tea
printf 'milk\ncoffee\n' >more.txt
run sh -c 'stoa set add s.stoa seen <more.txt'
run stoa set len s.stoa seen
run stoa set has s.stoa seen milk tea
run stoa set has s.stoa seen milk beer
run stoa set remove s.stoa seen tea beer
run stoa set list s.stoa seen
run stoa set add s.stoa new milk honey
run stoa set union s.stoa seen new
run stoa set intersect s.stoa seen new
run stoa set except s.stoa seen new
run stoa set symmetric s.stoa seen new
run stoa set except s.stoa seen
run stoa set union s.stoa seen nothing
run stoa set len s.stoa nothing
run stoa set empty s.stoa seen
run stoa create s.stoa -t n -s 'n i8'
run stoa set add s.stoa n 1
printf 'id,name\n1,a\n2,b\n1,c\n' >rows.csv
run stoa import s.stoa rows.csv --unique id -t rows -q
run stoa import s.stoa rows.csv --unique id --on-conflict ignore -t first -q
run stoa import s.stoa rows.csv --unique id --on-conflict replace -t last -q
run stoa query s.stoa 'SELECT * FROM first'
run stoa query s.stoa 'SELECT * FROM last'
run stoa import s.stoa rows.csv --on-conflict replace -t last -q
printf '{"id":2,"name":"B"}\n{"id":3,"name":"C"}\n' >rows.jsonl
run stoa import s.stoa rows.jsonl --unique id --on-conflict replace -t last -q
run stoa query s.stoa 'SELECT * FROM last ORDER BY id'
run stoa check s.stoa
