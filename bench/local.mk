## SPDX-License-Identifier: MIT
##
## The bench: built and run by `make bench` alone, so that a plain build needs no peer.
##
##     make bench                             everything, at scale factor 1
##     make bench BENCH=load,point-read       some cases (load means load-1 and load-2)
##     make bench BENCH_FLAGS='--sf 0.1'      see stoa-bench --help
##     make bench BENCH_JSON=FILE             every run, as JSON; 1 for bench/results/DATE.json
##     make bench-clean                       forget data and databases

bench_programs += %D%/stoa-bench %D%/stoa-gen

EXTRA_PROGRAMS += $(bench_programs)
CLEANFILES += $(bench_programs)
EXTRA_DIST += %D%/README.md %D%/peers.sh

tpch_sources = %D%/tpch.c %D%/tpch.h %D%/tpch_csv.c %D%/tpch_text.c

bench_stoa_gen_SOURCES = %D%/gen.c $(tpch_sources)
bench_stoa_gen_LDADD =

bench_stoa_bench_SOURCES = \
	%D%/bench.c \
	%D%/bench.h \
	%D%/case_commit.c \
	%D%/case_load.c \
	%D%/case_memory.c \
	%D%/case_open.c \
	%D%/case_point.c \
	%D%/case_query.c \
	%D%/case_query.h \
	%D%/case_txn.c \
	%D%/data.c \
	%D%/duckdb.c \
	%D%/duckdb.h \
	%D%/json.c \
	%D%/machine.c \
	%D%/ours.c \
	%D%/ours.h \
	%D%/report.c \
	%D%/run.c \
	%D%/sqlite.c \
	%D%/sqlite.h \
	%D%/util.c \
	$(tpch_sources)
bench_stoa_bench_LDADD = libstoa.la -lsqlite3 -llmdb -ljansson -lm

## The generator is tested like everything else; it needs no peer.
cmocka_tests += tests/tpch_test
tests_tpch_test_SOURCES = tests/tpch_test.c $(tpch_sources)

BENCH =
BENCH_FLAGS =
BENCH_JSON =
bench_peers = $(abs_top_srcdir)/bench/.peers
bench_duckdb = $(bench_peers)/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so

bench:
	@$(SHELL) $(srcdir)/%D%/peers.sh $(bench_peers)
	@$(MAKE) $(AM_MAKEFLAGS) $(bench_programs)
	@json='$(BENCH_JSON)'; \
	if test "x$$json" = x1; then \
		mkdir -p $(srcdir)/%D%/results; \
		json=$(srcdir)/%D%/results/$$(date +%Y-%m-%d).json; \
	fi; \
	STOA_DUCKDB="$${STOA_DUCKDB:-$(bench_duckdb)}"; export STOA_DUCKDB; \
	%D%/stoa-bench $${json:+--json "$$json"} $(BENCH:%=--case %) $(BENCH_FLAGS)

bench-clean:
	rm -rf bench-data

.PHONY: bench-clean
