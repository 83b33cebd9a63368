## SPDX-License-Identifier: MIT

include_HEADERS += %D%/stoa.h
EXTRA_DIST += %D%/libstoa.pc.in

## lib/: the heart
libstoa_all_la_SOURCES += \
	%D%/appender.c \
	%D%/background.c \
	%D%/backup.c \
	%D%/base.c \
	%D%/base.h \
	%D%/blob.c \
	%D%/block.c \
	%D%/block.h \
	%D%/bulk.c \
	%D%/bulk.h \
	%D%/census.c \
	%D%/census.h \
	%D%/check.c \
	%D%/check_refs.c \
	%D%/check_refs.h \
	%D%/checkpoint.c \
	%D%/checkpoint.h \
	%D%/checkpoint_catalog.c \
	%D%/compact.c \
	%D%/compact.h \
	%D%/consumer.c \
	%D%/consumer.h \
	%D%/counts.c \
	%D%/counts.h \
	%D%/compose.c \
	%D%/cursor.c \
	%D%/cursor.h \
	%D%/cycles.c \
	%D%/cycles.h \
	%D%/db.c \
	%D%/db.h \
	%D%/ddl.c \
	%D%/death_queue.c \
	%D%/death_queue.h \
	%D%/deaths.c \
	%D%/deque.c \
	%D%/deque.h \
	%D%/deque_index.c \
	%D%/deque_index.h \
	%D%/deque_redo.c \
	%D%/deque_scan.c \
	%D%/deque_store.c \
	%D%/follow.c \
	%D%/follow.h \
	%D%/gc.c \
	%D%/gc.h \
	%D%/gc_plan.c \
	%D%/gc_plan.h \
	%D%/graph.c \
	%D%/graph.h \
	%D%/handle.c \
	%D%/handle.h \
	%D%/hints.c \
	%D%/hints.h \
	%D%/import.c \
	%D%/index.c \
	%D%/index.h \
	%D%/job.c \
	%D%/job.h \
	%D%/lease.c \
	%D%/lease.h \
	%D%/load.c \
	%D%/page.c \
	%D%/page.h \
	%D%/places.c \
	%D%/places.h \
	%D%/queue.c \
	%D%/record.h \
	%D%/recover.c \
	%D%/recover.h \
	%D%/recover_segments.c \
	%D%/redo.c \
	%D%/referrers.c \
	%D%/refs.c \
	%D%/refs.h \
	%D%/row.c \
	%D%/get.c \
	%D%/rows.c \
	%D%/look.c \
	%D%/look.h \
	%D%/scan.c \
	%D%/scan.h \
	%D%/scan_column.c \
	%D%/scan_column.h \
	%D%/schema.c \
	%D%/schema.h \
	%D%/seal.c \
	%D%/set.c \
	%D%/set.h \
	%D%/set_algebra.c \
	%D%/set_find.c \
	%D%/set_key.c \
	%D%/set_many.c \
	%D%/set_run.c \
	%D%/set_run.h \
	%D%/set_view.c \
	%D%/set_view.h \
	%D%/stoa.h \
	%D%/survivors.c \
	%D%/symbol.c \
	%D%/symbol.h \
	%D%/table.c \
	%D%/table.h \
	%D%/tally.c \
	%D%/temp.c \
	%D%/temp.h \
	%D%/trace.c \
	%D%/trace.h \
	%D%/trace_json.c \
	%D%/trace_sites.c \
	%D%/trace_take.c \
	%D%/tree.c \
	%D%/tree.h \
	%D%/txn.c \
	%D%/visitor.c \
	%D%/visitor.h

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
	%D%/core/stepped.c \
	%D%/core/stepped.h \
	%D%/core/sites.c \
	%D%/core/sites.h \
	%D%/core/source.c \
	%D%/core/source.h \
	%D%/core/text.c \
	%D%/core/text.h \
	%D%/core/text_float.c \
	%D%/core/text_parts.h \
	%D%/core/text_print.c \
	%D%/core/text_time.c \
	%D%/core/type.c \
	%D%/core/type.h

## lib/arrow/
libstoa_all_la_SOURCES += \
	%D%/arrow/array.c \
	%D%/arrow/array.h \
	%D%/arrow/codec.c \
	%D%/arrow/codec.h \
	%D%/arrow/decode.c \
	%D%/arrow/decode.h \
	%D%/arrow/export.c \
	%D%/arrow/flat.c \
	%D%/arrow/flat.h \
	%D%/arrow/import.c \
	%D%/arrow/ipc.h \
	%D%/arrow/ipc_read.c \
	%D%/arrow/ipc_write.c \
	%D%/arrow/join.c \
	%D%/arrow/join.h \
	%D%/arrow/message.c \
	%D%/arrow/message.h \
	%D%/arrow/message_write.c \
	%D%/arrow/type.c \
	%D%/arrow/type.h \
	%D%/arrow/verify.c \
	%D%/arrow/verify.h \
	%D%/arrow/words.c \
	%D%/arrow/words.h

## lib/csv/
libstoa_all_la_SOURCES += \
	%D%/csv/dict.c \
	%D%/csv/dict.h \
	%D%/csv/export.c \
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
	%D%/csv/lanes_load.h \
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
	%D%/csv/source.c \
	%D%/csv/source.h \
	%D%/csv/split.c \
	%D%/csv/split.h \
	%D%/csv/work.c \
	%D%/csv/work.h

## stoa(3) is made of the header's comments.
man_MANS += %D%/stoa.3
CLEANFILES += %D%/stoa.3
EXTRA_DIST += %D%/man3.awk

%D%/stoa.3: $(srcdir)/%D%/stoa.h $(srcdir)/%D%/man3.awk
	$(AM_V_GEN)$(MKDIR_P) %D% && $(AWK) -f $(srcdir)/%D%/man3.awk $(srcdir)/%D%/stoa.h >$@.tmp && mv $@.tmp $@
