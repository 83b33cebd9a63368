#!/bin/bash
# SPDX-License-Identifier: MIT
#
# damage_test.sh - one changed byte anywhere: check finds it, and no command crashes or lies over it
#
# Some bytes of each file, chosen by $STOA_SEED; every byte in `make check-long`, which takes minutes.
# catalog.sum and lock hold no data; a byte of theirs may be found or not, but must do no harm.
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
export PATH=$top_builddir:$PATH LC_ALL=C.UTF-8
cd "$work"

RANDOM=${STOA_SEED:=$RANDOM}
echo "STOA_SEED=$STOA_SEED"
samples=60
[ -n "${STOA_SANITIZER-}" ] && samples=15

{
	echo "name,price,day"
	for i in {1..300}; do
		echo "item $((i % 7)),$((i * 37 % 1000)).25,2026-01-$((i % 28 + 10))"
	done
} | sed 's/-01-\([3-9][0-9]\)/-02-1\1/; s/-02-1./-02-1/' >item.csv
stoa import db.stoa item.csv -q
stoa export db.stoa item >before.csv

tried=0
wrong=0
complain() {
	echo "$1"
	wrong=$((wrong + 1))
}

# What a command may do with a damaged database: find the damage, or give the right answer.
expect_truth() {
	local what=$1 code=0
	shift
	"$@" >out 2>err || code=$?
	case $code in
	0) cmp -s out before.csv || complain "$what: export gave a wrong answer" ;;
	3) [ -s err ] || complain "$what: export failed without a word" ;;
	*) complain "$what: export ended with $code: $(head -n 1 err)" ;;
	esac
}

change_byte() {
	local file=$1 at=$2 byte code=0
	byte=$(od -An -tu1 -j "$at" -N 1 "$file" | tr -d ' ')
	# shellcheck disable=SC2059
	printf "\\x$(printf %x $((byte ^ (1 << RANDOM % 8))))" |
		dd of="$file" bs=1 seek="$at" conv=notrunc status=none
	stoa check -q db.stoa >out 2>err || code=$?
	case $code:$file in
	3:*) ;;
	0:*/catalog.sum | 0:*/lock) ;;
	*) complain "$file, byte $at: check ended with $code" ;;
	esac
	expect_truth "$file, byte $at" stoa export db.stoa item
	# shellcheck disable=SC2059
	printf "\\x$(printf %x "$byte")" | dd of="$file" bs=1 seek="$at" conv=notrunc status=none
	tried=$((tried + 1))
}

while read -r file; do
	size=$(stat -c %s "$file")
	if [ "${STOA_LONG-}" ] || [ "$size" -le "$samples" ]; then
		for ((at = 0; at < size; at++)); do
			change_byte "$file" "$at"
		done
	else
		for ((i = 0; i < samples; i++)); do
			change_byte "$file" $(((RANDOM << 15 | RANDOM) % size))
		done
	fi
done < <(find db.stoa -type f -size +0 | sort)

# And cut short.
while read -r file; do
	cp "$file" whole
	for part in 0 1 2 3; do
		truncate -s $(($(stat -c %s whole) * part / 4)) "$file"
		expect_truth "$file cut to $part quarters" stoa export db.stoa item
		cp whole "$file"
	done
done < <(find db.stoa -type f -size +0 | sort)

stoa check -q db.stoa
expect_truth "in the end" stoa export db.stoa item
echo "$tried bytes changed, $wrong times something went wrong"
[ "$wrong" -eq 0 ]
