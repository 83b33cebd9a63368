#!/bin/bash
# SPDX-License-Identifier: MIT
#
# manual_test.sh - a subcommand's manual page and its --help say the same, and the pages are well-formed
#
# Every subcommand that `stoa help` lists has a page, cli/man/stoa-NAME.1, of the same summary and the
# same options with the same arguments; every page has a subcommand and is named in stoa(1), whose
# words on it are the same. Where mandoc or man is installed, it has nothing to say; where zsh is, it
# completes these options. What the pages show is run by readme_test.sh.
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
export LC_ALL=C.UTF-8
pages=$top_srcdir/cli/man
failed=0

wrong() {
	echo "$*"
	failed=1
}

# "NAME SUMMARY" of each subcommand.
subcommands() {
	"$top_builddir/stoa" help | awk '/^  [a-z]/ { print $1, substr($0, 35) }'
}

# As --help has them: "-f --format FORMAT".
options_of_help() {
	"$top_builddir/stoa" "$1" --help |
		sed -n -E 's/^  (-[a-zA-Z], |    )(--[a-z-]+)( [A-Z]+)?  .*/\1\2\3/p' | sed 's/,//; s/^ *//' | sort
}

options_of_page() {
	sed -n -E 's/^\.It Fl ([a-zA-Z-].*)/-\1/p' "$1" | sed -E 's/ , -/ --/; s/ Ar / /' | sort
}

check_page() {
	local name=$1 summary=$2 page=$pages/stoa-$1.1
	if [ ! -e "$page" ]; then
		wrong "stoa $name has no manual page"
		return
	fi
	summary=${summary,}
	grep -qxF ".Nd $summary" "$page" || wrong "$page: NAME is not as 'stoa help' has it: $summary"
	grep -qxF ".Nm stoa-$name" "$page" || wrong "$page: NAME is not stoa-$name"
	grep -qxF '.Sh EXAMPLES' "$page" || wrong "$page: no examples"
	grep -A 1 -xF ".It Xr stoa-$name 1" "$top_srcdir/cli/stoa.1" | grep -qxF "$summary" ||
		wrong "stoa.1: what it says of $name is not: $summary"
	case $name in
	help | version) return ;;
	esac
	diff -u --label "stoa $name --help" --label "stoa-$name.1" <(options_of_help "$name") <(options_of_page "$page") ||
		wrong "$page: other options (+) than --help (-)"
}

# What zsh would complete, for who has it: its functions are ours here.
check_completion() {
	local known
	known=$(PATH=$top_builddir:$PATH zsh -f -c '
		_arguments() { print -rl -- "$@"; }
		words=(stoa '"$1"' x) CURRENT=3
		. '"'$top_srcdir'"'/cli/_stoa' 2>&1 | sed -n -E 's/^(\([^)]*\))?(--[a-z-]+)\[.*/\2/p' | sort)
	[ "$known" = "$(options_of_help "$1" | grep -o -E -- '--[a-z-]+' | sort)" ] ||
		wrong "zsh completes other options of $1: $known"
}

check_form() {
	local said
	if command -v mandoc >/dev/null; then
		said=$(mandoc -T lint -W warning "$1" 2>&1) || wrong "$said"
	fi
	if command -v man >/dev/null && command -v groff >/dev/null; then
		said=$(MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$1" 2>&1 >/dev/null)
		[ -z "$said" ] || wrong "$1: $said"
	fi
}

n=0
while read -r name summary; do
	check_page "$name" "$summary"
	! command -v zsh >/dev/null || check_completion "$name"
	n=$((n + 1))
done < <(subcommands)
for page in "$top_srcdir"/cli/stoa.1 "$pages"/*.1; do
	check_form "$page"
done
[ "$n" -eq "$(ls "$pages" | wc -l)" ] || wrong "$n subcommands, and pages for $(ls "$pages" | wc -l)"
# Installed with the others, or nobody reads them.
for page in "$pages"/*.1; do
	grep -qF "%D%/man/$(basename "$page")" "$top_srcdir/cli/local.mk" || wrong "$page is not installed"
done
[ $failed -eq 0 ] && echo "$n subcommands, $n pages that say the same"
exit $failed
