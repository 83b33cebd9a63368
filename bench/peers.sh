#!/bin/sh
# SPDX-License-Identifier: MIT
#
# peers.sh - gets what the bench needs beyond what stoa itself is built with
#
#     bench/peers.sh [DIRECTORY]      default: .peers beside this script
#
# Debian's headers of jansson (for the JSON of the results), RocksDB's library and Redis; from npm into
# DIRECTORY/node_modules DuckDB's library and the flights of vega-datasets. Does nothing that is done already. What is missing is no failure: its cases are left out.
set -eu

duckdb=@duckdb/node-bindings-linux-x64
version=1.5.6-r.1
flights=3.2.1
dir=${1:-$(dirname "$0")/.peers}

say() { echo "peers: $*"; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_debian() {
	say "installing $* with apt-get"
	as_root apt-get -qq update
	as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL="${RUNLEVEL:-}" \
		apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

pkg-config --exists jansson sqlite3 lmdb ||
	install_debian libjansson-dev libsqlite3-dev liblmdb-dev

optional() {
	apt-cache show "$1" >/dev/null 2>&1 || return 0
	# A server that is a peer is started by the bench, and by nobody else.
	RUNLEVEL=1 install_debian "$1" || say "could not install $1: it will be left out"
}

ldconfig -p | grep -q librocksdb || optional librocksdb7.8
command -v redis-server >/dev/null 2>&1 || optional redis-server

# absl::flat_hash_set is a header: what the bench opens is built from it.
absl=$dir/libstoa-absl.so
if [ ! -f "$absl" ] && command -v g++ >/dev/null 2>&1; then
	pkg-config --exists absl_flat_hash_set || optional libabsl-dev
	mkdir -p "$dir"
	# shellcheck disable=SC2046
	g++ -std=c++17 -O2 -shared -fPIC -o "$absl" "$(dirname "$0")/absl.cc" \
		$(pkg-config --cflags --libs absl_flat_hash_set absl_strings) ||
		say "could not build $absl: its cases will be left out"
fi

fetch() {
	command -v npm >/dev/null 2>&1 || install_debian npm
	say "fetching $1 with npm"
	mkdir -p "$dir"
	npm install --silent --no-save --prefix "$dir" "$@" ||
		say "could not fetch $1: its cases will be left out"
}

# npm removes what it is not told of: both are named each time.
want=
if [ -z "${STOA_DUCKDB:-}" ] && [ ! -f "$dir/node_modules/$duckdb/libduckdb.so" ]; then
	if [ "$(uname -m)" = x86_64 ]; then
		want=yes
	else
		say "DuckDB's npm package is for x86_64 only; set STOA_DUCKDB to a libduckdb.so"
	fi
fi
if [ -z "${STOA_FLIGHTS:-}" ] && [ ! -f "$dir/node_modules/vega-datasets/data/flights-3m.parquet" ]; then
	want=yes
fi
if [ -n "$want" ]; then
	fetch "$duckdb@$version" "vega-datasets@$flights"
fi
