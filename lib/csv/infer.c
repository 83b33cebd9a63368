/* SPDX-License-Identifier: MIT */
/*
 * infer.c - what a CSV file is: its dialect, the types of its columns
 *
 * Each value is a set of bits, the types that give it back unchanged; a column's candidates are the
 * intersection. So the rules are a table of what a text may be:
 *
 *	12, -7			INT F64; UINT too unless negative; not F64 beyond 2^53
 *	18446744073709551615	UINT
 *	12.34			DECIMAL (1 to 4 digits after the point, 18 in all) F64
 *	1e5, .5, nan, 1.23456	F64
 *	2026-01-31		DATE TIMESTAMP
 *	007, +49123, 1.2.3	nothing: a zero or + in front makes a code, codes are text
 *
 * Decimals must agree in their number of fraction digits, since 12.5 beside 12.34 is rather a
 * measured quantity than an amount. A column of DECIMAL and INT values is F64.
 *
 * What is left at the end is a string or, when it is mostly distinct or long, a text.
 */
#include "infer.h"

#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "../core/hash.h"
#include "../core/text.h"

enum {
	BOOL = 1,
	INT = 2,
	UINT = 4,
	DECIMAL = 8,
	F64 = 16,
	DATE = 32,
	TIME = 64,
	TIMESTAMP = 128,
	UUID = 256,
	ANY = 511,
};

#define FRACTION_MAX 4		/* digits after the point of what we take for an amount */
#define STRING_LEN_MAX 255	/* longer values make a text */
#define DISTINCT_MIN 300	/* with fewer distinct values a column is never a text */
#define HASHED_MAX 65536	/* values of a column of which we count the distinct ones */

/* ---- the delimiter ---------------------------------------------------------------------- */

#define SNIFF_RECORDS 100

/*
 * How many fields do the first records have: all the same number, or 0? *@first: those of the
 * first.
 */
static size_t fields_of_all(const char *text, size_t len, char delimiter, char quote, size_t *first)
{
	size_t n = 1, records = 0, begin = 0;
	bool quoted = false, same = true;

	*first = 0;
	for (size_t i = 0; i < len && records < SNIFF_RECORDS; i++) {
		if (text[i] == quote) {
			quoted = !quoted;
		} else if (!quoted && text[i] == delimiter) {
			n++;
		} else if (!quoted && text[i] == '\n') {
			bool blank = i == begin || (i == begin + 1 && text[begin] == '\r');

			if (!blank && records++ == 0)
				*first = n;
			same &= blank || n == *first;
			n = 1;
			begin = i + 1;
		}
	}
	return same && records > 0 ? *first : 0;
}

char stoa__csv_sniff_delimiter(const char *text, size_t len, char quote, bool *regular)
{
	static const char candidates[] = { ',', ';', '\t', '|' };
	char best = ',';
	size_t best_score = 0;

	if (regular)
		*regular = false;

	for (size_t i = 0; i < sizeof candidates; i++) {
		size_t first, all, score;

		all = fields_of_all(text, len, candidates[i], quote, &first);
		/* One that gives all records the same number of fields beats any that does not. */
		score = all > 1 ? all + (SIZE_MAX >> 1) : first > 1 ? first : 0;
		if (score > best_score) {
			best = candidates[i];
			best_score = score;
			if (regular)
				*regular = all > 1;
		}
	}
	return best;
}

/* ---- values ----------------------------------------------------------------------------- */

/* A value's candidates, and what a column must know beyond them. */
struct value_kind {
	uint32_t kinds;
	int fraction;
	int64_t i;
};

/* A number of digits alone, @minus in front, no zero before others. */
static struct value_kind integer_kind(const char *p, size_t n)
{
	const int64_t exact = (int64_t)1 << 53;
	struct value_kind v = { 0, -1, 0 };
	uint64_t u;

	if (stoa__parse_i64(p, n, &v.i) == STOA_OK) {
		v.kinds = INT;
		if (v.i >= -exact && v.i <= exact)
			v.kinds |= F64;
	}
	if (stoa__parse_u64(p, n, &u) == STOA_OK)
		v.kinds |= UINT;
	return v;
}

