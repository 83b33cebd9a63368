# CSV as it comes: bad records told and left out, other encodings, other quotes, codes that stay codes
printf 'id,name\n1,a\n2\nx,"b"c\n3,d,e\n4,f\n' >dirty.csv
run stoa import d.stoa dirty.csv
# what was made for it is gone again; what was there is not
run ls
mkdir kept.stoa
stoa import kept.stoa dirty.csv 2>/dev/null || ls -d kept.stoa
run stoa import d.stoa dirty.csv --rejects bad.csv
run cat bad.csv
# the rejects are CSV again
run stoa import r.stoa bad.csv -t rejects
run stoa query r.stoa 'SELECT line, record FROM rejects' -f csv
run stoa query d.stoa 'SELECT * FROM dirty' -f csv
run stoa import d.stoa dirty.csv --rejects bad.csv --max-rejects 2
run stoa import d.stoa dirty.csv --rejects no/where.csv
printf 'id,name\n1\n2,b,,\n3,c\n' >short.csv
run stoa import d.stoa short.csv
run stoa import d.stoa short.csv --ragged fill
run stoa export d.stoa short -f jsonl
run stoa import d.stoa short.csv --ragged maybe
# encodings
printf 'name,n\ncaf\303\251,1\n\360\237\215\265,2\n' >utf8.csv
iconv -f UTF-8 -t UTF-16 utf8.csv >utf16.csv
(printf '\377\376'; iconv -f UTF-8 -t UTF-16LE utf8.csv) >utf16le.csv
(printf '\376\377'; iconv -f UTF-8 -t UTF-16BE utf8.csv) | gzip >utf16be.csv.gz
(printf '\357\273\277'; cat utf8.csv) >bom.csv
printf 'name,n\ncaf\351,1\n' >latin1.csv
run stoa import e.stoa utf8.csv utf16.csv utf16le.csv utf16be.csv.gz bom.csv
for t in utf16 utf16le utf16be bom; do
	stoa export e.stoa $t | cmp - utf8.csv && echo $t is the same
done
run stoa import e.stoa latin1.csv
run stoa import e.stoa latin1.csv --encoding latin1
run stoa query e.stoa 'SELECT * FROM latin1' -f csv
run stoa import e.stoa latin1.csv --encoding klingon
printf '\377\376a' >odd.csv
run stoa import e.stoa odd.csv
# quotes, delimiters, codes
printf "zip;city;note\n01067;'Dresden; Saxony';'it''s'\n10115;Berlin;-\n" >plz.csv
run stoa import q.stoa plz.csv
run stoa schema q.stoa
run stoa query q.stoa 'SELECT * FROM plz' -f csv
printf 'a|b\n~x|y~|1\n' | stoa import q.stoa - -t tilde --quote '~' -q
run stoa query q.stoa 'SELECT * FROM tilde' -f csv
printf 'a\tb\n1,5\t2\n' | stoa import q.stoa - -t tabs -f tsv -q
run stoa query q.stoa 'SELECT * FROM tabs' -f tsv
