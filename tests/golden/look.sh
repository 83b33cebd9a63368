#!/bin/bash
# SPDX-License-Identifier: MIT
# look.sh DIR - all that a golden database shows
set -euo pipefail

stoa schema "$1"
for t in city street job; do
	stoa query "$1" "SELECT rowid, * FROM $t ORDER BY rowid" -f csv
done
stoa query "$1" "SELECT s.name, s.city.name, s.twin.code FROM street AS s ORDER BY s.rowid LIMIT 20" -f csv
stoa query "$1" "SELECT rowid, people FROM city WHERE code = 'c77'" -f csv
stoa queue peek "$1" job
