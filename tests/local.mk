## SPDX-License-Identifier: MIT
##
## A test is tests/NOUN_test.c, named in cmocka_tests and nowhere else; one that also needs SQLite goes
## into sqlite_tests, a shell script into script_tests. `make check-long` runs the same with STOA_LONG=1.

cmocka_tests += \
	%D%/aggregate_test \
	%D%/alloc_test \
	%D%/arrow_duckdb_test \
	%D%/arrow_ipc_test \
	%D%/arrow_test \
	%D%/backup_test \
	%D%/bitmap_test \
	%D%/blob_test \
	%D%/block_test \
	%D%/bounds_test \
	%D%/buf_test \
	%D%/bulk_test \
	%D%/catalog_test \
	%D%/chunk_cold_test \
	%D%/change_test \
	%D%/chunk_test \
	%D%/churn_test \
	%D%/compact_test \
	%D%/crash_test \
	%D%/crew_test \
	%D%/crowd_test \
	%D%/csv_head_test \
	%D%/csv_parse_test \
	%D%/csv_repair_test \
	%D%/csv_scan_test \
	%D%/csv_suite_test \
	%D%/csv_work_test \
	%D%/cursor_test \
	%D%/cut_test \
	%D%/deque_table_test \
	%D%/deque_test \
	%D%/deref_test \
	%D%/dialect_test \
	%D%/point_test \
	%D%/explain_test \
	%D%/export_test \
	%D%/discard_test \
	%D%/fault_test \
	%D%/file_table_test \
	%D%/file_test \
	%D%/flip_test \
	%D%/forged_test \
	%D%/fsst_test \
	%D%/fuzz_test \
	%D%/gc_test \
	%D%/group_test \
	%D%/hands_test \
	%D%/hints_test \
	%D%/import_test \
	%D%/kept_test \
	%D%/join_test \
	%D%/lanes_test \
	%D%/like_test \
	%D%/limit_test \
	%D%/lmdb_test \
	%D%/lock_test \
	%D%/log_file_test \
	%D%/log_test \
	%D%/loops_test \
	%D%/model_test \
	%D%/nomem_test \
	%D%/open_set_test \
	%D%/packed_test \
	%D%/params_test \
	%D%/power_test \
	%D%/pick_test \
	%D%/pinned_test \
	%D%/process_test \
	%D%/query_test \
	%D%/queue_test \
	%D%/recover_test \
	%D%/rowids_test \
	%D%/refs_model_test \
	%D%/refs_test \
	%D%/refuse_test \
	%D%/regex_test \
	%D%/segment_test \
	%D%/shell_test \
	%D%/session_test \
	%D%/spill_test \
	%D%/set_build_test \
	%D%/set_few_test \
	%D%/set_test \
	%D%/settle_test \
	%D%/sql_test \
	%D%/stream_test \
	%D%/symbol_test \
	%D%/syscall_test \
	%D%/table_test \
	%D%/text_test \
	%D%/threads_test \
	%D%/top_test \
	%D%/trace_sites_test \
	%D%/trace_test \
	%D%/type_test \
	%D%/unzstd_test \
	%D%/tree_test \
	%D%/validate_test \
	%D%/version_test \
	%D%/visitor_test

sqlite_tests += \
	%D%/change_differential_test \
	%D%/join_differential_test \
	%D%/rewrite_test \
	%D%/sql_differential_test \
	%D%/window_test

script_tests += \
	%D%/arrows_test.sh \
	%D%/cli_test.sh \
	%D%/damage_test.sh \
	%D%/examples_test.sh \
	%D%/golden_test.sh \
	%D%/jpeg_test.sh \
	%D%/manual_test.sh \
	%D%/readme_test.sh \
	%D%/symbols_test.sh

check_LTLIBRARIES += %D%/libtesting.la
answer_sources = %D%/answer.c %D%/answer.h %D%/duck.c %D%/duck.h %D%/duckdb.c %D%/duckdb.h
tests_aggregate_test_SOURCES = %D%/aggregate_test.c %D%/array_source.c %D%/array_source.h \
	%D%/mixed.c %D%/mixed.h
tests_arrow_duckdb_test_SOURCES = %D%/arrow_duckdb_test.c %D%/every_type.c %D%/every_type.h \
	%D%/duckdb.c %D%/duckdb.h
tests_arrow_ipc_test_SOURCES = %D%/arrow_ipc_test.c %D%/every_type.c %D%/every_type.h
tests_arrow_test_SOURCES = %D%/arrow_test.c %D%/every_type.c %D%/every_type.h
tests_cut_test_SOURCES = %D%/cut_test.c %D%/medley.c %D%/medley.h %D%/syscalls.c %D%/syscalls.h
tests_flip_test_SOURCES = %D%/flip_test.c %D%/medley.c %D%/medley.h
tests_join_test_SOURCES = %D%/join_test.c %D%/array_source.c %D%/array_source.h
tests_lanes_test_SOURCES = %D%/lanes_test.c %D%/array_source.c %D%/array_source.h \
	%D%/mixed.c %D%/mixed.h
tests_join_differential_test_SOURCES = %D%/join_differential_test.c $(answer_sources) \
	%D%/relations.c %D%/relations.h
