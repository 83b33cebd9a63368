#!/bin/bash
# SPDX-License-Identifier: MIT
#
# cookbook.sh - what the ideas of doc/cookbook.md take: bytes each in Python's objects and in stoa's files
#
#     bench/cookbook.sh [N]        from the build directory; N is 300000 unless said
#
# Python's figures are what the resident memory of a fresh python3 grows by; stoa's are the files of a database in which there is
# nothing else, after a collection, which is also what it maps when all of it is read.
set -euo pipefail

n=${1:-300000}
export PATH=$PWD:$PATH
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-cookbook-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

python() {
	python3 - "$n" <<END
import gc, os, sys
from array import array
from collections import deque, namedtuple
def resident():
    gc.collect()
    return int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE')
n = int(sys.argv[1])
class Slots:
    __slots__ = ('n', 'price', 'city', 'day')
    def __init__(self, n, price, city, day):
        self.n, self.price, self.city, self.day = n, price, city, day
class Plain:
    def __init__(self, n, price, city, day):
        self.n, self.price, self.city, self.day = n, price, city, day
Tuple = namedtuple('Tuple', 'n price city day')
cities = ['city %d' % i for i in range(1000)]
before = resident()
kept = $1
print(round((resident() - before) / n))
END
}

bytes_of() {
	stoa gc "$1" >/dev/null
	echo $(($(du -sb --exclude=log --exclude=lock "$1" | cut -f 1) / n))
}

row() {
	printf '| %s | %s | %s | %s |\n' "$@"
}

record='i, i * 0.25, cities[i % 1000], 20000 + i % 365'
awk -v n="$n" 'BEGIN { print "n,price,city,day"; for (i = 0; i < n; i++)
	printf "%d,%.2f,city %d,%d\n", i, i * 0.25, i % 1000, 20000 + i % 365 }' >rows.csv
stoa import records.stoa rows.csv -t t -q
awk -v n="$n" 'BEGIN { print "s"; for (i = 0; i < n; i++) printf "a string that comes often: number %d\n", i % 1000 }' >strings.csv
stoa import strings.stoa strings.csv -t t -q
awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++) printf "%.0f\n", (i * 2654435761) % 4294967296 }' >numbers
(echo value; cat numbers) >numbers.csv
stoa import set.stoa numbers.csv -t t --unique value -q
stoa import array.stoa numbers.csv -t t -q
stoa query deque.stoa 'CREATE TABLE q (value i64); CREATE DEQUE line ON q' 2>/dev/null ||
	{ stoa create deque.stoa && stoa query deque.stoa 'CREATE TABLE q (value i64); CREATE DEQUE line ON q'; }
stoa import deque.stoa numbers.csv -t q -q

echo "| $n of them | Python | bytes each | stoa, bytes each |"
echo '|---|---|---|---|'
row 'records of 4 fields' 'a dict each' "$(python "[dict(n=i, price=i * 0.25, city='city %d' % (i % 1000), day=20000 + i % 365) for i in range(n)]")" \
	"$(bytes_of records.stoa)"
row '' 'an object each' "$(python "[Plain($record) for i in range(n)]")" ''
row '' '\_\_slots\_\_' "$(python "[Slots($record) for i in range(n)]")" ''
row '' 'a namedtuple each' "$(python "[Tuple($record) for i in range(n)]")" ''
row 'strings, 1000 different ones' 'read from a file' "$(python "['a string that comes often: number %d' % (i % 1000) for i in range(n)]")" \
	"$(bytes_of strings.stoa)"
row '' 'sys.intern()' "$(python "[sys.intern('a string that comes often: number %d' % (i % 1000)) for i in range(n)]")" ''
row 'numbers' 'a list' "$(python "[i * 2654435761 % 2**32 for i in range(n)]")" "$(bytes_of array.stoa)"
row '' "array('q')" "$(python "array('q', (i * 2654435761 % 2**32 for i in range(n)))")" ''
row 'a set of numbers' 'set' "$(python "set(i * 2654435761 % 2**32 for i in range(n))")" "$(bytes_of set.stoa)"
row 'a deque of numbers' 'deque' "$(python "deque(i * 2654435761 % 2**32 for i in range(n))")" "$(bytes_of deque.stoa)"
