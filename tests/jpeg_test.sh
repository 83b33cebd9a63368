#!/bin/bash
# SPDX-License-Identifier: MIT
#
# jpeg_test.sh - photographs come back as they were: from blobs at any offset, and through every format that has blobs
#
# The pictures are one of some 20 MB, which cjpeg makes (libjpeg-turbo-progs) of pixels that are the bytes of stoa's sources, and the
# largest JPEG file of those that $STOA_JPEG names or Debian's wallpapers bring; djpeg must read what came back. Without
# any of them the test says so and is skipped. STOA_LONG=1: 70 MB, through all formats.
set -euo pipefail

: "${top_srcdir:?} ${top_builddir:?}"
export PATH=$top_builddir:$PATH LC_ALL=C.UTF-8
work=$(mktemp -d "${TMPDIR:-/tmp}/stoa-test-XXXXXX")
trap 'rm -rf "$work"' EXIT
width=4000 height=3000
forms=('csv --blobs base64' 'arrow --compress zstd') dumps=(all.sql.zst)
if [ -n "${STOA_LONG-}" ]; then
	height=12000
	forms+=('csv --blobs hex' 'jsonl --blobs base64') dumps+=(all.sql)
fi

wrong() {
	echo "$*"
	exit 1
}

make_picture() {
	local header=$'P6\n'"$width $height"$'\n255\n' size=$((width * height * 3))
	printf '%s' "$header" >pixels
	while [ "$(wc -c <pixels)" -lt $((size + ${#header})) ]; do
		cat "$top_srcdir"/lib/*.[ch] >>pixels
	done
	truncate -s $((size + ${#header})) pixels
	cjpeg -quality 98 -outfile "$1" pixels
	rm pixels
}

# Bytes of $picture from $1 on, $2 of them.
part() {
	dd if="$picture" bs=64K iflag=skip_bytes,count_bytes skip="$1" count="$2" status=none
}

# The largest of those that are installed, if any.
find_picture() {
	find ${STOA_JPEG:-/usr/share/backgrounds /usr/share/wallpapers} -type f \( -iname '*.jpg' -o -iname '*.jpeg' \) \
		-printf '%s %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2- || true
}

same() {
	cmp "$1" "$2" || wrong "$3: the picture is another one"
}

same_part() {
	stoa blob get p.stoa photo data 1 --offset "$1" --length "$2" >part
	cmp part <(part "$1" "$2") || wrong "blob get --offset $1 --length $2: other bytes"
}

# Of any length, in a blob table: whole, in parts, changed in the middle and back.
in_pieces() {
	local size=$1 at
	stoa blob create p.stoa files
	stoa query p.stoa "CREATE TABLE photo (name string, data ref(files)); INSERT INTO photo (name) VALUES ('whole'), ('copy')"
	stoa blob put p.stoa photo data 1 "$picture"
	stoa blob get p.stoa photo data 1 -o back.jpg
	same "$picture" back.jpg 'blob get'
	for at in 0 1 65535 65536 $((size / 3)) $((size - 70000)) $((size - 1)); do
		same_part "$at" 70000
	done
	at=$((size / 2))
	head -c 100000 /dev/zero | stoa blob put p.stoa photo data 1 --offset $at
	stoa blob get p.stoa photo data 1 | cmp -s - "$picture" && wrong 'blob put --offset changed nothing'
	part $at 100000 | stoa blob put p.stoa photo data 1 --offset $at
	stoa blob get p.stoa photo data 1 | cmp - "$picture" || wrong 'blob put --offset: not what it was'
	part 0 $at | stoa blob put p.stoa photo data 2
	part $at "$size" | stoa blob put p.stoa photo data 2 --append
	stoa blob get p.stoa photo data 2 | cmp - "$picture" || wrong 'blob put --append: another picture'
	stoa query -f csv p.stoa "DELETE FROM photo WHERE name = 'copy'"
}

# As a value of a slot, which text formats have in digits.
through_formats() {
	local form
	stoa create p.stoa -t thumb -s 'name string, data blob'
	stoa query p.stoa "INSERT INTO thumb (name) VALUES ('a'), ('none')"
	stoa blob put p.stoa thumb data 1 "$picture"
	for form in "${forms[@]}"; do
		# shellcheck disable=SC2086
		set -- $form
		rm -rf q.stoa
		stoa export p.stoa thumb -f "$@" -o "thumb.$1"
		[ "$1" = arrow ] && set -- arrow
		stoa import q.stoa "thumb.$1" -t thumb -s 'name string, data blob' -f "$@" -q
		stoa blob get q.stoa thumb data 1 -o back.jpg
		same "$picture" back.jpg "$form"
		[ "$(stoa query q.stoa 'SELECT count(*) - count(data) FROM thumb' -f csv --no-header)" = 1 ] ||
			wrong "$form: the NULL is none"
		rm "thumb.$1"
	done
}

# Both kinds, packed and not.
through_dumps() {
	local file
	for file in "${dumps[@]}"; do
		rm -rf q.stoa
		stoa dump p.stoa -o $file
		stoa restore q.stoa $file
		stoa blob get q.stoa photo data 1 | cmp - "$picture" || wrong "$file: another photo"
		stoa blob get q.stoa thumb data 1 | cmp - "$picture" || wrong "$file: another thumb"
		rm $file
	done
	stoa check q.stoa -q
	stoa backup p.stoa b.stoa -q
	stoa blob get b.stoa photo data 1 | cmp - "$picture" || wrong 'backup: another photo'
}

cd "$work"
pictures=()
if command -v cjpeg >/dev/null && command -v djpeg >/dev/null; then
	make_picture made.jpg
	pictures+=(made.jpg)
fi
found=$(find_picture)
[ -z "$found" ] || pictures+=("$found")
if [ ${#pictures[@]} -eq 0 ]; then
	echo 'skipped: neither cjpeg (libjpeg-turbo-progs) nor a wallpaper is installed, and STOA_JPEG names no JPEG file'
	exit 77
fi
for picture in "${pictures[@]}"; do
	rm -rf p.stoa q.stoa b.stoa
	in_pieces "$(wc -c <"$picture")"
	through_formats
	through_dumps
	stoa blob get q.stoa photo data 1 >back.jpg
	! command -v djpeg >/dev/null || djpeg back.jpg >/dev/null || wrong "djpeg cannot read $picture any more"
	echo "$picture: $(wc -c <"$picture") bytes, the same after all"
done
