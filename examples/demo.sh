#!/bin/bash
# SPDX-License-Identifier: MIT
#
# demo.sh - what `make demo` shows: a CSV file in, questions answered
set -euo pipefail

stoa=${1:?usage: demo.sh STOA DATA-DIRECTORY}
data=${2:?usage: demo.sh STOA DATA-DIRECTORY}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$data"/flights.csv "$data"/airports.csv "$work"
PATH=$(cd "$(dirname "$stoa")" && pwd):$PATH
cd "$work"

run() {
	printf '\n$ stoa'
	for word; do
		case $word in
		*[!-a-zA-Z0-9_./=,]*) printf " '%s'" "${word//\'/\'\\\'\'}" ;;
		*) printf ' %s' "$word" ;;
		esac
	done
	printf '\n'
	stoa "$@"
}

echo "5,000 flights within the United States, January to March 2001 (US DOT)"
run import air.stoa flights.csv airports.csv
run tables air.stoa
run schema air.stoa
run query air.stoa 'SELECT origin, count(*) AS flights, round(avg(delay), 1) AS mean_delay
    FROM flights GROUP BY origin ORDER BY flights DESC LIMIT 5'
run query air.stoa "SELECT departure, origin, destination, delay
    FROM flights WHERE delay > 240 ORDER BY delay DESC LIMIT 5"
run query air.stoa 'SELECT distance / 500 * 500 AS miles, count(*) AS flights, min(delay), max(delay)
    FROM flights GROUP BY miles ORDER BY miles' --format markdown
run export air.stoa "SELECT iata, name, city FROM airports WHERE state = 'HI'" --format jsonl
run check air.stoa
