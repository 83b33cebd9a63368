#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh - rows from stoa through apache-arrow and polars and back, under every form and codec; see README.md
#
#     NODE_PATH=.../node_modules STOA=path/to/stoa tests/interop/run.sh
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
stoa=${STOA:-stoa}
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-interop-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

# Every type but uuid, which polars does not take; NULLs; over 65,536 rows, so several batches and dictionaries.
cat >all.sql <<'SQL'
SELECT CASE WHEN i % 7 = 0 THEN NULL ELSE i % 1000 END AS n,
       i % 3 = 0 AS yes,
       CAST(i AS bigint) * 1000000007 AS big,
       CAST(i % 1000 AS double precision) / 8 AS x,
       CAST(i AS decimal(12,2)) AS price,
       CASE WHEN i % 11 = 0 THEN NULL ELSE concat('word ', i / 700) END AS word,
       concat('a longer text, number ', i) AS text,
       DATE '1969-06-01' + i AS day
FROM generate_series(1, 150000) AS s(i)
SQL
"$stoa" query -i all.sql -f csv >all.csv
"$stoa" import all.stoa all.csv -q
"$stoa" export all.stoa all >expected.csv
saw=$("$stoa" query all.stoa 'SELECT count(*), sum(n), count(DISTINCT word) FROM "all"' -f csv | tail -1)

bad=0
for lib in js polars; do
	for form in arrow arrows; do
		for codec in none zstd lz4; do
			[ "$lib" = js ] && [ "$codec" != none ] && continue
			rm -rf back.stoa
			"$stoa" export all.stoa all -f $form --compress $codec -o "out.$form"
			said=$(node "$here/through.js" $lib "out.$form" "back.$form")
			"$stoa" import back.stoa "back.$form" --table back -q
			"$stoa" export back.stoa back >back.csv
			if [ "$said" = "$saw" ] && cmp -s expected.csv back.csv; then
				echo "$lib $form $codec: the same, $said"
			else
				echo "$lib $form $codec: WRONG: $said, expected $saw"
				bad=1
			fi
		done
	done
done
exit $bad
