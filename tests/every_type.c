/* SPDX-License-Identifier: MIT */
/* every_type.c - see every_type.h */
#include "every_type.h"

#include <stdio.h>
#include <string.h>

#include "testing.h"

const struct stoa_column every_type_columns[] = {
	{ "yes", STOA_BOOL, 0, 0 },	    { "i8", STOA_I8, 0, 0 },
	{ "i16", STOA_I16, 0, 0 },	    { "i32", STOA_I32, 0, 0 },
	{ "i64", STOA_I64, 0, 0 },	    { "u8", STOA_U8, 0, 0 },
	{ "u16", STOA_U16, 0, 0 },	    { "u32", STOA_U32, 0, 0 },
	{ "u64", STOA_U64, 0, 0 },	    { "f32", STOA_F32, 0, 0 },
	{ "f64", STOA_F64, 0, 0 },	    { "price", STOA_DECIMAL, 18, 4 },
	{ "small", STOA_DECIMAL, 5, 2 },    { "day", STOA_DATE, 0, 0 },
	{ "clock", STOA_TIME, 0, 0 },	    { "moment", STOA_TIMESTAMP, 0, 0 },
	{ "id", STOA_UUID, 0, 0 },	    { "word", STOA_STRING, 0, 0 },
	{ "text", STOA_TEXT, 0, 0 },	    { "blob", STOA_BLOB, 0, 0 },
	{ "always", STOA_I64, 0, 0 },	    { "nothing", STOA_TEXT, 0, 0 },
};
const size_t every_type_n_columns = sizeof every_type_columns / sizeof *every_type_columns;

static struct stoa_value draw_int(unsigned type, unsigned bits, uint64_t x)
{
	struct stoa_value v = { .type = (uint8_t)type };

	if (type >= STOA_U8 && type <= STOA_U64)
		v.u = x >> (64 - bits);
	else
		v.i = (int64_t)x >> (64 - bits);
	return v;
}

static struct stoa_value draw_bytes(unsigned type, char *room, uint64_t x)
{
	size_t len = x % 40;

	if (type == STOA_STRING)
		len = (size_t)snprintf(room, 64, "w\xc3\xb6rt %u", (unsigned)(x % 300));
	for (size_t i = 0; type != STOA_STRING && i < len; i++)
		room[i] = type == STOA_TEXT ? (char)('a' + (x >> i) % 26) : (char)(x >> (i % 56));
	return stoa_bytes_value(type, room, (uint32_t)len);
}

static struct stoa_value draw(struct every_type *e, const struct stoa_column *c, uint64_t x)
{
	struct stoa_value v = { .type = c->type, .scale = c->scale };

	switch ((enum stoa_type)c->type) {
	case STOA_BOOL: return stoa_bool(x & 1);
	case STOA_I8:
	case STOA_U8: return draw_int(c->type, 8, x);
	case STOA_I16:
	case STOA_U16: return draw_int(c->type, 16, x);
	case STOA_I32:
	case STOA_U32: return draw_int(c->type, 32, x);
	case STOA_I64:
	case STOA_U64: return draw_int(c->type, 64, x);
	case STOA_F32: v.f = (float)(int32_t)x / 8.0f; return v;
	case STOA_F64: v.f = (double)(int64_t)x / 1000.0; return v;
	case STOA_DECIMAL: v.i = (int64_t)x % (c->precision == 18 ? 1000000000000000000 : 100000); return v;
	case STOA_DATE: v.i = (int64_t)(x % 100000) - 50000; return v;
	case STOA_TIME: v.i = (int64_t)(x % 86400000000); return v;
	case STOA_TIMESTAMP: v.i = (int64_t)(x % 4000000000000000) - 2000000000000000; return v;
	case STOA_UUID: memcpy(v.uuid, &x, 8); memcpy(v.uuid + 8, &x, 8); return v;
	case STOA_STRING: return draw_bytes(c->type, e->bytes[0], x);
	case STOA_TEXT: return draw_bytes(c->type, e->bytes[1], x);
	default: return draw_bytes(c->type, e->bytes[2], x);
	}
}

static int make_row(void *ctx, struct stoa_value *out, struct stoa_error *err)
{
	struct every_type *e = ctx;
	uint64_t rng = e->seed + e->row * 1000003;

	(void)err;
	if (e->row == e->end)
		return STOA_END;
	for (size_t i = 0; i < every_type_n_columns; i++) {
		const struct stoa_column *c = &every_type_columns[i];
		uint64_t x = testing_random(&rng);
		bool null = strcmp(c->name, "nothing") == 0 ||
			    (strcmp(c->name, "always") != 0 && testing_below(&rng, 7) == 0);

		out[i] = null ? stoa_null() : draw(e, c, x);
	}
	e->row++;
	return STOA_ROW;
}

stoa_cursor *every_type_cursor(struct every_type *e, uint64_t seed, uint64_t end)
{
	struct stoa_error err;
	stoa_cursor *cur;

	*e = (struct every_type){ .seed = seed, .end = end };
	assert_ok(stoa_cursor_generate(every_type_columns, every_type_n_columns, make_row, NULL, e,
				       &cur, &err), &err);
	return cur;
}

void every_type_slots(struct stoa_slot *slots)
{
	for (size_t i = 0; i < every_type_n_columns; i++) {
		const struct stoa_column *c = &every_type_columns[i];

		slots[i] = (struct stoa_slot){ .name = c->name, .type = c->type,
					       .precision = c->precision, .scale = c->scale };
	}
}

void assert_ok(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		fail_msg("%s: %s", stoa_result_name(rc), err->text);
}

static void assert_same_value(const struct stoa_value *a, const struct stoa_value *b,
			      uint64_t row, const char *column)
{
	char x[128], y[128];

	stoa_value_print(a, x, sizeof x);
	stoa_value_print(b, y, sizeof y);
	if ((a->type == STOA_NULL) != (b->type == STOA_NULL) || strcmp(x, y) != 0)
		fail_msg("row %llu, column %s: %s and %s", (unsigned long long)row, column,
			 a->type == STOA_NULL ? "NULL" : x, b->type == STOA_NULL ? "NULL" : y);
}

uint64_t assert_same_rows(stoa_cursor *a, stoa_cursor *b)
{
	const struct stoa_value *x, *y;
	const struct stoa_column *columns;
	struct stoa_error err;
	size_t n, n_b;
	uint64_t row = 0;
	int rc;

	stoa_columns(b, &n_b);
	columns = stoa_columns(a, &n);
	assert_int_equal(n, n_b);
	while ((rc = stoa_next(a, &x, &err)) == STOA_ROW) {
		rc = stoa_next(b, &y, &err);
		assert_ok(rc, &err);
		assert_int_equal(rc, STOA_ROW);
		for (size_t i = 0; i < n; i++)
			assert_same_value(&x[i], &y[i], row, columns[i].name);
		row++;
	}
	assert_ok(rc, &err);
	rc = stoa_next(b, &y, &err);
	assert_ok(rc, &err);
	assert_int_equal(rc, STOA_END);
	stoa_cursor_close(a);
	stoa_cursor_close(b);
	return row;
}
