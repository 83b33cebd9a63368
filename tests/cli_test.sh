#!/bin/bash
# SPDX-License-Identifier: MIT
#
# cli_test.sh - the command's words: tests/cli/NAME.sh runs it, tests/cli/NAME.out is what it prints
#
#     tests/cli_test.sh [--accept] [NAME...]       from the build directory
#
# A case runs in an empty directory, in a UTF-8 locale, with $data naming examples/data. There `run COMMAND...`
# prints the command, its output and errors as they come, and its exit code unless that is 0. --accept
# rewrites the .out files; read the difference before it is committed.
set -euo pipefail

: "${top_builddir:=$PWD}"
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
export data=$top_srcdir/examples/data
export PATH=$top_builddir:$PATH LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1

accept=
if [ "${1-}" = --accept ]; then
	accept=1
	shift
fi
cases=("$@")
if [ ${#cases[@]} -eq 0 ]; then
	for f in "$top_srcdir"/tests/cli/*.sh; do
		cases+=("$(basename "$f" .sh)")
	done
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT

prelude=$(cat <<'END'
run() {
	local word code=0
	printf "$"
	for word; do
		word=${word//"$data"/data}
		case $word in
		*[!-a-zA-Z0-9_./=,:]* | "") printf " '%s'" "${word//\'/\'\\\'\'}" ;;
		*) printf " %s" "$word" ;;
		esac
	done
	printf "\n"
	"$@" || code=$?
	[ $code -eq 0 ] || echo "[exit $code]"
}
END
)

failed=0
for name in "${cases[@]}"; do
	# A container may have no pseudo-terminals.
	if [ "$name" = terminal ] && ! script -qec true /dev/null </dev/null >/dev/null 2>&1; then
		echo "skipped terminal: there is none to be had"
		continue
	fi
	if [ "$name" = plot ] && ! command -v gnuplot >/dev/null; then
		echo "skipped plot: no gnuplot is installed"
		continue
	fi
	expected=$top_srcdir/tests/cli/$name.out
	mkdir "$work/$name"
	# Times and speeds are not the same twice, and the tree may be anywhere.
	(cd "$work/$name" && bash -c "$prelude"$'\n. "$1"' case "$top_srcdir/tests/cli/$name.sh" 2>&1 </dev/null || true) |
		sed -E "s|$data|data|g; s/in [0-9]+\.[0-9]+ s( \([0-9]+ MB\/s\))?/in a moment/" >"$work/$name.out"
	if [ -n "$accept" ]; then
		cp "$work/$name.out" "$expected"
		echo "accepted $name"
	elif diff -u "$expected" "$work/$name.out"; then
		echo "ok $name"
	else
		echo "not ok $name"
		failed=$((failed + 1))
	fi
done
[ "$failed" -eq 0 ] || { echo "$failed of ${#cases[@]} cases failed"; exit 1; }
echo "${#cases[@]} cases passed"
