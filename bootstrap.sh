#!/bin/sh
# SPDX-License-Identifier: MIT
#
# bootstrap.sh - from a fresh clone to a configured build directory
#
#     ./bootstrap.sh [BUILD-DIRECTORY [CONFIGURE-OPTION...]]      default: build
#
# Installs the Debian packages that are missing (as root, or through sudo), makes ./configure with
# autoreconf and runs it. On other systems install the counterparts of PACKAGES first; when they are
# all there, nothing is installed.
set -eu

PACKAGES="gcc libc6-dev make pkg-config autoconf automake libtool lemon
	liblmdb-dev libxxhash-dev libzstd-dev liblz4-dev libpcre2-dev nettle-dev libutf8proc-dev libyajl-dev zlib1g-dev libedit-dev
	libcmocka-dev libsqlite3-dev libjpeg-turbo-progs"

cd "$(dirname "$0")"
build=${1:-build}
[ $# -gt 0 ] && shift

say() { echo "bootstrap: $*"; }

have_all() {
	for c in cc make pkg-config autoreconf automake libtoolize lemon; do
		command -v $c >/dev/null 2>&1 || return 1
	done
	pkg-config --exists lmdb libxxhash libzstd liblz4 libpcre2-8 nettle libutf8proc yajl zlib libedit cmocka sqlite3
}

install_missing() {
	missing=
	for p in $PACKAGES; do
		dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null | grep -q '^ii' ||
			missing="$missing $p"
	done
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null 2>&1 || {
			say "not root and no sudo; please install:$missing" >&2
			exit 1
		}
		sudo=sudo
	fi
	say "installing with apt-get:$missing"
	$sudo apt-get -qq update
	# shellcheck disable=SC2086
	DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y --no-install-recommends \
		$missing >/dev/null
}

if ! have_all; then
	command -v apt-get >/dev/null 2>&1 || {
		say "no apt-get here; please install the counterparts of:" $PACKAGES >&2
		exit 1
	}
	install_missing
fi

if [ ! -x configure ] || [ configure.ac -nt configure ]; then
	say "autoreconf"
	autoreconf -fi >autoreconf.log 2>&1 || { cat autoreconf.log >&2; exit 1; }
	rm -f autoreconf.log
fi

say "configure in $build"
mkdir -p "$build"
source=$PWD
cd "$build"
"$source/configure" -q "$@"
