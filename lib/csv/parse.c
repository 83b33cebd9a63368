/* SPDX-License-Identifier: MIT */
/*
 * parse.c - a block of CSV text into the columns of a row group
 *
 * The rows of a block come in runs (rows.h) of some hundreds; each run is parsed column by column,
 * a loop per type, so that a loop's branches see one kind of text and its code stays in the cache,
 * while the run's text stays in the cache from column to column. Parsing row by row took twice as
 * long on TPC-H lineitem, nearly all of it mispredicted jumps on the type.
 *
 * A field takes one of three ways: plain; special (a quote in front, or the text of NULL), which is
 * turned into plain or NULL; and, when the fast form of its type does not match (fast.h), the slow
 * and exact parser of lib/core/text.h, which also decides what is an error.
 *
 * (1) Row r of the block is element r of each column. (2) A NULL's element is zero. (3) A column's
 * validity is all ones beyond what was parsed, and not handed out while has_null is false.
 */
#include "parse.h"

#include <inttypes.h>
#include <nettle/base64.h>
#include <stdio.h>

#include "../core/alloc.h"
#include "../core/bitmap.h"
#include "../core/error.h"
#include "../core/text.h"
#include "../core/type.h"
#include "dict.h"
#include "fast.h"
#include "infer.h"
#include "lanes_load.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)

struct column;
/* Parses rows @row .. @row + @n of a column; field of the first ends at entry @entry. */
typedef int parse_run(struct stoa__csv_parser *p, struct column *c, size_t entry, size_t row,
		      size_t n, struct stoa__csv_fault *fault);

struct column {
	const struct stoa__csv_column *plan;
	parse_run *run;
	int64_t min, max;	/* of the slot, for STOA__INT types */
	bool last;		/* in the file: a \r may follow */
	bool has_null;
	void *values;
	uint64_t *validity;
	uint32_t *codes;
	struct stoa__csv_dict dict;
	struct stoa_bytes fill;	/* of a string slot's default */
};

struct stoa__csv_parser {
	const struct stoa__csv_plan *plan;
	struct stoa__csv_rows rows;
	struct column *columns;
	struct stoa__bulk_column *out;
	size_t cap;		/* rows that the arrays have room for */
};

/* ---- faults ----------------------------------------------------------------------------- */

/* Up to 40 bytes of a field as they can be shown: whole characters, none of them a control. */
static void shown(struct stoa__csv_field f, char out[48])
{
	size_t n = f.n < 40 ? f.n : 40;

	while (n > 0 && n < f.n && ((unsigned char)f.p[n] & 0xc0) == 0x80)
		n--;
	if (!stoa__utf8_valid(f.p, n))
		n = 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)f.p[i] < 32 ? ' ' : f.p[i];
	strcpy(out + n, n < f.n ? "..." : "");
}

static int fail_field(const struct stoa__csv_parser *p, const struct column *c,
		      struct stoa__csv_field f, int code, const char *what,
		      struct stoa__csv_fault *fault)
{
	stoa__csv_fault(fault, code, (size_t)(f.p - p->rows.text), "column \"%s\": %s",
			c->plan->slot.name, what);
	fault->column = c->plan->source;
	return code;
}

/* The field's text is no value of the slot's type. */
static int refuse(const struct stoa__csv_parser *p, const struct column *c,
		  struct stoa__csv_field f, int code, struct stoa__csv_fault *fault)
{
	char text[48], type[32];

	shown(f, text);
	stoa__type_print(&c->plan->slot, type, sizeof type);
	stoa__csv_fault(fault, code, (size_t)(f.p - p->rows.text),
			code == STOA_ERANGE ? "column \"%s\": \"%s\" does not fit %s"
					    : "column \"%s\": \"%s\" is no %s",
			c->plan->slot.name, text, type);
	fault->column = c->plan->source;
	fault->misfit = c->plan->inferred;
	return code;
}

static int fail_memory(struct stoa__csv_fault *fault)
{
	return stoa__csv_fault(fault, STOA_ENOMEM, 0, "out of memory");
}

/* ---- fields ----------------------------------------------------------------------------- */

enum { PLAIN = STOA_OK, NONE = STOA_ROW };

