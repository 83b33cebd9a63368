#!/bin/bash
# SPDX-License-Identifier: MIT
#
# examples_test.sh - every example runs and says what it should; scaled down
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
examples=$top_builddir/examples

expect() {
	grep -qE "$1" "$work/out" && return
	echo "expected in the output of $2: $1"
	cat "$work/out"
	exit 1
}

"$examples/records" >"$work/out"
expect "^  1  Emma +Jane Austen +1815  lent to Ada$" records
expect "^A book without a title: STOA_ENULL, .*title" records
"$examples/records" "$work/books.stoa" >"$work/out"
"$examples/records" "$work/books.stoa" >"$work/out"
expect "^  6  The Waves" "records, the second time"

"$examples/append" 300000 >"$work/out"
expect "^300000 readings appended" append
cat "$work/out"
"$examples/append" 100000 "$work/readings.stoa" >"$work/out"
expect "^100000 readings appended" "append, on disk"

"$examples/arrow" "$work/numbers.arrow" >"$work/out"
expect "^100000 rows in 6 arrays, 2500025000.0 in all$" arrow
expect "^100000 rows in a table of their own$" arrow
"$top_builddir/stoa" query "SELECT count(*) FROM '$work/numbers.arrow' WHERE word = 'word 7'" -f csv >"$work/out"
expect "^10000$" "arrow, on disk"

"$examples/scan" 1000000 "$work/scan.stoa" >"$work/out"
expect "^1000000 rides, " scan
cat "$work/out"
heap=$(sed -nE 's/^heap while scanning: ([0-9]+) MB.*/\1/p' "$work/out")
# A sanitizer's own memory is not the example's.
if [ -z "${STOA_SANITIZER-}" ] && [ "$heap" -gt 64 ]; then
	echo "the heap grew to $heap MB"
	exit 1
fi

# Killed at any time, and started again: each page is stored once.
for pause in 0.02 0.05 0.1 0.15; do
	timeout -s KILL $pause "$examples/crawl" "$work/crawl.stoa" 1000 4 >/dev/null || true
done
"$examples/crawl" "$work/crawl.stoa" 1000 4 >"$work/out"
expect "^1000 pages stored, 1000 different ones$" crawl
cat "$work/out"