/* Text that begins like a number: [-]digit or [-]. */
static struct value_kind number_kind(const char *p, size_t n)
{
	struct value_kind v = { 0, -1, 0 };
	size_t sign = *p == '-', whole = sign, fraction;
	double f;

	while (whole < n && stoa__is_digit(p[whole]))
		whole++;
	if (whole - sign > 1 && p[sign] == '0')
		return v;	/* 007 */
	if (whole == n) {
		if (n == sign + 1 && sign && p[1] == '0') /* -0 is no integer: its sign would go */
			return (struct value_kind){ F64, -1, 0 };
		return integer_kind(p, n);
	}
	for (fraction = whole + 1; fraction < n && stoa__is_digit(p[fraction]); fraction++)
		;
	if (stoa__parse_f64(p, n, &f) == STOA_OK)
		v.kinds = F64;
	if (p[whole] == '.' && fraction == n && whole > sign && n - whole - 1 >= 1 &&
	    n - whole - 1 <= FRACTION_MAX && n - sign - 1 <= STOA_DECIMAL_PRECISION_MAX) {
		v.kinds |= DECIMAL;
		v.fraction = (int)(n - whole - 1);
	}
	return v;
}

static struct value_kind digit_kind(const char *p, size_t n)
{
	struct value_kind v = { 0, -1, 0 };
	uint8_t uuid[16];
	int64_t x;

	if (n >= 10 && p[4] == '-') {
		if (stoa__parse_date(p, n, &x) == STOA_OK)
			v.kinds = DATE | TIMESTAMP;
		else if (stoa__parse_timestamp(p, n, &x) == STOA_OK)
			v.kinds = TIMESTAMP;
		return v;
	}
	if (n >= 5 && p[2] == ':') {
		v.kinds = stoa__parse_time(p, n, &x) == STOA_OK ? TIME : 0;
		return v;
	}
	if (n == 36 && p[8] == '-') {
		v.kinds = stoa__parse_uuid(p, n, uuid) == STOA_OK ? UUID : 0;
		return v;
	}
	return number_kind(p, n);
}

static struct value_kind word_kind(const char *p, size_t n)
{
	struct value_kind v = { 0, -1, 0 };
	uint8_t uuid[16];
	int64_t b;
	double f;

	if ((n == 4 || n == 5) && stoa__parse_bool(p, n, &b) == STOA_OK)
		v.kinds = BOOL;
	else if ((n == 3 || n == 8) && stoa__parse_f64(p, n, &f) == STOA_OK)
		v.kinds = F64;	/* nan, inf, infinity */
	else if (n == 36 && stoa__parse_uuid(p, n, uuid) == STOA_OK)
		v.kinds = UUID;
	return v;
}

static struct value_kind kind_of(const char *p, size_t n)
{
	struct value_kind none = { 0, -1, 0 };

	if (n == 0 || *p == '+')
		return none;
	if (stoa__is_digit(*p))
		return digit_kind(p, n);
	if (n > 1 && (*p == '-' || *p == '.') && (stoa__is_digit(p[1]) || strchr(".iInN", p[1])))
		return number_kind(p, n);
	return word_kind(p, n);
}

/* Of a name: ASCII letters, the underscore, and all that is beyond ASCII. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (signed char)c < 0;
}

bool stoa__csv_is_name(const char *p, size_t n)
{
	bool letter = false;

	for (size_t i = 0; i < n; i++)
		letter |= is_letter(p[i]);
	return letter && kind_of(p, n).kinds == 0;
}

static uint32_t bit_of(unsigned type)
{
	switch (type) {
	case STOA_BOOL: return BOOL;
	case STOA_I32:
	case STOA_I64: return INT;
	case STOA_U64: return UINT;
	case STOA_DECIMAL: return DECIMAL;
	case STOA_F64: return F64;
	case STOA_DATE: return DATE;
	case STOA_TIME: return TIME;
	case STOA_TIMESTAMP: return TIMESTAMP;
	case STOA_UUID: return UUID;
	default: return 0;
	}
}

bool stoa__csv_fits(const struct stoa_slot *slot, const char *p, size_t n)
{
	struct value_kind v = kind_of(p, n);

	if (slot->type == STOA_STRING || slot->type == STOA_TEXT)
		return true;
	return (v.kinds & bit_of(slot->type)) &&
	       (slot->type != STOA_DECIMAL || v.fraction == slot->scale);
}

/* ---- distinct values -------------------------------------------------------------------- */