static int set_null(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
		    size_t row, struct stoa__csv_fault *fault)
{
	static const struct stoa_value zero = { 0, 0, 0, 0, { 0 } };

	if (c->plan->slot.flags & STOA_NOT_NULL)
		return fail_field(p, c, f, STOA_ENULL, "NULL, and the slot is not null", fault);
	c->has_null = true;
	stoa__bit_clear(c->validity, row);
	if (c->codes)
		c->codes[row] = 0;
	else if (c->plan->slot.type == STOA_UUID)
		memset((uint8_t *)c->values + 16 * row, 0, 16);
	else
		stoa__element_put(c->plan->slot.type, c->values, row, &zero);
	return NONE;
}

/* A field that begins with a quote or may be NULL: makes it plain, or NULL. */
static __attribute__((noinline)) int take_special(struct stoa__csv_parser *p, struct column *c,
						  struct stoa__csv_field *f, size_t row,
						  struct stoa__csv_fault *fault)
{
	const struct stoa__csv_dialect *d = &p->rows.dialect;
	struct stoa__csv_field whole = *f;
	size_t at;

	if (f->n == d->null_len && memcmp(f->p, d->null_text, f->n) == 0)
		return set_null(p, c, *f, row, fault);
	if (f->n == 0 || *f->p != d->quote)
		return PLAIN;
	if (stoa__csv_unquote(f, d->quote, &at) < 0) {
		whole.p += at;
		return fail_field(p, c, whole, STOA_ESYNTAX,
				  "text behind the closing quote of a field", fault);
	}
	/* "" is a string; to any other type it says as little as nothing does. */
	if (f->n == 0 && d->null_len == 0 && stoa__type_family(c->plan->slot.type) != STOA__BYTES)
		return set_null(p, c, whole, row, fault);
	return PLAIN;
}

/* The field that ends at @entry: PLAIN; NONE when it is NULL, and set so; or a fault. */
static inline int take(struct stoa__csv_parser *p, struct column *c, size_t entry, size_t row,
		       struct stoa__csv_field *f, struct stoa__csv_fault *fault)
{
	*f = stoa__csv_field(&p->rows, entry, c->last);
	if (LIKELY(f->n != p->rows.dialect.null_len && *f->p != p->rows.dialect.quote))
		return PLAIN;
	return take_special(p, c, f, row, fault);
}

/* Puts a plain field into element @i, or returns a fault. */
typedef int put_field(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
		      size_t i, struct stoa__csv_fault *fault);

/* The loop of every type; always inlined, and @put, a constant, into it. */
static inline __attribute__((always_inline)) int each_field(struct stoa__csv_parser *p,
							    struct column *c, size_t entry,
							    size_t row, size_t n,
							    struct stoa__csv_fault *fault,
							    put_field *put)
{
	size_t stride = p->rows.n_columns;

	for (size_t i = row; i < row + n; i++, entry += stride) {
		struct stoa__csv_field f;
		int rc = take(p, c, entry, i, &f, fault);

		if (LIKELY(rc == PLAIN))
			rc = put(p, c, f, i, fault);
		if (rc < 0)
			return rc;
	}
	return STOA_OK;
}

