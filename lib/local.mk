## SPDX-License-Identifier: MIT

include_HEADERS += %D%/stoa.h
EXTRA_DIST += %D%/libstoa.pc.in

## lib/: the heart
libstoa_all_la_SOURCES += \
	%D%/stoa.h

## lib/core/
libstoa_all_la_SOURCES += \
	%D%/core/alloc.c \
	%D%/core/alloc.h \
	%D%/core/bitmap.c \
	%D%/core/bitmap.h \
	%D%/core/buf.c \
	%D%/core/buf.h \
	%D%/core/chunk.h \
	%D%/core/error.c \
	%D%/core/error.h \
	%D%/core/hash.c \
	%D%/core/hash.h \
	%D%/core/limits.h \
	%D%/core/source.h \
	%D%/core/text.c \
	%D%/core/text.h \
	%D%/core/type.c \
	%D%/core/type.h

## lib/csv/
libstoa_all_la_SOURCES +=
