## SPDX-License-Identifier: MIT
##
## The parser is made from sql.y by Lemon in the build directory, and shipped with the sources, so that
## who builds from a tarball needs no Lemon.

libstoa_all_la_SOURCES += \
	%D%/agg.c \
	%D%/agg.h \
	%D%/agg_distinct.c \
	%D%/agg_loops.c \
	%D%/agg_state.h \
	%D%/arena.c \
	%D%/arena.h \
	%D%/arrow_table.c \
	%D%/ast.c \
	%D%/ast.h \
	%D%/ast_row.c \
	%D%/ast_window.c \
	%D%/bar.c \
	%D%/bar.h \
	%D%/bind.c \
	%D%/bind.h \
	%D%/bind_agg.c \
	%D%/bind_arith.c \
	%D%/bind_call.c \
	%D%/bind_compare.c \
	%D%/bind_name.c \
	%D%/bind_window.c \
	%D%/bound.c \
	%D%/bound.h \
	%D%/cast.c \
	%D%/change.c \
	%D%/change.h \
	%D%/change_insert.c \
	%D%/change_query.c \
	%D%/change_queue.c \
	%D%/change_state.h \
	%D%/compile.c \
	%D%/cursor_source.c \
	%D%/cursor_source.h \
	%D%/define.c \
	%D%/define.h \
	%D%/deque_table.c \
	%D%/lease_table.c \
	%D%/lease_table.h \
	%D%/row_table.c \
	%D%/row_table.h \
	%D%/dict.c \
	%D%/engine.h \
	%D%/estimate.c \
	%D%/explain.c \
	%D%/explain.h \
	%D%/explain_expr.c \
	%D%/file_table.c \
	%D%/find.c \
	%D%/from.c \
	%D%/func.h \
	%D%/func_bits.c \
	%D%/func_format.c \
	%D%/func_number.c \
	%D%/func_regex.c \
	%D%/func_text.c \
	%D%/func_time.c \
	%D%/grouping.c \
	%D%/grouping.h \
	%D%/join_build.c \
	%D%/join_order.c \
	%D%/join_pairs.c \
	%D%/join_spill.c \
	%D%/join_spill.h \
	%D%/join_table.c \
	%D%/join_table.h \
	%D%/keys.c \
	%D%/keys.h \
	%D%/lanes.c \
	%D%/lanes.h \
	%D%/lexer.c \
	%D%/letters.c \
	%D%/letters.h \
	%D%/like.c \
	%D%/like_all.c \
	%D%/loops.h \
	%D%/loops_avx2.c \
	%D%/loops_body.h \
	%D%/loops_scalar.c \
	%D%/machine.c \
	%D%/machine.h \
	%D%/node.c \
	%D%/merge.c \
	%D%/merge.h \
	%D%/op.h \
	%D%/op_aggregate.c \
	%D%/op_append.c \
	%D%/op_build.c \
	%D%/op_count.c \
	%D%/op_filter.c \
	%D%/op_gather.c \
	%D%/op_join.c \
	%D%/op_join.h \
	%D%/op_lookup.c \
	%D%/op_project.c \
	%D%/op_repeat.c \
	%D%/op_scan.c \
	%D%/op_sort.c \
	%D%/op_stream.c \
	%D%/order.c \
	%D%/order.h \
	%D%/op_unique.c \
	%D%/op_values.c \
	%D%/op_window.c \
	%D%/parse.c \
	%D%/parse.h \
	%D%/plan.c \
	%D%/plan_window.c \
	%D%/point.c \
	%D%/point.h \
	%D%/point_make.c \
	%D%/point_own.h \
	%D%/point_select.c \
	%D%/positional.c \
	%D%/plan.h \
	%D%/prog.h \
	%D%/push.c \
	%D%/refuse.c \
	%D%/refuse.h \
	%D%/regex.c \
	%D%/regex.h \
	%D%/resolve.c \
	%D%/restrict.c \
	%D%/result.c \
	%D%/result.h \
	%D%/row_list.c \
	%D%/rows.c \
	%D%/rows.h \
	%D%/run.c \
	%D%/run.h \
	%D%/pile.c \
	%D%/pile.h \
	%D%/sketch.c \
	%D%/sketch.h \
	%D%/sorter.c \
	%D%/sorter.h \
	%D%/spill.c \
	%D%/spill.h \
	%D%/span.h \
	%D%/series.c \
	%D%/session.c \
	%D%/statement.c \
	%D%/statement.h \
	%D%/set_op.c \
	%D%/steps.c \
	%D%/stmt.c \
	%D%/stmt.h \
	%D%/subquery.c \
	%D%/table_function.c \
	%D%/table_function.h \
	%D%/terms.c \
	%D%/types.c \
	%D%/upsert.c \
	%D%/upsert.h \
	%D%/vec.c \
	%D%/window.c \
	%D%/window.h \
	%D%/window_sum.c
nodist_libstoa_all_la_SOURCES = %D%/sql.c %D%/sql.h

BUILT_SOURCES += %D%/sql.h
CLEANFILES += %D%/sql.out
MAINTAINERCLEANFILES = %D%/sql.c %D%/sql.h
EXTRA_DIST += %D%/sql.y %D%/sql.c %D%/sql.h %D%/README.md

## One run of Lemon makes both files.
%D%/sql.c: %D%/sql.y
	@$(MKDIR_P) %D%
	$(AM_V_GEN)$(LEMON) -q -l -d%D% $(srcdir)/%D%/sql.y
%D%/sql.h: %D%/sql.c
	@test -f $@ || { rm -f %D%/sql.c; $(MAKE) $(AM_MAKEFLAGS) %D%/sql.c; }
## BUILT_SOURCES serves all and check alone; one program may be asked for in a clean tree, too.
%D%/ast_window.lo %D%/lexer.lo %D%/parse.lo: %D%/sql.h