static uint64_t hash_of(const char *p, size_t n)
{
	uint64_t hash = stoa__hash(p, n);

	return hash ? hash : 1;
}

/* The slot of @hash or the free one where it belongs. */
static uint64_t *find_hash(uint64_t *slots, uint32_t n_slots, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & (n_slots - 1);

	while (slots[i] && slots[i] != hash)
		i = (i + 1) & (n_slots - 1);
	return &slots[i];
}

static int grow_hashes(struct stoa__csv_guess *g)
{
	uint32_t n_slots = g->n_slots ? 2 * g->n_slots : 64;
	uint64_t *slots = stoa__calloc(n_slots, sizeof *slots);

	if (!slots)
		return STOA_ENOMEM;
	for (uint32_t i = 0; i < g->n_slots; i++)
		if (g->hashes[i])
			*find_hash(slots, n_slots, g->hashes[i]) = g->hashes[i];
	stoa__free(g->hashes);
	g->hashes = slots;
	g->n_slots = n_slots;
	return STOA_OK;
}

static int count_distinct(struct stoa__csv_guess *g, const char *p, size_t n)
{
	uint64_t hash = hash_of(p, n), *slot;

	if (g->n_hashed == HASHED_MAX)
		return STOA_OK;
	if (2 * (g->n_distinct + 1) > g->n_slots)
		STOA_TRY(grow_hashes(g));
	g->n_hashed++;
	slot = find_hash(g->hashes, g->n_slots, hash);
	g->n_distinct += *slot == 0;
	*slot = hash;
	return STOA_OK;
}

bool stoa__csv_infer_seen(const struct stoa__csv_infer *in, size_t i, const char *p, size_t n)
{
	const struct stoa__csv_guess *g = &in->columns[i];

	return g->n_slots > 0 && *find_hash(g->hashes, g->n_slots, hash_of(p, n)) != 0;
}

/* ---- columns ---------------------------------------------------------------------------- */

int stoa__csv_infer_init(struct stoa__csv_infer *in, const struct stoa__csv_dialect *dialect,
			 size_t n_columns)
{
	memset(in, 0, sizeof *in);
	in->columns = stoa__calloc(n_columns, sizeof *in->columns);
	if (!in->columns || stoa__csv_rows_init(&in->rows, dialect, n_columns) < 0) {
		stoa__free(in->columns);
		in->columns = NULL;
		return STOA_ENOMEM;
	}
	for (size_t i = 0; i < n_columns; i++) {
		in->columns[i].kinds = ANY;
		in->columns[i].fraction = -1;
		in->columns[i].min = INT64_MAX;
		in->columns[i].max = INT64_MIN;
	}
	return STOA_OK;
}

void stoa__csv_infer_release(struct stoa__csv_infer *in)
{
	for (size_t i = 0; in->columns && i < in->rows.n_columns; i++)
		stoa__free(in->columns[i].hashes);
	stoa__free(in->columns);
	stoa__csv_rows_release(&in->rows);
	memset(in, 0, sizeof *in);
}

/* Narrows the candidates by a value, or by another column's candidates. */
static void narrow(struct stoa__csv_guess *g, uint32_t kinds, int fraction)
{
	g->kinds &= kinds;
	if (fraction < 0)
		return;
	if (g->fraction >= 0 && g->fraction != fraction)
		g->kinds &= ~(uint32_t)DECIMAL;
	g->fraction = fraction;
}

static int see(struct stoa__csv_guess *g, const char *p, size_t n)
{
	g->n++;
	if (n > g->len_max)
		g->len_max = (uint32_t)n;
	if (g->kinds) {
		struct value_kind v = kind_of(p, n);

		narrow(g, v.kinds, v.fraction);
		if (v.kinds & INT) {
			g->min = v.i < g->min ? v.i : g->min;
			g->max = v.i > g->max ? v.i : g->max;
		}
	}
	return g->kinds ? STOA_OK : count_distinct(g, p, n);
}

