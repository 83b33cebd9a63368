/* SPDX-License-Identifier: MIT */
/*
 * error.h - how an error is born and passed on
 *
 *     return stoa__fail(err, STOA_EINVAL, "table name is empty: give it at least one character");
 *
 * Everything inside stoa passes the caller's struct stoa_error (or NULL) down and lets whoever
 * knows what went wrong write the words, once.
 */
#ifndef STOA__ERROR_H
#define STOA__ERROR_H

#include "../stoa.h"

/* Sets @err (unless NULL): code, text; line, column and offset to 0. Returns @code. */
int stoa__fail(struct stoa_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with a place in text: @line and @column from 1, 0 for unknown. */
int stoa__fail_at(struct stoa_error *err, int code, uint64_t line, uint64_t column,
		  const char *format, ...) __attribute__((format(printf, 5, 6)));
/* STOA_ENOMEM, without allocating. */
int stoa__fail_memory(struct stoa_error *err);
/* STOA_ECORRUPT in @file at @offset. */
int stoa__fail_corrupt(struct stoa_error *err, const char *file, uint64_t offset,
		       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For whoever owns nothing: returns from the calling function when @expr is an error. */
#define STOA_TRY(expr)                       \
	do {                                 \
		int stoa__try_rc = (expr);   \
		if (stoa__try_rc < 0)        \
			return stoa__try_rc; \
	} while (0)

/* Cheap promises between functions; on with --enable-debug. Never about data from outside. */
#ifdef STOA_DEBUG
#include <assert.h>
#define STOA_ASSERT(cond) assert(cond)
#else
#define STOA_ASSERT(cond) ((void)0)
#endif

#endif
