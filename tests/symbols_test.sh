#!/bin/bash
# SPDX-License-Identifier: MIT
#
# symbols_test.sh - the shared library exports what tests/symbols.txt lists, and nothing else
#
# A difference is a change of the ABI: bring symbols.txt up to date with --accept, and -version-info in
# Makefile.am by libtool's rules, in the same commit.
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
library=$top_builddir/.libs/libstoa.so
list=$top_srcdir/tests/symbols.txt

# A sanitizer's compiler adds names of its own; none begins like ours.
exported=$(${NM:-nm} -D --defined-only "$library" | awk '$3 !~ /^(__|_init|_fini|_end|_edata)/ { print $3 }' | LC_ALL=C sort)
if [ "${1-}" = --accept ]; then
	echo "$exported" >"$list"
	exit
fi
if ! diff -u "$list" <(echo "$exported"); then
	echo "the exported names are not those of tests/symbols.txt (- listed, + exported)"
	exit 1
fi
declared=$(grep -oE '\bstoa_[a-z_0-9]+\(' <(awk '/^STOA_API/ { on = 1 } on { print } /;/ { on = 0 }' \
	"$top_srcdir/lib/stoa.h") | tr -d '(' | LC_ALL=C sort -u)
if ! diff -u "$list" <(echo "$declared"); then
	echo "the declared names are not those of tests/symbols.txt (- listed, + declared)"
	exit 1
fi
echo "$(wc -l <"$list") names are exported, each declared in stoa.h"
