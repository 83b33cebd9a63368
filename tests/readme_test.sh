#!/bin/bash
# SPDX-License-Identifier: MIT
#
# readme_test.sh - what README.md, doc/tutorial.md, doc/cookbook.md and the manual pages show is what happens
#
#     tests/readme_test.sh [--accept]       from the build directory
#
# In their ```console blocks "$ " begins a command, "> " goes on with it, and the lines below are its output. A
# code block after <!-- file: NAME --> is written to that file first. `cc` finds the header and the
# library of this build. --accept rewrites the outputs. The literal displays of a manual page are such blocks, in
# which roff's escapes stand for themselves; they are run in the C locale, so that every terminal can show them.
set -euo pipefail

: "${top_builddir:=$PWD}"
: "${top_srcdir:=$(cd "$(dirname "$0")/.." && pwd)}"
: "${CC:=cc}"
pages=(README.md doc/tutorial.md doc/cookbook.md cli/stoa.1)
for page in "$top_srcdir"/cli/man/*.1; do
	pages+=("cli/man/$(basename "$page")")
done
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
export PATH=$top_builddir:$PATH

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

# A page as markdown.
markdown() {
	case $1 in
	*.1)
		sed -E '/^\.Bd -literal/,/^\.Ed/{
			s/^\.Bd -literal.*/```console/; s/^\.Ed/```/; s/^\\&//; s/\\\(aq/'\''/g; s/\\\(ga/`/g; s/\\\(ha/^/g
			s/\\\(ti/~/g; s/\\-/-/g; s/\\e/\\/g }' "$1"
		;;
	*) cat "$1" ;;
	esac
}

# And back, as page $1 has it.
original() {
	case $1 in
	*.1)
		sed -E '/^```console/,/^```$/{
			s/\\/\\e/g; s/-/\\-/g; s/~/\\(ti/g; s/\^/\\(ha/g; s/^([.'\''])/\\\&\1/; s/'\''/\\(aq/g
			s/^```console/.Bd -literal -offset indent/; s/^```$/.Ed/; s/`/\\(ga/g }'
		;;
	*) cat ;;
	esac
}

# Goes through page $1, in an empty directory $here, and writes what it should show to $shown.
run_page() {
	local mode=text file='' line
	command=
	here=$work/$(basename "${1%.*}")
	shown=$here.shown
	mkdir -p "$here/examples" "$here/bench"
	cp -r "$top_srcdir/examples/data" "$here/examples/data"
	cp -r "$top_srcdir/bench/results" "$here/bench/results"
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
	done < <(markdown "$top_srcdir/$1")
}

for page in "${pages[@]}"; do
	case $page in
	*.1) export LC_ALL=C ;;
	*) export LC_ALL=C.UTF-8 ;;
	esac
	if [ "$page" = cli/man/stoa-plot.1 ] && ! command -v gnuplot >/dev/null; then
		echo "skipped $page: no gnuplot is installed"
		continue
	fi
	run_page "$page"
	if [ "${1-}" = --accept ]; then
		original "$page" <"$shown" >"$work/new"
		cp "$work/new" "$top_srcdir/$page"
	elif ! diff -u <(markdown "$top_srcdir/$page" | steady) "$shown"; then
		echo "$page shows other output (-) than the commands give (+); see tests/readme_test.sh"
		exit 1
	else
		echo "$page shows what happens: $(grep -c '^\$ ' "$top_srcdir/$page") commands"
	fi
done
