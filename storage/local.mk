## SPDX-License-Identifier: MIT

libstoa_all_la_SOURCES += \
	%D%/catalog.h \
	%D%/file.c \
	%D%/file.h \
	%D%/lock.c \
	%D%/lock.h \
	%D%/log.h \
	%D%/segment.h \
	%D%/segment_format.h \
	%D%/segment_read.c \
	%D%/segment_write.c