/*
 * One field of column @i. A quoted empty one is NULL to every type but text, which will be unmoved
 * by it.
 */
static int see_field(struct stoa__csv_infer *in, size_t i, struct stoa__csv_field f,
		     struct stoa__csv_fault *fault)
{
	const struct stoa__csv_dialect *d = &in->rows.dialect;
	char *begin = f.p;
	size_t at;

	if (f.n == d->null_len && memcmp(f.p, d->null_text, f.n) == 0)
		return STOA_OK;
	if (f.n > 0 && *f.p == d->quote) {
		if (stoa__csv_unquote(&f, d->quote, &at) < 0)
			return stoa__csv_fault(fault, STOA_ESYNTAX,
					       (size_t)(begin - in->rows.text) + at,
					       "text behind the closing quote of a field");
		if (f.n == 0 && d->null_len == 0)
			return STOA_OK;
	}
	if (see(&in->columns[i], f.p, f.n) < 0)
		return stoa__csv_fault(fault, STOA_ENOMEM, 0, "out of memory");
	return STOA_OK;
}

int stoa__csv_infer_text(struct stoa__csv_infer *in, char *text, size_t len,
			 struct stoa__csv_fault *fault)
{
	size_t n_columns = in->rows.n_columns, first, n;
	int rc;

	stoa__csv_rows_start(&in->rows, text, len);
	while ((rc = stoa__csv_rows_next(&in->rows, &first, &n, fault)) == STOA_ROW) {
		for (size_t k = 0; k < n * n_columns; k++) {
			size_t i = k % n_columns;
			struct stoa__csv_field f =
				stoa__csv_field(&in->rows, first + k, i == n_columns - 1);

			STOA_TRY(see_field(in, i, f, fault));
		}
	}
	return rc == STOA_END ? STOA_OK : rc;
}

void stoa__csv_infer_join(struct stoa__csv_infer *in, const struct stoa__csv_infer *other)
{
	for (size_t i = 0; i < in->rows.n_columns; i++) {
		struct stoa__csv_guess *g = &in->columns[i];
		const struct stoa__csv_guess *o = &other->columns[i];

		narrow(g, o->kinds, o->fraction);
		g->n += o->n;
		g->min = o->min < g->min ? o->min : g->min;
		g->max = o->max > g->max ? o->max : g->max;
		g->len_max = o->len_max > g->len_max ? o->len_max : g->len_max;
		if (o->n_hashed > g->n_hashed) {
			g->n_hashed = o->n_hashed;
			g->n_distinct = o->n_distinct;
		}
	}
}

static enum stoa_type bytes_type(const struct stoa__csv_guess *g)
{
	bool distinct = g->n_distinct > DISTINCT_MIN && g->n_distinct > g->n_hashed / 2;

	return g->len_max > STRING_LEN_MAX || distinct ? STOA_TEXT : STOA_STRING;
}

static enum stoa_type type_of(const struct stoa__csv_guess *g)
{
	if (g->n == 0)
		return STOA_STRING;
	if (g->kinds & INT)
		return g->min >= INT32_MIN && g->max <= INT32_MAX ? STOA_I32 : STOA_I64;
	if (g->kinds & BOOL)
		return STOA_BOOL;
	if (g->kinds & UINT)
		return STOA_U64;
	if (g->kinds & DECIMAL)
		return STOA_DECIMAL;
	if (g->kinds & F64)
		return STOA_F64;
	if (g->kinds & DATE)
		return STOA_DATE;
	if (g->kinds & TIMESTAMP)
		return STOA_TIMESTAMP;
	if (g->kinds & TIME)
		return STOA_TIME;
	if (g->kinds & UUID)
		return STOA_UUID;
	return bytes_type(g);
}

void stoa__csv_infer_slot(const struct stoa__csv_infer *in, size_t i, struct stoa_slot *slot)
{
	const struct stoa__csv_guess *g = &in->columns[i];

	slot->type = (uint8_t)type_of(g);
	slot->precision = slot->type == STOA_DECIMAL ? STOA_DECIMAL_PRECISION_MAX : 0;
	slot->scale = slot->type == STOA_DECIMAL ? (uint8_t)g->fraction : 0;
}
