# damage is found, named and never fatal
run stoa import d.stoa "$data/flights.csv" -q
run stoa check d.stoa
for f in catalog.mdb segments/00000001.seg; do
	[ -f d.stoa/$f ] || continue
	cp -r d.stoa bad.stoa
	size=$(stat -c %s bad.stoa/$f)
	printf '\377' | dd of=bad.stoa/$f bs=1 seek=$((size / 2 + 3)) conv=notrunc status=none
	stoa check bad.stoa >/dev/null 2>&1
	echo "$f with a changed byte: check says $?"
	truncate -s $((size / 2)) bad.stoa/$f
	stoa check bad.stoa >/dev/null 2>&1
	echo "half of $f: check says $?"
	stoa query bad.stoa 'SELECT sum(delay) FROM flights' >/dev/null 2>&1
	echo "half of $f: query says $?"
	rm -rf bad.stoa
done
echo "what is left:"
run stoa import d.stoa "$data/airports.csv" -q
cp -r d.stoa bad.stoa
printf '\377' | dd of=bad.stoa/segments/00000001.seg bs=1 seek=5000 conv=notrunc status=none
run stoa recover bad.stoa saved.stoa
run stoa check saved.stoa
run stoa recover bad.stoa saved.stoa
rm bad.stoa/catalog.mdb
run stoa recover bad.stoa more.stoa
run stoa query more.stoa 'SELECT slot_0, slot_1 FROM recovered_1 LIMIT 2' -f csv
run stoa recover d.stoa whole.stoa
