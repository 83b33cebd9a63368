#!/bin/bash
# SPDX-License-Identifier: MIT
#
# readme_test.sh - what README.md shows is what happens
#
#     tests/readme_test.sh [--accept]       from the build directory
#
# In its ```console blocks "$ " begins a command, "> " goes on with it, and the lines below are its output. A
# code block after <!-- file: NAME --> is written to that file first. `cc` finds the header and the
# library of this build. --accept rewrites the outputs.
set -euo pipefail

: "${top_builddir:=$PWD}"
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${CC:=cc}"
readme=$top_srcdir/README.md
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/examples"
cp -r "$top_srcdir/examples/data" "$work/examples/data"
chmod -R u+w "$work"
export PATH=$top_builddir:$PATH LC_ALL=C.UTF-8

cc() {
	# shellcheck disable=SC2086
	command $CC ${STOA_SANITIZER:+-fsanitize=$STOA_SANITIZER} -I"$top_srcdir/lib" -L"$top_builddir/.libs" \
		-Wl,-rpath,"$top_builddir/.libs" "$@"
}

# Times and sizes are not the same twice.
steady() {
	sed -E 's/in [0-9]+\.[0-9]+ s( \([0-9]+ MB\/s\))?/in 0.01 s (12 MB\/s)/'
}

run_command() {
	(cd "$work" && eval "$1" 2>&1 </dev/null) | steady || true
}

mode=text file= command=
shown=$work/README.md
: >"$shown"

finish_command() {
	[ -z "$command" ] && return
	run_command "$command" >>"$shown"
	command=
}

while IFS= read -r line; do
	case $mode:$line in
	'text:<!-- file: '*)
		file=${line#<!-- file: }
		file=${file% -->}
		;;
	'text:```console') mode=console ;;
	'text:```'*) mode=code; [ -n "$file" ] && : >"$work/$file" ;;
	'code:```') mode=text file= ;;
	code:*) if [ -n "$file" ]; then printf '%s\n' "$line" >>"$work/$file"; fi ;;
	'console:```') finish_command; mode=text ;;
	'console:$ '*) finish_command; command=${line#\$ } ;;
	'console:> '*) command+=$'\n'${line#> } ;;
	console:*) continue ;;		# output: what comes now takes its place
	esac
	printf '%s\n' "$line" >>"$shown"
done <"$readme"

if [ "${1-}" = --accept ]; then
	cp "$shown" "$readme"
elif ! diff -u <(steady <"$readme") "$shown"; then
	echo "README.md shows other output (-) than the commands give (+); see tests/readme_test.sh"
	exit 1
else
	echo "README.md shows what happens: $(grep -c '^\$ ' "$readme") commands"
fi