tests_like_test_SOURCES = %D%/like_test.c %D%/array_source.c %D%/array_source.h
tests_limit_test_SOURCES = %D%/limit_test.c %D%/array_source.c %D%/array_source.h \
	%D%/mixed.c %D%/mixed.h
tests_crew_test_SOURCES = %D%/crew_test.c %D%/crew.c %D%/crew.h \
	%D%/crew_work.c %D%/crew_work.h
tests_model_test_SOURCES = %D%/model_test.c %D%/model.c %D%/model.h
tests_pick_test_SOURCES = %D%/pick_test.c %D%/array_source.c %D%/array_source.h
tests_query_test_SOURCES = %D%/query_test.c %D%/array_source.c %D%/array_source.h
tests_rewrite_test_SOURCES = %D%/rewrite_test.c $(answer_sources) %D%/relations.c %D%/relations.h
tests_sql_differential_test_SOURCES = %D%/sql_differential_test.c $(answer_sources)
tests_syscall_test_SOURCES = %D%/syscall_test.c %D%/medley.c %D%/medley.h %D%/syscalls.c \
	%D%/syscalls.h
tests_top_test_SOURCES = %D%/top_test.c %D%/array_source.c %D%/array_source.h
tests_window_test_SOURCES = %D%/window_test.c $(answer_sources)
tests_log_file_test_SOURCES = %D%/log_file_test.c %D%/records.c %D%/records.h
tests_log_test_SOURCES = %D%/log_test.c %D%/records.c %D%/records.h
tests_libtesting_la_SOURCES = %D%/groups.c %D%/groups.h %D%/ledger.c %D%/ledger.h \
	%D%/place.c %D%/place.h \
	%D%/show.c %D%/show.h %D%/testing.c %D%/testing.h %D%/tree.c %D%/tree.h

LDADD = tests/libtesting.la libstoa_all.la $(CMOCKA_LIBS) $(SQLITE3_LIBS)

tests_shell_test_LDADD = $(LDADD) -lutil
## Its functions are found by name.
tests_trace_sites_test_LDFLAGS = $(AM_LDFLAGS) -export-dynamic
tests_csv_suite_test_CPPFLAGS = $(AM_CPPFLAGS) $(YAJL_CFLAGS)
tests_csv_suite_test_LDADD = $(LDADD) $(YAJL_LIBS)

unit_tests =
if HAVE_CMOCKA
unit_tests += $(cmocka_tests)
if HAVE_SQLITE3
unit_tests += $(sqlite_tests)
endif
endif

check_PROGRAMS += $(unit_tests)
TESTS = $(unit_tests) $(script_tests)
TEST_EXTENSIONS = .sh
LOG_DRIVER = $(SHELL) $(srcdir)/%D%/driver.sh
SH_LOG_DRIVER = $(SHELL) $(srcdir)/%D%/driver.sh
SH_LOG_COMPILER = bash
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	CC='$(CC)'; export CC; \
	NM='$(NM)'; export NM; \
	STOA_SANITIZER='$(STOA_SANITIZER)'; export STOA_SANITIZER;
EXTRA_DIST += %D%/arrow %D%/driver.sh %D%/cli %D%/csv %D%/symbols.txt $(script_tests)

check-long:
	STOA_LONG=1 $(MAKE) $(AM_MAKEFLAGS) check

## What is fed any bytes: replayed by fuzz_test, searched by `make fuzz TARGET=sql SECONDS=60`.
fuzz_sources = \
	%D%/fuzz/fuzz.h \
	%D%/fuzz/target_catalog.c \
	%D%/fuzz/target_arrow.c \
	%D%/fuzz/target_chunk.c \
	%D%/fuzz/target_csv.c \
	%D%/fuzz/target_dump.c \
	%D%/fuzz/target_json.c \
	%D%/fuzz/target_parts.c \
	%D%/fuzz/target_redo.c \
	%D%/fuzz/target_sql.c \
	%D%/fuzz/target_value.c \
	%D%/fuzz/parts.c \
	%D%/fuzz/parts.h \
	%D%/fuzz/util.c \
	%D%/fuzz/world.c \
	%D%/fuzz/world.h
tests_fuzz_test_SOURCES = %D%/fuzz_test.c $(fuzz_sources) %D%/medley.c %D%/medley.h
## Before the library: the command's part needs it.
tests_fuzz_test_LDADD = libcli.a $(LDADD) $(cli_libs)
tests_bounds_test_LDADD = libcli.a $(LDADD) $(cli_libs)
EXTRA_DIST += %D%/interop %D%/fuzz/corpus %D%/fuzz/entry.c %D%/fuzz/run.sh

TARGET = sql
SECONDS = 60
fuzz:
	$(SHELL) $(srcdir)/%D%/fuzz/run.sh '$(abs_top_srcdir)' $(TARGET) $(SECONDS)
.PHONY: fuzz

## Lines and branches that the tests reach, from ./coverage-build; COVERAGE_TESTS="tests/a_test ..." runs some alone.
coverage:
	bash $(srcdir)/%D%/coverage.sh '$(abs_top_srcdir)' $(COVERAGE_TESTS)
.PHONY: coverage

EXTRA_DIST += %D%/coverage.sh %D%/golden
