#!/bin/bash
# SPDX-License-Identifier: MIT
#
# arrows_test.sh - includes point one way
#
#     cli, examples -> lib/stoa.h;  query -> lib -> storage -> lib/core;  cli/bench.c -> bench
#
# Every #include "..." is resolved to a path from the top of the tree and matched against what its folder
# may see. <lmdb.h> belongs to storage/catalog_env.h, malloc and friends to lib/core/alloc.c.
set -euo pipefail

cd "${top_srcdir:-$(dirname "$0")/..}"
wrong=0

complain() {
	echo "$1"
	wrong=$((wrong + 1))
}

# Paths that a file of this folder may include, as an extended regular expression.
allowed() {
	case $1 in
	lib/core/*) echo '^lib/(core/[^/]+|stoa\.h)$' ;;
	lib/*) echo '^(lib|storage)/' ;;
	storage/*) echo '^(storage/|lib/core/|lib/stoa\.h$)' ;;
	query/*) echo '^(query|lib)/' ;;
	cli/bench.c) echo '^(cli/|lib/stoa\.h$|bench/)' ;;
	cli/*) echo '^(cli/|lib/stoa\.h$)' ;;
	examples/*) echo '^(examples/|lib/stoa\.h$)' ;;
	esac
}

sources() {
	find lib storage query cli examples -name '*.[chy]' -o -name '*.lemon' | sort
}

n=0
while read -r file; do
	n=$((n + 1))
	pattern=$(allowed "$file")
	while IFS=: read -r line include; do
		path=$(realpath -m --relative-to=. "$(dirname "$file")/$include")
		[[ $path =~ $pattern ]] || complain "$file:$line: may not include $path"
	done < <(awk -F'"' '/^[ \t]*#[ \t]*include[ \t]*"/ { print FNR ":" $2 }' "$file")
	if [ "$file" != storage/catalog_env.h ] &&
		grep -qE '^[ \t]*#[ \t]*include[ \t]*<lmdb\.h>' "$file"; then
		complain "$file: only storage/catalog_env.h may include <lmdb.h>"
	fi
	case $file in
	lib/core/alloc.c | cli/* | examples/*) ;;
	query/sql.c) ;;		# Lemon made it; a tarball has it among the sources
	*)
		while read -r hit; do
			complain "$file:$hit: memory comes from lib/core/alloc.h"
		done < <(grep -nE '(^|[^_[:alnum:]>.])(malloc|calloc|realloc|free|strdup)\(' "$file" |
			grep -vE '^[0-9]+:[ \t]*(/?\*|//)' | cut -d: -f1)
		;;
	esac
done < <(sources)

if [ "$wrong" -gt 0 ]; then
	echo "$wrong includes or calls point the wrong way"
	exit 1
fi
echo "$n files, and every arrow points the right way"
