## SPDX-License-Identifier: MIT

include_HEADERS += %D%/stoa.h
EXTRA_DIST += %D%/libstoa.pc.in

## lib/: the heart
libstoa_all_la_SOURCES += \
	%D%/appender.c \
	%D%/background.c \
	%D%/base.c \
	%D%/base.h \
	%D%/block.c \
	%D%/block.h \
	%D%/bulk.c \
	%D%/bulk.h \
	%D%/check.c \
	%D%/checkpoint.c \
	%D%/compact.c \
	%D%/compact.h \
	%D%/cursor.c \
	%D%/cursor.h \
	%D%/db.c \
	%D%/db.h \
	%D%/ddl.c \
	%D%/hints.c \
	%D%/hints.h \
	%D%/index.c \
	%D%/index.h \
	%D%/load.c \
	%D%/page.c \
	%D%/page.h \
	%D%/record.h \
	%D%/redo.c \
	%D%/row.c \
	%D%/rows.c \
	%D%/scan.c \
	%D%/scan.h \
	%D%/schema.c \
	%D%/schema.h \
	%D%/seal.c \
	%D%/set.c \
	%D%/set.h \
	%D%/set_find.c \
	%D%/set_key.c \
	%D%/set_run.c \
	%D%/set_run.h \
	%D%/stoa.h \
	%D%/survivors.c \
	%D%/symbol.c \
	%D%/symbol.h \
	%D%/table.c \
	%D%/table.h \
	%D%/temp.c \
	%D%/temp.h \
	%D%/tree.c \
	%D%/tree.h \
	%D%/txn.c

## lib/core/
libstoa_all_la_SOURCES += \
	%D%/core/alloc.c \
	%D%/core/alloc.h \
	%D%/core/bitmap.c \
	%D%/core/bitmap.h \
	%D%/core/budget.c \
	%D%/core/budget.h \
	%D%/core/buf.c \
	%D%/core/buf.h \
	%D%/core/chunk.c \
	%D%/core/chunk.h \
	%D%/core/chunk_check.c \
	%D%/core/chunk_cold.c \
	%D%/core/chunk_cold.h \
	%D%/core/chunk_encode.c \
	%D%/core/chunk_encode.h \
	%D%/core/chunk_encode_string.c \
	%D%/core/chunk_encode_text.c \
	%D%/core/chunk_pick.c \
	%D%/core/chunk_read.c \
	%D%/core/cpu.c \
	%D%/core/cpu.h \
	%D%/core/dict.c \
	%D%/core/dict.h \
	%D%/core/error.c \
	%D%/core/error.h \
	%D%/core/fsst.c \
	%D%/core/fsst.h \
	%D%/core/fsst_encode.c \
	%D%/core/fsst_encoder.h \
	%D%/core/fsst_run.c \
	%D%/core/fsst_train.c \
	%D%/core/hash.c \
	%D%/core/hash.h \
	%D%/core/image.c \
	%D%/core/image.h \
	%D%/core/kernels.h \
	%D%/core/kernels_avx2.c \
	%D%/core/kernels_loops.h \
	%D%/core/kernels_scalar.c \
	%D%/core/lengths.c \
	%D%/core/lengths.h \
	%D%/core/limits.h \
	%D%/core/packed.c \
	%D%/core/packed.h \
	%D%/core/rowids.c \
	%D%/core/rowids.h \
	%D%/core/scaled.c \
	%D%/core/scaled.h \
	%D%/core/source.h \
	%D%/core/text.c \
	%D%/core/text.h \
	%D%/core/type.c \
	%D%/core/type.h

## lib/csv/
libstoa_all_la_SOURCES += \
	%D%/csv/dict.c \
	%D%/csv/dict.h \
	%D%/csv/fast.h \
	%D%/csv/head.c \
	%D%/csv/head.h \
	%D%/csv/import.c \
	%D%/csv/infer.c \
	%D%/csv/infer.h \
	%D%/csv/input.c \
	%D%/csv/input.h \
	%D%/csv/parse.c \
	%D%/csv/parse.h \
	%D%/csv/lanes.h \
	%D%/csv/lanes_loops.h \
	%D%/csv/repair.c \
	%D%/csv/repair.h \
	%D%/csv/rows.c \
	%D%/csv/rows.h \
	%D%/csv/scan.c \
	%D%/csv/scan.h \
	%D%/csv/scan_avx2.c \
	%D%/csv/scan_avx512.c \
	%D%/csv/scan_scalar.c \
	%D%/csv/scan_template.h \
	%D%/csv/split.c \
	%D%/csv/split.h \
	%D%/csv/work.c \
	%D%/csv/work.h
