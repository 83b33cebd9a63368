#!/bin/bash
# SPDX-License-Identifier: MIT
#
# make.sh DIR - makes a golden database with the stoa in $PATH: a bit of everything, and a log that was not closed
#
#     tests/golden/make.sh tests/golden/format-N && tests/golden/look.sh tests/golden/format-N >tests/golden/format-N.out
#
# One for each format, made once by the version that wrote it and never again; golden_test.sh opens them all. A format
# that is given up before it was released loses its .out, and is refused from then on.
set -euo pipefail

to=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
db=$work/a.stoa

stoa create "$db"
stoa query "$db" "
CREATE TABLE city (code string PRIMARY KEY, name text NOT NULL, people i64, since date, area decimal(10,2));
CREATE TABLE street (name string, city REF(city), twin WEAK REF(city), lit bool DEFAULT true, id uuid);
CREATE TABLE job (what string, at timestamp, load f64, bytes blob);
CREATE DEQUE jobs ON job;
CREATE INDEX street_name ON street (name);
INSERT INTO city SELECT 'c' || n, 'city number ' || n, n * n, DATE '2001-01-01', 12.25 FROM generate_series(1, 600) AS s(n);
INSERT INTO street SELECT 'street ' || n % 7, n, 1 + n % 9, n % 3 = 0, NULL FROM generate_series(1, 300) AS s(n);
INSERT INTO job SELECT 'job ' || n, TIMESTAMP '2002-02-02 02:02:02', n / 8.0, NULL FROM generate_series(1, 50) AS s(n);
" >/dev/null
# Sealed row groups, overlays, deleted rows, kept rows.
stoa query "$db" "ALTER TABLE city ADD COLUMN motto text DEFAULT 'none'; ALTER TABLE street DROP COLUMN id" >/dev/null
stoa query "$db" "ALTER TABLE job ADD COLUMN tries u8" >/dev/null
stoa query "$db" "UPDATE city SET name = 'renamed' WHERE people % 10 = 0; DELETE FROM city WHERE people % 7 = 1;
DELETE FROM job WHERE load < 1; INSERT INTO city VALUES ('new', 'a new one', -1, NULL, -0.01, NULL)" >/dev/null
# What follows stays in the log.
{
	echo "INSERT INTO city VALUES ('log', 'in the log', 7, DATE '2003-03-03', 1, 'm'); UPDATE city SET people = 0 WHERE code = 'c2';"
	echo "DELETE FROM street WHERE name = 'street 3'; INSERT INTO job (what) VALUES ('logged');"
	sleep 3
} | stoa shell "$db" >/dev/null &
sleep 2
kill -9 "$(cat "$db/lock")"
wait || true
# A backup is the database with its log cut to what it holds.
stoa backup -q "$db" "$to"
