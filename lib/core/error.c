/* SPDX-License-Identifier: MIT */
/*
 * error.c - the words that go with an error
 *
 * (1) A text is one line: control characters, which may come in with a user's name or path, are
 *     printed as '?'.
 * (2) A text that is too long is cut at a UTF-8 character, never within one.
 * (3) The arguments may point into the struct that is written, so that a caller can wrap a text.
 */
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *stoa_version(void)
{
	return STOA_VERSION_STRING;
}

const char *stoa_result_name(int result)
{
	switch (result) {
#define NAME(r)   \
	case r:   \
		return #r;
	NAME(STOA_OK)
	NAME(STOA_ROW)
	NAME(STOA_END)
	NAME(STOA_EINVAL)
	NAME(STOA_ENOMEM)
	NAME(STOA_EIO)
	NAME(STOA_ECORRUPT)
	NAME(STOA_EBUSY)
	NAME(STOA_ENOTFOUND)
	NAME(STOA_EEXIST)
	NAME(STOA_ETYPE)
	NAME(STOA_ERANGE)
	NAME(STOA_ENULL)
	NAME(STOA_EREADONLY)
	NAME(STOA_ESTATE)
	NAME(STOA_EFULL)
	NAME(STOA_EFORKED)
	NAME(STOA_EVERSION)
	NAME(STOA_ESYNTAX)
	NAME(STOA_EUNSUPPORTED)
	NAME(STOA_ECANCELED)
	NAME(STOA_EUNKNOWN)
	NAME(STOA_EDIVZERO)
#undef NAME
	}
	return "unknown result";
}

/* The end of @text if cut to @len bytes: the last character goes whole when a part of it would. */
static size_t cut_at_character(const char *text, size_t len)
{
	size_t start = len;

	while (start > 0 && ((unsigned char)text[start] & 0xc0) == 0x80)
		start--;
	/* Four bytes at most are a character; more is no UTF-8, and then any cut will do. */
	return len - start < 4 ? start : len;
}

static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void fill(struct stoa_error *err, int code, uint64_t line, uint64_t column, uint64_t offset,
		 const char *text)
{
	size_t len = strlen(text);

	if (len >= sizeof err->text)
		len = cut_at_character(text, sizeof err->text - 1);
	err->code = code;
	err->line = line;
	err->column = column;
	err->offset = offset;
	memcpy(err->text, text, len);
	err->text[len] = '\0';
}

/* One byte more than fits, so that fill() sees whether it has to cut. */
#define SCRATCH (STOA_ERROR_TEXT_MAX + 1)

static void format_text(char text[SCRATCH], const char *format, va_list args)
{
	if (vsnprintf(text, SCRATCH, format, args) < 0)
		text[0] = '\0';
	clean(text);
}

static void fill_text(struct stoa_error *err, int code, uint64_t line, uint64_t column,
		      const char *format, va_list args)
{
	char text[SCRATCH];

	format_text(text, format, args);
	fill(err, code, line, column, 0, text);
}

int stoa__fail(struct stoa_error *err, int code, const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	fill_text(err, code, 0, 0, format, args);
	va_end(args);
	return code;
}

int stoa__fail_at(struct stoa_error *err, int code, uint64_t line, uint64_t column,
		  const char *format, ...)
{
	va_list args;

	if (!err)
		return code;
	va_start(args, format);
	fill_text(err, code, line, column, format, args);
	va_end(args);
	return code;
}

int stoa__fail_memory(struct stoa_error *err)
{
	if (err)
		fill(err, STOA_ENOMEM, 0, 0, 0,
		     "out of memory: close what is not needed, or raise the limit");
	return STOA_ENOMEM;
}

int stoa__fail_corrupt(struct stoa_error *err, const char *file, uint64_t offset,
		       const char *format, ...)
{
	char what[SCRATCH];
	char text[2 * SCRATCH];
	va_list args;

	if (!err)
		return STOA_ECORRUPT;
	va_start(args, format);
	format_text(what, format, args);
	va_end(args);
	snprintf(text, sizeof text, "%s is damaged at byte %llu: %s", file,
		 (unsigned long long)offset, what);
	clean(text);
	fill(err, STOA_ECORRUPT, 0, 0, offset, text);
	return STOA_ECORRUPT;
}
