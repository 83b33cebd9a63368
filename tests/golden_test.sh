#!/bin/bash
# SPDX-License-Identifier: MIT
#
# golden_test.sh - a database of each released format opens, is sound, shows what it showed, and can be written to
#
# tests/golden/make.sh says how they were made, and what is in them. One without a .out beside it is of a format that
# was never released: it is refused, by name, and left as it is.
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
export PATH=$top_builddir:$PATH LC_ALL=C.UTF-8 TZ=UTC
golden=$top_srcdir/tests/golden
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

# A copy that may be written to, in $db. Neither tarballs nor git keep empty folders.
take() {
	db=$work/$1
	cp -r "$golden/$1" "$db"
	mkdir -p "$db/log" "$db/segments"
	chmod -R u+w "$db"
}

expect_open() {
	take "$1"
	stoa check -q "$db"
	bash "$golden/look.sh" "$db" | diff -u "$golden/$1.out" -
	stoa query "$db" "INSERT INTO city (code, name) VALUES ('last', 'one more')" >/dev/null
	stoa check -q "$db"
}

# By name, by whatever wants to read it or write to it; and it stays as it was.
expect_refused() {
	local number=${1#format-} command
	take "$1"
	for command in "tables DB" "query DB 'SELECT 1 FROM city'" "query DB 'DELETE FROM city'" "check DB" "gc DB" \
		"backup DB $work/copy" "dump DB" "export DB city" "recover DB $work/saved"; do
		if eval "stoa ${command/DB/\"\$db\"}" >"$work/out" 2>&1; then
			echo "stoa $command: a database of format $number is taken for another"
			exit 1
		fi
		grep -q "has format $number " "$work/out" || {
			echo "stoa $command does not name format $number: $(cat "$work/out")"
			exit 1
		}
	done
	[ ! -e "$work/copy" ] && [ ! -e "$work/saved" ]
	rm -r "$work/out"
	diff -r "$golden/$1" "$db" | { ! grep -v "^Only in $db: \(log\|segments\)$"; }
}

opened=0
refused=0
for path in "$golden"/format-*/; do
	name=$(basename "$path")
	if [ -e "$golden/$name.out" ]; then
		expect_open "$name"
		opened=$((opened + 1))
	else
		expect_refused "$name"
		refused=$((refused + 1))
	fi
done
[ $opened -gt 0 ]
echo "$opened formats opened, $refused refused"
