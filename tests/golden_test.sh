#!/bin/bash
# SPDX-License-Identifier: MIT
#
# golden_test.sh - a database of each released format opens, is sound, shows what it showed, and can be written to
#
# tests/golden/make.sh says how they were made, and what is in them.
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
export PATH=$top_builddir:$PATH LC_ALL=C.UTF-8 TZ=UTC
golden=$top_srcdir/tests/golden
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

n=0
for out in "$golden"/format-*.out; do
	name=$(basename "$out" .out)
	cp -r "$golden/$name" "$work/$name"
	# Neither tarballs nor git keep empty folders.
	mkdir -p "$work/$name/log" "$work/$name/segments"
	chmod -R u+w "$work/$name"
	stoa check -q "$work/$name"
	bash "$golden/look.sh" "$work/$name" | diff -u "$out" -
	stoa query "$work/$name" "INSERT INTO city (code, name) VALUES ('last', 'one more')" >/dev/null
	stoa check -q "$work/$name"
	n=$((n + 1))
done
[ $n -gt 0 ]
echo "$n formats"