/* run_TYPE() from put_TYPE(). */
#define RUN(type)                                                                                  \
	static int run_##type(struct stoa__csv_parser *p, struct column *c, size_t entry,          \
			      size_t row, size_t n, struct stoa__csv_fault *fault)                 \
	{                                                                                          \
		return each_field(p, c, entry, row, n, fault, put_##type);                         \
	}

/* ---- fields by type --------------------------------------------------------------------- */

/*
 * May a value of this text be in a column of this type? Where the type is our guess, what made us
 * guess it decides.
 */
static bool fits(const struct column *c, struct stoa__csv_field f)
{
	return !c->plan->inferred || stoa__csv_fits(&c->plan->slot, f.p, f.n);
}

static __attribute__((noinline)) int slow_integer(const struct stoa__csv_parser *p,
						  const struct column *c, struct stoa__csv_field f,
						  int64_t *x, struct stoa__csv_fault *fault)
{
	int rc = fits(c, f) ? stoa__parse_i64(f.p, f.n, x) : STOA_ETYPE;

	if (rc == STOA_OK && (*x < c->min || *x > c->max))
		rc = STOA_ERANGE;
	return rc < 0 ? refuse(p, c, f, rc, fault) : STOA_OK;
}

static inline int put_i64(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			  size_t i, struct stoa__csv_fault *fault)
{
	int64_t *values = c->values;

	if (LIKELY(stoa__csv_fast_integer(f.p, f.n, &values[i])))
		return STOA_OK;
	return slow_integer(p, c, f, &values[i], fault);
}
RUN(i64)

static inline int put_i32(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			  size_t i, struct stoa__csv_fault *fault)
{
	int32_t *values = c->values;
	int64_t x;

	if (!LIKELY(stoa__csv_fast_integer(f.p, f.n, &x) && x == (int32_t)x))
		STOA_TRY(slow_integer(p, c, f, &x, fault));
	values[i] = (int32_t)x;
	return STOA_OK;
}
RUN(i32)

static __attribute__((noinline)) int slow_decimal(const struct stoa__csv_parser *p,
						  const struct column *c, struct stoa__csv_field f,
						  int64_t *x, struct stoa__csv_fault *fault)
{
	int rc = fits(c, f) ? stoa__parse_decimal(f.p, f.n, c->plan->slot.scale, x) : STOA_ETYPE;

	if (rc == STOA_OK && (*x < c->min || *x > c->max))
		rc = STOA_ERANGE;
	return rc < 0 ? refuse(p, c, f, rc, fault) : STOA_OK;
}

/* Of scale 1 to 8. */
static inline int put_decimal(struct stoa__csv_parser *p, struct column *c,
			      struct stoa__csv_field f, size_t i, struct stoa__csv_fault *fault)
{
	int64_t *values = c->values;

	if (LIKELY(stoa__csv_fast_decimal(f.p, f.n, c->plan->slot.scale, &values[i]) &&
		   values[i] >= c->min && values[i] <= c->max))
		return STOA_OK;
	return slow_decimal(p, c, f, &values[i], fault);
}
RUN(decimal)

static inline int put_wide_decimal(struct stoa__csv_parser *p, struct column *c,
				   struct stoa__csv_field f, size_t i,
				   struct stoa__csv_fault *fault)
{
	return slow_decimal(p, c, f, (int64_t *)c->values + i, fault);
}
RUN(wide_decimal)

/* fits() of what was read as @x; mostly without reading it once more. */
static bool fits_f64(const struct column *c, struct stoa__csv_field f, double x)
{
	bool minus = *f.p == '-';
	bool zero = f.n > 1u + minus && f.p[minus] == '0' && stoa__is_digit(f.p[minus + 1]);

	if (c->plan->inferred && (*f.p == '+' || zero))
		return false;
	return (x > -0x1p53 && x < 0x1p53) || fits(c, f);
}

static inline int put_f64(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			  size_t i, struct stoa__csv_fault *fault)
{
	double *values = c->values;
	int rc;

	if (LIKELY(stoa__csv_fast_double(f.p, f.n, &values[i])))
		return STOA_OK;
	rc = stoa__parse_f64(f.p, f.n, &values[i]);
	if (rc == STOA_OK && !fits_f64(c, f, values[i]))
		rc = STOA_ETYPE;
	return rc < 0 ? refuse(p, c, f, rc, fault) : STOA_OK;
}
RUN(f64)

static __attribute__((noinline)) int slow_date(const struct stoa__csv_parser *p,
					       const struct column *c, struct stoa__csv_field f,
					       int32_t *day, struct stoa__csv_fault *fault)
{
	int64_t x = 0;
	int rc = stoa__parse_date(f.p, f.n, &x);

	*day = (int32_t)x;
	return rc < 0 ? refuse(p, c, f, rc, fault) : STOA_OK;
}

static inline int put_date(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			   size_t i, struct stoa__csv_fault *fault)
{
	int32_t *values = c->values;

	if (LIKELY(stoa__csv_fast_date(f.p, f.n, &values[i])))
		return STOA_OK;
	return slow_date(p, c, f, &values[i], fault);
}
RUN(date)

/* Is the field text that its slot can hold? */
static inline int check_text(const struct stoa__csv_parser *p, const struct column *c,
			     struct stoa__csv_field f, size_t max, struct stoa__csv_fault *fault)
{
	if (!LIKELY(f.n <= max))
		return refuse(p, c, f, STOA_ERANGE, fault);
	if (p->rows.scan.non_ascii && !stoa__utf8_valid(f.p, f.n))
		return fail_field(p, c, f, STOA_ESYNTAX, "the text is not valid UTF-8", fault);
	return STOA_OK;
}

static inline int put_string(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			     size_t i, struct stoa__csv_fault *fault)
{
	STOA_TRY(check_text(p, c, f, STOA_STRING_MAX, fault));
	if (stoa__csv_dict_code(&c->dict, f.p, (uint32_t)f.n, &c->codes[i]) < 0)
		return fail_memory(fault);
	return STOA_OK;
}
RUN(string)

static inline int put_text(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			   size_t i, struct stoa__csv_fault *fault)
{
	struct stoa_bytes *values = c->values;

	STOA_TRY(check_text(p, c, f, STOA_TEXT_MAX, fault));
	values[i] = (struct stoa_bytes){ f.p, (uint32_t)f.n };
	return STOA_OK;
}
RUN(text)

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 4648, decoded over itself: nettle has read what it writes over. */
static bool decode_base64(struct stoa__csv_field *f)
{
	struct base64_decode_ctx ctx;

	base64_decode_init(&ctx);
	return base64_decode_update(&ctx, &f->n, (uint8_t *)f->p, f->n, f->p) &&
	       base64_decode_final(&ctx);
}

/* \x and hexadecimal digits, decoded over themselves. */
static bool decode_hex(struct stoa__csv_field *f)
{
	if (f->n < 2 || f->n % 2 != 0 || f->p[0] != '\\' || f->p[1] != 'x')
		return false;
	for (size_t i = 2; i < f->n; i++)
		if (hex_digit(f->p[i]) < 0)
			return false;
	for (size_t i = 2; i < f->n; i += 2)
		f->p[i / 2 - 1] = (char)(hex_digit(f->p[i]) << 4 | hex_digit(f->p[i + 1]));
	f->n = f->n / 2 - 1;
	return true;
}

static inline int put_blob(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			   size_t i, struct stoa__csv_fault *fault)
{
	struct stoa_bytes *values = c->values;

	if (!(p->rows.dialect.base64 ? decode_base64(&f) : decode_hex(&f)))
		return refuse(p, c, f, STOA_ETYPE, fault);
	if (f.n > STOA_TEXT_MAX)
		return refuse(p, c, f, STOA_ERANGE, fault);
	values[i] = (struct stoa_bytes){ f.p, (uint32_t)f.n };
	return STOA_OK;
}
RUN(blob)

/* All types without a loop of their own: bool, i8, i16, unsigned, f32, time, uuid. */
static inline int put_any(struct stoa__csv_parser *p, struct column *c, struct stoa__csv_field f,
			  size_t i, struct stoa__csv_fault *fault)
{
	enum stoa_type type = (enum stoa_type)c->plan->slot.type;
	bool lenient = type == STOA_BOOL ||
		       type == STOA_U64; /* reads more than a guess is made of */
	struct stoa_value v;
	int rc = lenient && !fits(c, f) ? STOA_ETYPE
					: stoa_value_parse(type, 0, f.p, f.n, &v, NULL);

	if (rc < 0)
		return refuse(p, c, f, rc, fault);
	stoa__element_put(type, c->values, i, &v);
	return STOA_OK;
}
RUN(any)

static inline int put_timestamp(struct stoa__csv_parser *p, struct column *c,
				struct stoa__csv_field f, size_t i, struct stoa__csv_fault *fault)
{
	int64_t *values = c->values;

	if (LIKELY(stoa__csv_fast_timestamp(f.p, f.n, &values[i])))
		return STOA_OK;
	return put_any(p, c, f, i, fault);
}
RUN(timestamp)

/* ---- many fields at once ---------------------------------------------------------------- */

/* Parses the fields of STOA__CSV_LANES rows from @row on; not 0 when some are odd. */
typedef uint64_t lanes_step(const struct stoa__csv_rows *r, const struct column *c,
			    struct stoa__csv_lanes *l, size_t entry, size_t row);

static inline uint64_t lanes_i32(const struct stoa__csv_rows *r, const struct column *c,
				 struct stoa__csv_lanes *l, size_t entry, size_t row)
{
	int32_t *values = (int32_t *)c->values + row;
	uint64_t any;

	stoa__csv_load_numbers(r, l, entry, c->last, 0, false);
	any = r->kernel->lanes.numbers(l, 0, c->min, c->max);
	for (size_t i = 0; i < STOA__CSV_LANES; i++)
		values[i] = (int32_t)l->value[i];
	return any;
}

static inline uint64_t lanes_i64(const struct stoa__csv_rows *r, const struct column *c,
				 struct stoa__csv_lanes *l, size_t entry, size_t row)
{
	uint64_t any;

	stoa__csv_load_numbers(r, l, entry, c->last, 0, false);
	any = r->kernel->lanes.numbers(l, 0, c->min, c->max);
	memcpy((int64_t *)c->values + row, l->value, sizeof l->value);
	return any;
}

static inline uint64_t lanes_decimal(const struct stoa__csv_rows *r, const struct column *c,
				     struct stoa__csv_lanes *l, size_t entry, size_t row)
{
	unsigned scale = c->plan->slot.scale;
	uint64_t any;

	/* A guess was made of amounts, all of which had a point: see fits(). */
	stoa__csv_load_numbers(r, l, entry, c->last, scale, !c->plan->inferred);
	any = r->kernel->lanes.numbers(l, scale, c->min, c->max);
	memcpy((int64_t *)c->values + row, l->value, sizeof l->value);
	return any;
}

static inline uint64_t lanes_date(const struct stoa__csv_rows *r, const struct column *c,
				  struct stoa__csv_lanes *l, size_t entry, size_t row)
{
	int32_t *values = (int32_t *)c->values + row;
	uint64_t any;

	stoa__csv_load_dates(r, l, entry, c->last, false);
	any = r->kernel->lanes.dates(l);
	for (size_t i = 0; i < STOA__CSV_LANES; i++)
		values[i] = (int32_t)l->value[i];
	return any;
}

static inline uint64_t lanes_timestamp(const struct stoa__csv_rows *r, const struct column *c,
				       struct stoa__csv_lanes *l, size_t entry, size_t row)
{
	uint64_t any;

	stoa__csv_load_dates(r, l, entry, c->last, true);
	(void)r->kernel->lanes.dates(l);
	stoa__csv_load_times(r, l, entry, c->last);
	any = r->kernel->lanes.times(l);
	memcpy((int64_t *)c->values + row, l->value, sizeof l->value);
	return any;
}

/* The loop of these types: odd lanes, and the rows left at the end, go to @one. */
static inline __attribute__((always_inline)) int each_lanes(struct stoa__csv_parser *p,
							    struct column *c, size_t entry,
							    size_t row, size_t n,
							    struct stoa__csv_fault *fault,
							    lanes_step *step, parse_run *one)
{
	size_t stride = p->rows.n_columns;
	struct stoa__csv_lanes l;

	for (; n >= STOA__CSV_LANES; n -= STOA__CSV_LANES) {
		bool any = step(&p->rows, c, &l, entry, row) != 0;

		for (size_t i = 0; any && i < STOA__CSV_LANES; i++)
			if (l.odd[i])
				STOA_TRY(one(p, c, entry + i * stride, row + i, 1, fault));
		entry += STOA__CSV_LANES * stride;
		row += STOA__CSV_LANES;
	}
	return one(p, c, entry, row, n, fault);
}

/* run_TYPE_lanes() from lanes_TYPE() and run_TYPE(). */
#define RUN_LANES(type)                                                                            \
	static int run_##type##_lanes(struct stoa__csv_parser *p, struct column *c, size_t entry,  \
				      size_t row, size_t n, struct stoa__csv_fault *fault)         \
	{                                                                                          \
		return each_lanes(p, c, entry, row, n, fault, lanes_##type, run_##type);           \
	}
RUN_LANES(i32)
RUN_LANES(i64)
RUN_LANES(decimal)
RUN_LANES(date)
RUN_LANES(timestamp)

/* ---- the parser ------------------------------------------------------------------------- */

static parse_run *lanes_run_of(const struct stoa_slot *slot)
{
	switch (slot->type) {
	case STOA_I64: return run_i64_lanes;
	case STOA_I32: return run_i32_lanes;
	case STOA_DECIMAL:
		return slot->scale >= 1 && slot->scale <= STOA__CSV_LANES_SCALE_MAX
			       ? run_decimal_lanes
			       : NULL;
	case STOA_DATE: return run_date_lanes;
	case STOA_TIMESTAMP: return run_timestamp_lanes;
	default: return NULL;
	}
}

static parse_run *run_of(const struct stoa_slot *slot)
{
	switch (slot->type) {
	case STOA_I64: return run_i64;
	case STOA_I32: return run_i32;
	case STOA_DECIMAL: return slot->scale >= 1 && slot->scale <= 8 ? run_decimal
								      : run_wide_decimal;
	case STOA_F64: return run_f64;
	case STOA_DATE: return run_date;
	case STOA_TIMESTAMP: return run_timestamp;
	case STOA_STRING: return run_string;
	case STOA_TEXT: return run_text;
	case STOA_BLOB: return run_blob;
	default: return run_any;
	}
}

/* Fields by lanes, unless a quote or the text of NULL may look like what is in them. */
static parse_run *fastest_run_of(const struct stoa_slot *slot, const struct stoa__csv_dialect *d)
{
	static const char looks[] = "-.: T0123456789";
	bool ambiguous = strchr(looks, d->quote) ||
			 (d->null_len > 0 && strspn(d->null_text, looks) == d->null_len);
	parse_run *run = ambiguous ? NULL : lanes_run_of(slot);

	return run ? run : run_of(slot);
}

struct stoa__csv_parser *stoa__csv_parser_new(const struct stoa__csv_plan *plan)
{
	struct stoa__csv_parser *p = stoa__calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->plan = plan;
	p->columns = stoa__calloc(plan->n_columns, sizeof *p->columns);
	p->out = stoa__calloc(plan->n_columns, sizeof *p->out);
	if (!p->columns || !p->out ||
	    stoa__csv_rows_init(&p->rows, &plan->dialect, plan->n_sources) < 0) {
		stoa__csv_parser_free(p);
		return NULL;
	}
	for (size_t i = 0; i < plan->n_columns; i++) {
		struct column *c = &p->columns[i];

		c->plan = &plan->columns[i];
		c->run = fastest_run_of(&c->plan->slot, &plan->dialect);
		c->last = c->plan->source == (int)plan->n_sources - 1;
		if (stoa__type_family(c->plan->slot.type) == STOA__INT)
			stoa__type_range(c->plan->slot.type, c->plan->slot.precision, &c->min,
					 &c->max);
	}
	return p;
}

static void free_arrays(struct column *c)
{
	stoa__free(c->values);
	stoa__free(c->validity);
	stoa__free(c->codes);
	c->values = NULL;
	c->validity = NULL;
	c->codes = NULL;
}

void stoa__csv_parser_free(struct stoa__csv_parser *p)
{
	if (!p)
		return;
	for (size_t i = 0; p->columns && i < p->plan->n_columns; i++) {
		free_arrays(&p->columns[i]);
		stoa__csv_dict_release(&p->columns[i].dict);
	}
	stoa__csv_rows_release(&p->rows);
	stoa__free(p->columns);
	stoa__free(p->out);
	stoa__free(p);
}

size_t stoa__csv_parser_bytes(const struct stoa__csv_plan *plan, size_t n_rows)
{
	size_t width = 0;

	for (size_t i = 0; i < plan->n_columns; i++) {
		unsigned type = plan->columns[i].slot.type;

		width += type == STOA_STRING ? sizeof(uint32_t) : stoa__type_width(type);
	}
	return width * n_rows;
}

/* Arrays of a column for @n rows, all bits of validity set. */
static int make_arrays(struct column *c, size_t n)
{
	unsigned type = c->plan->slot.type;

	free_arrays(c);
	if (type == STOA_STRING)
		c->codes = stoa__alloc_aligned(n * sizeof *c->codes);
	else
		c->values = stoa__alloc_aligned(n * stoa__type_width(type));
	c->validity = stoa__alloc_aligned(STOA__WORDS(n) * sizeof *c->validity);
	if ((!c->codes && !c->values) || !c->validity)
		return STOA_ENOMEM;
	memset(c->validity, 0xff, STOA__WORDS(n) * sizeof *c->validity);
	return STOA_OK;
}

/*
 * Every row of a column that the file does not have: the default or NULL, once and for all blocks.
 */
static void fill_default(struct column *c, size_t n)
{
	const struct stoa_value *v = &c->plan->slot.value;
	static const struct stoa_value zero = { 0, 0, 0, 0, { 0 } };

	c->has_null = v->type == STOA_NULL;
	if (c->has_null) {
		memset(c->validity, 0, STOA__WORDS(n) * sizeof *c->validity);
		v = &zero;
	}
	c->fill = (struct stoa_bytes){ v->p, v->len };
	for (size_t i = 0; i < n; i++) {
		if (c->codes)
			c->codes[i] = 0;
		else
			stoa__element_put(c->plan->slot.type, c->values, i, v);
	}
}

/* Room for @n rows in every column. */
static int reserve(struct stoa__csv_parser *p, size_t n)
{
	if (n <= p->cap)
		return STOA_OK;
	n = n < STOA_GROUP_MAX / 2 ? n + n / 4 + 64 : STOA_GROUP_MAX;
	p->cap = 0;
	for (size_t i = 0; i < p->plan->n_columns; i++) {
		STOA_TRY(make_arrays(&p->columns[i], n));
		if (p->columns[i].plan->source < 0)
			fill_default(&p->columns[i], n);
	}
	p->cap = n;
	return STOA_OK;
}

static void start(struct stoa__csv_parser *p, struct stoa__csv_block *block)
{
	stoa__csv_rows_start(&p->rows, block->text, block->len);
	for (size_t i = 0; i < p->plan->n_columns; i++) {
		struct column *c = &p->columns[i];

		if (c->plan->source < 0)
			continue;
		stoa__csv_dict_reset(&c->dict);
		if (c->has_null)
			memset(c->validity, 0xff, STOA__WORDS(p->cap) * sizeof *c->validity);
		c->has_null = false;
	}
}

static const struct stoa__bulk_column *finish(struct stoa__csv_parser *p)
{
	for (size_t i = 0; i < p->plan->n_columns; i++) {
		const struct column *c = &p->columns[i];
		const struct stoa_slot *slot = &c->plan->slot;
		bool filled = c->plan->source < 0;

		p->out[i] = (struct stoa__bulk_column){
			.array = { slot->type, slot->scale, c->values,
				   c->has_null ? c->validity : NULL },
			.codes = c->codes,
			.list = !c->codes ? NULL : filled ? &c->fill : c->dict.list,
			.n_list = !c->codes ? 0 : filled ? !c->has_null : c->dict.n,
		};
	}
	return p->out;
}

int stoa__csv_parse(struct stoa__csv_parser *p, struct stoa__csv_block *block,
		    const struct stoa__bulk_column **out, size_t *n_rows,
		    struct stoa__csv_fault *fault)
{
	size_t first, n;
	int rc;

	*n_rows = 0;
	if (reserve(p, block->n_records) < 0)
		return fail_memory(fault);
	start(p, block);
	while ((rc = stoa__csv_rows_next(&p->rows, &first, &n, fault)) == STOA_ROW) {
		STOA_ASSERT(*n_rows + n <= block->n_records);
		for (size_t i = 0; i < p->plan->n_columns; i++) {
			struct column *c = &p->columns[i];

			if (c->plan->source >= 0)
				STOA_TRY(c->run(p, c, first + (size_t)c->plan->source, *n_rows, n,
						fault));
		}
		*n_rows += n;
	}
	*out = finish(p);
	return rc == STOA_END ? STOA_OK : rc;
}
