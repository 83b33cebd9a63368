## SPDX-License-Identifier: MIT
##
## The parser is made from sql.y by Lemon in the build directory, and shipped with the sources, so that
## who builds from a tarball needs no Lemon.

libstoa_all_la_SOURCES += \
	%D%/arena.c \
	%D%/arena.h \
	%D%/ast.c \
	%D%/ast.h \
	%D%/lexer.c \
	%D%/parse.c \
	%D%/parse.h
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
