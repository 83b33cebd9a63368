## SPDX-License-Identifier: MIT

bin_PROGRAMS += stoa
stoa_SOURCES = %D%/main.c
stoa_LDADD = libcli.a libstoa.la $(cli_libs)

## All but main(), for the tests, too.
noinst_LIBRARIES += libcli.a
cli_libs = $(YAJL_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) $(NETTLE_LIBS) $(EDIT_LIBS) -lm
libcli_a_CPPFLAGS = $(AM_CPPFLAGS) $(YAJL_CFLAGS) $(ZLIB_CFLAGS) $(EDIT_CFLAGS)
libcli_a_SOURCES = \
	bench/bench.h \
	bench/duckdb.c \
	bench/duckdb.h \
	bench/format.c \
	bench/format.h \
	bench/record.c \
	bench/report.c \
	bench/rounds.c \
	bench/run.c \
	bench/util.c \
	%D%/backup.c \
	%D%/bench.c \
	%D%/blob.c \
	%D%/check.c \
	%D%/cli.h \
	%D%/create.c \
	%D%/dump.c \
	%D%/dump.h \
	%D%/dump_rows.c \
	%D%/dump_text.c \
	%D%/export.c \
	%D%/gc.c \
	%D%/import.c \
	%D%/import_arrow.c \
	%D%/json.c \
	%D%/json_guess.c \
	%D%/json_guess.h \
	%D%/memory.c \
	%D%/options.c \
	%D%/options.h \
	%D%/pager.c \
	%D%/plot.c \
	%D%/progress.c \
	%D%/query.c \
	%D%/queue.c \
	%D%/queue.h \
	%D%/queue_lease.c \
	%D%/queue_work.c \
	%D%/recover.c \
	%D%/refs.c \
	%D%/report.c \
	%D%/restore.c \
	%D%/schema.c \
	%D%/session.c \
	%D%/set.c \
	%D%/shell.c \
	%D%/shell.h \
	%D%/shell_commands.c \
	%D%/shell_line.c \
	%D%/slots.c \
	%D%/stat.c \
	%D%/table.c \
	%D%/tables.c \
	%D%/trace.c \
	%D%/trace.h \
	%D%/treemap.c \
	%D%/unpack.c \
	%D%/width.c \
	%D%/writer.c \
	%D%/writer.h \
	%D%/writer_arrow.c \
	%D%/writer_csv.c \
	%D%/writer_html.c \
	%D%/writer_insert.c \
	%D%/writer_json.c \
	%D%/writer_markdown.c \
	%D%/writer_table.c \
	%D%/writer_vertical.c

## tests/manual_test.sh compares each page with its subcommand's --help.
dist_man_MANS += \
	%D%/stoa.1 \
	%D%/man/stoa-backup.1 \
	%D%/man/stoa-bench.1 \
	%D%/man/stoa-blob.1 \
	%D%/man/stoa-check.1 \
	%D%/man/stoa-create.1 \
	%D%/man/stoa-drop.1 \
	%D%/man/stoa-dump.1 \
	%D%/man/stoa-export.1 \
	%D%/man/stoa-freeze.1 \
	%D%/man/stoa-gc.1 \
	%D%/man/stoa-help.1 \
	%D%/man/stoa-import.1 \
	%D%/man/stoa-plot.1 \
	%D%/man/stoa-query.1 \
	%D%/man/stoa-queue.1 \
	%D%/man/stoa-recover.1 \
	%D%/man/stoa-refs.1 \
	%D%/man/stoa-restore.1 \
	%D%/man/stoa-schema.1 \
	%D%/man/stoa-set.1 \
	%D%/man/stoa-shell.1 \
	%D%/man/stoa-stat.1 \
	%D%/man/stoa-tables.1 \
	%D%/man/stoa-trace.1 \
	%D%/man/stoa-version.1
EXTRA_DIST += %D%/README.md %D%/stoa.bash %D%/_stoa

## Where bash-completion and Debian's zsh look; the file's name is the command's.
bash_completion_dir = $(datadir)/bash-completion/completions
zsh_completion_dir = $(datadir)/zsh/vendor-completions

install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(bash_completion_dir)' '$(DESTDIR)$(zsh_completion_dir)'
	$(INSTALL_DATA) '$(srcdir)/%D%/stoa.bash' '$(DESTDIR)$(bash_completion_dir)/stoa'
	$(INSTALL_DATA) '$(srcdir)/%D%/_stoa' '$(DESTDIR)$(zsh_completion_dir)/_stoa'

uninstall-hook:
	rm -f '$(DESTDIR)$(bash_completion_dir)/stoa' '$(DESTDIR)$(zsh_completion_dir)/_stoa'
