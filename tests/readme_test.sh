#!/bin/bash
# SPDX-License-Identifier: MIT
#
# readme_test.sh - what README.md, doc/tutorial.md and doc/cookbook.md show is what happens
#
#     tests/readme_test.sh [--accept]       from the build directory
#
# In their ```console blocks "$ " begins a command, "> " goes on with it, and the lines below are its output. A
# code block after <!-- file: NAME --> is written to that file first. `cc` finds the header and the
# library of this build. --accept rewrites the outputs.
set -euo pipefail

: "${top_builddir:=$PWD}"
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${CC:=cc}"
pages=(README.md doc/tutorial.md doc/cookbook.md)
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
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
	(cd "$here" && eval "$1" 2>&1 </dev/null) | steady || true
}

finish_command() {
	[ -z "$command" ] && return
	run_command "$command" >>"$shown"
	command=
}

# Goes through page $1, in an empty directory $here, and writes what it should show to $shown.
run_page() {
	local mode=text file='' line
	command=
	here=$work/$(basename "$1" .md)
	shown=$here.shown
	mkdir -p "$here/examples"
	cp -r "$top_srcdir/examples/data" "$here/examples/data"
	chmod -R u+w "$here"
	: >"$shown"
	while IFS= read -r line; do
		case $mode:$line in
		'text:<!-- file: '*)
			file=${line#<!-- file: }
			file=${file% -->}
			;;
		'text:```console') mode=console ;;
		'text:```'*)
			mode=code
			if [ -n "$file" ]; then : >"$here/$file"; fi
			;;
		'code:```') mode=text file= ;;
		code:*) if [ -n "$file" ]; then printf '%s\n' "$line" >>"$here/$file"; fi ;;
		'console:```')
			finish_command
			mode=text
			;;
		'console:$ '*)
			finish_command
			command=${line#\$ }
			;;
		'console:> '*) command+=$'\n'${line#> } ;;
		console:*) continue ;;		# output: what comes now takes its place
		esac
		printf '%s\n' "$line" >>"$shown"
	done <"$top_srcdir/$1"
}

for page in "${pages[@]}"; do
	run_page "$page"
	if [ "${1-}" = --accept ]; then
		cp "$shown" "$top_srcdir/$page"
	elif ! diff -u <(steady <"$top_srcdir/$page") "$shown"; then
		echo "$page shows other output (-) than the commands give (+); see tests/readme_test.sh"
		exit 1
	else
		echo "$page shows what happens: $(grep -c '^\$ ' "$top_srcdir/$page") commands"
	fi
done
