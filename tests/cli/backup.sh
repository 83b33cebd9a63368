# backups: the first copies everything, the next what is new
run stoa import d.stoa "$data/flights.csv" -q
# Sizes are those of this version's encodings.
backup() {
	stoa backup "$@" | sed 's/, [0-9]* of [0-9]* bytes$//'
}
run backup d.stoa copy.stoa
run stoa import d.stoa "$data/airports.csv" -q
run backup --verify d.stoa copy.stoa
run stoa check copy.stoa
run stoa query copy.stoa 'SELECT count(*) FROM airports' -f csv
ls -d copy*
echo "and back:"
rm -r d.stoa
run stoa restore d.stoa copy.stoa
run stoa check d.stoa
run backup d.stoa copy.stoa
run stoa restore d.stoa copy.stoa
cp -r copy.stoa bad.stoa
printf x | dd of=bad.stoa/segments/00000001.seg bs=1 seek=100 conv=notrunc status=none
run stoa restore e.stoa bad.stoa
ls -d e.stoa*
echo "what is refused:"
run stoa backup d.stoa d.stoa
run stoa create other.stoa
run stoa backup d.stoa other.stoa
run stoa backup d.stoa
mkdir full && touch full/file
run stoa backup d.stoa full
run stoa backup missing.stoa copy2.stoa
