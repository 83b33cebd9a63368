#!/bin/sh
# SPDX-License-Identifier: MIT
#
# run.sh SOURCE TARGET SECONDS - search for inputs that break a target, with clang's libFuzzer, ASan and UBSan
#
# Builds the library into ./fuzz-build (again only what changed). Inputs that reach new code are kept in
# ./fuzz-corpus/TARGET; one that breaks is named at the end, and the exit status is not 0.
set -eu

source=$1 target=$2 seconds=$3
flags='-O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined'

mkdir -p fuzz-build "fuzz-corpus/$target"
top=$PWD
cd fuzz-build
[ -f Makefile ] || "$source/configure" -q CC="${CC_FUZZ:-clang}" CFLAGS="$flags"
make -s -j"$(nproc)" libstoa_all.la libcli.a
# shellcheck disable=SC2086
${CC_FUZZ:-clang} $flags -fsanitize=fuzzer -D_GNU_SOURCE= -DFUZZ_TARGET="fuzz_$target" -I. \
	"$source/tests/fuzz/entry.c" "$source"/tests/fuzz/target_*.c "$source/tests/fuzz/util.c" \
	"$source/tests/fuzz/parts.c" "$source/tests/fuzz/world.c" "$source/tests/medley.c" "$source/tests/tree.c" libcli.a .libs/libstoa_all.a \
	$(. ./libstoa_all.la && echo "$dependency_libs") \
	$(sed -n 's/^\(LIBS\|YAJL_LIBS\|ZLIB_LIBS\|EDIT_LIBS\) = //p' Makefile) \
	-pthread -lm -o "fuzz_$target"
cd "$top"
seeds="$source/tests/fuzz/corpus/$target"
[ -d "$seeds" ] || seeds=
# As with malloc() itself: what is refused is NULL, and an error of ours.
export ASAN_OPTIONS=allocator_may_return_null=1
# shellcheck disable=SC2086
exec "fuzz-build/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
	-max_len=4096 -print_final_stats=1 -artifact_prefix=fuzz- "fuzz-corpus/$target" $seeds
