#!/bin/bash
# SPDX-License-Identifier: MIT
#
# coverage.sh SOURCE [TESTS...] - which lines and branches of lib/, storage/ and query/ do the tests reach?
#
# Builds into ./coverage-build without optimization, runs `make check` there (or only TESTS), and adds up what gcov says
# of each .c file: a table by folder, then the files with the largest number of lines that nothing reaches. Branches are
# those taken at least once; both ways of each condition count, those of failing allocations too.
set -euo pipefail

source=$1
shift
mkdir -p coverage-build
cd coverage-build
[ -f Makefile ] || "$source/configure" -q CFLAGS='-O0 -g --coverage' LDFLAGS=--coverage
make -s -j"$(nproc)" all
find . -name '*.gcda' -delete
make -k check ${1:+TESTS="$*"} >check.out 2>&1 || echo "tests failed: see coverage-build/check.out"

# libtool keeps the one object there is of each source in .libs.
find lib storage query -name '*.gcda' | sort | while read -r data; do
	gcov -bn "$data" 2>/dev/null
done | awk -v source="$source/" '
	/^File / {
		file = substr($0, 7, length($0) - 7)
		if (index(file, source) == 1)
			file = substr(file, length(source) + 1)
		wanted = file ~ /^(lib|storage|query)\/.*\.c$/
		folder = file; sub(/\/.*/, "", folder)
		lines = 1
	}
	# One such line is of the file; behind the last one there is another, of all of them.
	wanted && lines && /^Lines executed:/ { split($2, a, ":"); n = $4; add("lines", a[2], n); lines = 0 }
	wanted && /^Taken at least once:/ { split($4, a, ":"); n = $6; add("branches", a[2], n) }
	function add(what, part, n,   hit) {
		hit = (part + 0) * n / 100
		all[what, folder] += n; got[what, folder] += hit
		all[what, "all"] += n; got[what, "all"] += hit
		if (what == "lines")
			missed[file] = n - hit
	}
	END {
		printf "%-10s %8s %8s %10s %8s\n", "", "lines", "reached", "branches", "taken"
		split("lib storage query all", folders, " ")
		for (i = 1; i <= 4; i++) {
			f = folders[i]
			if (all["lines", f])
				printf "%-10s %8d %7.1f%% %10d %7.1f%%\n", f, all["lines", f], 100 * got["lines", f] / all["lines", f],
					all["branches", f], 100 * got["branches", f] / all["branches", f]
		}
		for (f in missed)
			printf "%6d lines not reached  %s\n", missed[f], f | "sort -rn | head -20"
	}'
