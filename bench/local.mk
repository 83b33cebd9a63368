## SPDX-License-Identifier: MIT
##
## The bench: built and run by `make bench` alone, so that a plain build needs no peer.
##
##     make bench                             everything, at scale factor 1
##     make bench BENCH=load,point-read       some cases (load means load-1 and load-2)
##     make bench BENCH_FLAGS='--sf 0.1'      see stoa-bench --help
##     make bench BENCH_JSON=FILE.json        results, report (FILE.html), figures (FILE.csv) there; 1 for
##                                            bench/results/DATE, otherwise bench-data/results
##     make bench-clean                       forget data and databases
##     make regress                           instructions of small workloads, compared with
##                                            bench/regress.baseline; make regress-accept

bench_programs += %D%/stoa-bench %D%/stoa-gen %D%/stoa-report
bench_regress = %D%/stoa-regress

EXTRA_PROGRAMS += $(bench_programs) $(bench_regress)
CLEANFILES += $(bench_programs) $(bench_regress)
EXTRA_DIST += %D%/README.md %D%/absl.cc %D%/cookbook.sh %D%/peers.sh %D%/regress.sh %D%/regress.baseline %D%/results

tpch_sources = %D%/tpch.c %D%/tpch.h %D%/tpch_csv.c %D%/tpch_draw.h %D%/tpch_rows.c \
	%D%/tpch_text.c

bench_stoa_gen_SOURCES = %D%/gen.c $(tpch_sources)
bench_stoa_gen_LDADD =

bench_stoa_bench_SOURCES = \
	%D%/ask.c \
	%D%/ask.h \
	%D%/bench.c \
	%D%/bench.h \
	%D%/case_append.c \
	%D%/case_arrow.c \
	%D%/case_churn.c \
	%D%/case_commit.c \
	%D%/case_cursor.c \
	%D%/case_gc.c \
	%D%/case_load.c \
	%D%/case_memory.c \
	%D%/case_open.c \
	%D%/case_point.c \
	%D%/case_query.c \
	%D%/case_query.h \
	%D%/case_queue.c \
	%D%/case_refs.c \
	%D%/case_tpch.c \
	%D%/case_few.c \
	%D%/case_set.c \
	%D%/case_statement.c \
	%D%/case_txn.c \
	%D%/data.c \
	%D%/duckdb.c \
	%D%/duckdb.h \
	%D%/format.c \
	%D%/format.h \
	%D%/json.c \
	%D%/machine.c \
	%D%/mean.c \
	%D%/ours.c \
	%D%/ours.h \
	%D%/real.c \
	%D%/record.c \
	%D%/redis.c \
	%D%/redis.h \
	%D%/report.c \
	%D%/rocksdb.c \
	%D%/rocksdb.h \
	%D%/rounds.c \
	%D%/run.c \
	%D%/sqlite.c \
	%D%/sqlite.h \
	%D%/tpch_sql.c \
	%D%/util.c \
	$(tpch_sources)
bench_stoa_bench_LDADD = libstoa.la -lsqlite3 -llmdb -ljansson -lm

bench_stoa_report_SOURCES = %D%/figures.c %D%/format.c %D%/format.h %D%/html.c %D%/plot.c %D%/plot.h \
	%D%/report_main.c %D%/results.h
bench_stoa_report_LDADD = -ljansson -lm

## Without libtool's wrapper script, so that valgrind sees the program itself.
bench_stoa_regress_SOURCES = %D%/regress.c
bench_stoa_regress_LDADD = libstoa_all.la

## The generator is tested like everything else; it needs no peer.
cmocka_tests += tests/tpch_test
tests_tpch_test_SOURCES = tests/tpch_test.c $(tpch_sources)

BENCH =
BENCH_FLAGS =
BENCH_JSON =
bench_peers = $(abs_top_srcdir)/bench/.peers
bench_duckdb = $(bench_peers)/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so
bench_flights = $(bench_peers)/node_modules/vega-datasets/data/flights-3m.parquet

bench:
	@$(SHELL) $(srcdir)/%D%/peers.sh $(bench_peers)
	@$(MAKE) $(AM_MAKEFLAGS) $(bench_programs)
	@out=bench-data/results; mkdir -p bench-data; \
	if test 'x$(BENCH_JSON)' = x1; then \
		mkdir -p $(srcdir)/%D%/results; \
		out=$(srcdir)/%D%/results/$$(date +%Y-%m-%d); \
	elif test -n '$(BENCH_JSON)'; then \
		out='$(BENCH_JSON:.json=)'; \
	fi; \
	STOA_DUCKDB="$${STOA_DUCKDB:-$(bench_duckdb)}"; export STOA_DUCKDB; \
	STOA_FLIGHTS="$${STOA_FLIGHTS:-$(bench_flights)}"; export STOA_FLIGHTS; \
	STOA_ABSL="$${STOA_ABSL:-$(bench_peers)/libstoa-absl.so}"; export STOA_ABSL; \
	%D%/stoa-bench --json "$$out.json" $(BENCH:%=--case %) $(BENCH_FLAGS); rc=$$?; \
	test $$rc -le 1 || exit $$rc; \
	%D%/stoa-report --csv "$$out.json" >"$$out.csv"; \
	%D%/stoa-report "$$out.json" >"$$out.html" && echo "report: $$out.html"; exit $$rc

bench-clean:
	rm -rf bench-data

## Counts depend on the flags of the compiler, too.
bench_regress_sh = REGRESS_FLAGS='$(CFLAGS)' $(srcdir)/%D%/regress.sh $(bench_regress) \
	$(srcdir)/%D%/regress.baseline

regress: $(bench_regress)
	$(AM_V_at)$(bench_regress_sh)

regress-accept: $(bench_regress)
	$(AM_V_at)$(bench_regress_sh) --accept

.PHONY: bench-clean regress regress-accept
