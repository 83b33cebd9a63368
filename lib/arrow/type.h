/* SPDX-License-Identifier: MIT */
/*
 * type.h - Arrow's column types, and which of stoa's they are
 *
 * Three spellings of a type meet here: the format string of the C data interface, the tables of the
 * IPC format (message.c) and a struct stoa_column. Nested types have no counterpart in a slot, and
 * are refused by name.
 */
#ifndef STOA__ARROW_TYPE_H
#define STOA__ARROW_TYPE_H

#include "../stoa.h"

enum stoa__arrow_kind {
	STOA__ARROW_NULL,	/* no buffers: every row is NULL */
	STOA__ARROW_BOOL,	/* bits */
	STOA__ARROW_INT,
	STOA__ARROW_FLOAT,	/* half, single or double */
	STOA__ARROW_DECIMAL,	/* 32 to 256 bits */
	STOA__ARROW_BYTES,	/* offsets of @width, bytes */
	STOA__ARROW_VIEW,	/* 16 bytes a value: itself, or a place in one of several buffers */
	STOA__ARROW_FIXED,	/* @width bytes a value */
	STOA__ARROW_DATE,
	STOA__ARROW_TIME,
	STOA__ARROW_TIMESTAMP,
};

/* The first four are numbered as in the IPC format. */
enum stoa__arrow_unit {
	STOA__ARROW_SECOND,
	STOA__ARROW_MILLI,
	STOA__ARROW_MICRO,
	STOA__ARROW_NANO,
	STOA__ARROW_DAY,
};

struct stoa__arrow_type {
	uint8_t kind;
	uint8_t unit;		/* of DATE, TIME, TIMESTAMP */
	bool is_signed;		/* INT */
	bool utf8;		/* BYTES, VIEW */
	uint32_t width;		/* bytes of an element, or of an offset; 0 for NULL and BOOL */
	int32_t precision;	/* DECIMAL */
	int32_t scale;
};

/*
 * A column as both interfaces describe it. @type is that of the dictionary's values where there is
 * one.
 */
struct stoa__arrow_field {
	const char *name;
	struct stoa__arrow_type type;
	struct stoa__arrow_type index;	/* of the codes, if @dictionary */
	bool dictionary;
	bool uuid;		/* the extension type arrow.uuid */
	int64_t dictionary_id;	/* IPC only */
};

#define STOA__ARROW_FORMAT_MAX 40	/* bytes of a format string that is printed here */
#define STOA__ARROW_UUID "arrow.uuid"
#define STOA__ARROW_EXTENSION "ARROW:extension:name"

/* Reads a format string: STOA_OK, or STOA_EUNSUPPORTED for what is nested or not known. */
int stoa__arrow_type_parse(const char *format, struct stoa__arrow_type *out);
void stoa__arrow_type_print(const struct stoa__arrow_type *t, char out[STOA__ARROW_FORMAT_MAX]);
/* What people call the type of a format string: "list", "duration". Never NULL. */
const char *stoa__arrow_type_name(const char *format);
/* Buffers of an array, without the variadic ones of a VIEW. */
int64_t stoa__arrow_n_buffers(const struct stoa__arrow_type *t);

/* How a column of stoa's goes out. Strings as dictionaries unless @plain. */
void stoa__arrow_field_of(const struct stoa_column *c, bool plain, struct stoa__arrow_field *out);
/*
 * What a column of Arrow's becomes: STOA_EUNSUPPORTED, with words, where nothing holds its values.
 */
int stoa__arrow_column_of(const struct stoa__arrow_field *f, struct stoa_column *out,
			  struct stoa_error *err);

#endif
