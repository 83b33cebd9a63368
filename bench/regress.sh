#!/bin/bash
# SPDX-License-Identifier: MIT
#
# regress.sh - compares the instructions of fixed workloads with those written down
#
#     regress.sh PROGRAM BASELINE [--accept]
#
# PROGRAM is stoa-regress. BASELINE says what its counts depend on in its first line and then
# WORKLOAD COUNT a line. A count that is TOLERANCE percent above is a failure; one as far below is
# worth accepting, and said so. --accept writes BASELINE anew. Counts of another compiler or C
# library mean nothing here: then, and without valgrind, it says "skipped" and why. Exit codes: 0
# fine or skipped, 1 more instructions, 2 a workload failed.
#
# What would make counts differ between machines is fixed: stoa's and the C library's choices among
# vector code, and the C library's thresholds, which follow the caches.
set -euo pipefail

tolerance=${TOLERANCE:-3}
program=$(realpath "$1")
baseline=$2
accept=${3:-}

export STOA_CPU=scalar
tunables=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-ERMS,-FSRM
tunables+=:glibc.cpu.x86_non_temporal_threshold=3145728:glibc.cpu.x86_rep_movsb_threshold=2048

skip() {
	echo "regress: skipped: $*"
	exit 0
}

command -v valgrind >/dev/null || skip "valgrind is not installed"
about="$("$program" --about)${REGRESS_FLAGS:+, $REGRESS_FLAGS}"
if [ -z "$accept" ]; then
	[ -f "$baseline" ] || skip "there is no baseline yet; make regress-accept writes one"
	theirs=$(sed -n '1s/^# //p' "$baseline")
	[ "$theirs" = "$about" ] || skip "the baseline is of $theirs; this is $about"
fi

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# The instructions of a workload, collected between its toggles.
count() {
	rm -rf "$dir"/regress.*
	(cd "$dir" && GLIBC_TUNABLES=$tunables valgrind --tool=callgrind --collect-atstart=no \
		--callgrind-out-file=/dev/null "$program" "$1") 2>"$dir/log" ||
		{ cat "$dir/log" >&2; return 2; }
	sed -n 's/^==[0-9]*== Collected : //p' "$dir/log"
}

status=0
new="# $about"$'\n'
printf '%-8s %14s %14s\n' workload instructions baseline
for name in $("$program" --list); do
	n=$(count "$name") || exit 2
	new+="$name $n"$'\n'
	old=0
	[ ! -f "$baseline" ] || old=$(awk -v name="$name" '$1 == name { print $2 }' "$baseline")
	verdict=$(awk -v n="$n" -v old="${old:-0}" -v tolerance="$tolerance" 'BEGIN {
		if (old == 0) { print "new"; exit }
		change = 100 * (n - old) / old
		printf "%+.2f%%", change
		if (change > tolerance) printf "  MORE"
		if (change < -tolerance) printf "  fewer: worth accepting"
	}')
	printf '%-8s %14d %14d  %s\n' "$name" "$n" "${old:-0}" "$verdict"
	[[ $verdict != *MORE ]] || status=1
done

if [ -n "$accept" ]; then
	printf %s "$new" >"$baseline"
	echo "regress: written to ${baseline##*/}"
	exit 0
fi
[ $status -ne 0 ] || echo "regress: no workload takes more than $tolerance% above the baseline"
[ $status -eq 0 ] || echo "regress: more than $tolerance% above the baseline; make regress-accept, if that is right"
exit $status
