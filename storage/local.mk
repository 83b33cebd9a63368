## SPDX-License-Identifier: MIT

libstoa_all_la_SOURCES += \
	%D%/bell.c \
	%D%/bell.h \
	%D%/catalog.c \
	%D%/catalog.h \
	%D%/catalog_check.c \
	%D%/catalog_env.c \
	%D%/catalog_env.h \
	%D%/catalog_sum.c \
	%D%/catalog_sum.h \
	%D%/catalog_write.c \
	%D%/copy.c \
	%D%/copy.h \
	%D%/file.c \
	%D%/file.h \
	%D%/lock.c \
	%D%/lock.h \
	%D%/log.c \
	%D%/log.h \
	%D%/log_format.h \
	%D%/log_file.c \
	%D%/log_look.c \
	%D%/log_own.h \
	%D%/log_read.c \
	%D%/segment.h \
	%D%/segment_format.h \
	%D%/segment_holes.c \
	%D%/segment_open.h \
	%D%/segment_read.c \
	%D%/segment_write.c \
	%D%/size_limit.c \
	%D%/size_limit.h \
	%D%/stream.c \
	%D%/stream.h \
	%D%/validate.c \
	%D%/validate.h

EXTRA_DIST += %D%/README.md
