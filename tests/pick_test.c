/* SPDX-License-Identifier: MIT */
/*
 * pick_test.c - conditions on packed values, and reading a few rows of a chunk, against decoding
 * all
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/bitmap.h"
#include "../lib/core/chunk.h"
#include "../lib/core/cpu.h"
#include "../lib/core/kernels.h"
#include "../lib/core/type.h"
#include "../lib/db.h"
#include "array_source.h"

static uint64_t rng;

/* ---- kernels -------------------------------------------------------------------------------- */

static uint64_t element(const void *in, unsigned log2, size_t i)
{
	uint64_t x = 0;

	memcpy(&x, (const char *)in + (i << log2), (size_t)1 << log2);
	return x;
}

static void check_kernel(const struct stoa__kernels *k, unsigned log2, size_t n)
{
	uint64_t most = UINT64_MAX >> (64 - (8u << log2));
	uint64_t lo = testing_random(&rng) & most;
	uint64_t span = lo ? testing_random(&rng) % (most - lo + 1) : most;
	uint8_t *in = calloc((n << log2) + 1, 1);
	uint64_t before[5], bits[5];	/* of at most 256 rows, and a word that nobody may touch */

	for (size_t i = 0; i < n << log2; i++)
		in[i] = (uint8_t)testing_random(&rng);
	if (n)
		memcpy(in + ((n - 1) << log2), &lo, (size_t)1 << log2);
	for (size_t i = 0; i < 5; i++)
		before[i] = bits[i] = testing_random(&rng) | testing_random(&rng);
	k->within[log2](bits, in, n, lo, span);
	for (size_t i = 0; i < n; i++) {
		uint64_t x = element(in, log2, i);
		assert_int_equal(stoa__bit_get(bits, i),
				 stoa__bit_get(before, i) && x >= lo && x <= lo + span);
	}
	for (size_t i = n; i < STOA__WORDS(n) * 64; i++)
		assert_false(stoa__bit_get(bits, i));
	for (size_t i = STOA__WORDS(n); i < 5; i++)
		assert_int_equal(bits[i], before[i]);
	free(in);
}

static void both_builds_test_ranges(void **state)
{
	(void)state;
	for (unsigned log2 = 0; log2 < 4; log2++)
		for (size_t n = 0; n <= 256; n++) {
			check_kernel(&stoa__kernels_scalar, log2, n);
#if defined(__x86_64__)
			if (stoa__cpu_avx2())
				check_kernel(&stoa__kernels_avx2, log2, n);
#endif
		}
}

/* ---- chunks --------------------------------------------------------------------------------- */

#define MAX_ROWS 700
static const uint8_t types[] = { STOA_I8,   STOA_I16, STOA_I32, STOA_I64,
				 STOA_DATE, STOA_U8,  STOA_U16, STOA_U32 };

struct column {
	uint8_t values[MAX_ROWS * 8];
	uint64_t validity[STOA__WORDS(MAX_ROWS)];
	struct stoa_array array;
	size_t n;
};

/* Values of @bits bits above a base: so that every width comes up. */
static void fill_column(struct column *c, unsigned type)
{
	size_t width = stoa__type_width(type);
	unsigned bits = (unsigned)testing_below(&rng, 8 * width + 1);
	uint64_t base = testing_below(&rng, 3) ? testing_random(&rng) : 0;
	uint64_t step = bits && testing_below(&rng, 2) ? testing_random(&rng) >> (64 - bits) : 0;
	bool nulls = testing_below(&rng, 3) == 0;

	step >>= testing_below(&rng, 64);
	if (bits + 1 < 8 * width)	/* base + difference within the type */
		base &= (UINT64_C(1) << (8 * width - 2)) - 1;
	c->n = 1 + testing_below(&rng, MAX_ROWS);
	memset(c->validity, 0xff, sizeof c->validity);
	for (size_t i = 0; i < c->n; i++) {
		uint64_t x = bits ? testing_random(&rng) >> (64 - bits) : 0;
		x = base + x - (step ? x % step : 0);
		memcpy(c->values + i * width, &x, width);
		if (nulls && testing_below(&rng, 4) == 0)
			stoa__bit_clear(c->validity, i);
	}
	c->array = (struct stoa_array){ (uint8_t)type, 0, c->values, nulls ? c->validity : NULL };
}

static int64_t bound_of(const int64_t *wide, size_t n)
{
	static const int64_t ends[] = { INT64_MIN, INT64_MAX, 0, -1, 1 };

	if (testing_below(&rng, 4) == 0)
		return ends[testing_below(&rng, 5)];
	return (int64_t)((uint64_t)wide[testing_below(&rng, n)] + testing_below(&rng, 3) - 1);
}

static void check_within(const struct stoa__chunk *c, const int64_t *wide)
{
	size_t from = testing_below(&rng, c->n_rows), n = testing_below(&rng, c->n_rows - from + 1);
	int64_t lo = bound_of(wide, c->n_rows), hi = bound_of(wide, c->n_rows);
	uint64_t before[STOA__WORDS(MAX_ROWS)], bits[STOA__WORDS(MAX_ROWS)];

	for (size_t i = 0; i < STOA__WORDS(MAX_ROWS); i++)
		before[i] = bits[i] = testing_random(&rng) | testing_random(&rng);
	stoa__chunk_within(c, from, n, lo, hi, bits);
	for (size_t i = 0; i < n; i++) {
		int64_t x = wide[from + i];
		assert_int_equal(stoa__bit_get(bits, i),
				 stoa__bit_get(before, i) && !stoa__chunk_is_null(c, from + i) &&
					 x >= lo && x <= hi);
	}
	for (size_t i = n; i < STOA__WORDS(MAX_ROWS) * 64; i++)
		if (i >= STOA__WORDS(n) * 64 || !stoa__bit_get(before, i))
			assert_int_equal(stoa__bit_get(bits, i), stoa__bit_get(before, i));
}

static void check_pick(const struct stoa__chunk *c, const int64_t *wide)
{
	size_t from = testing_below(&rng, c->n_rows), n = 0;
	uint32_t sel[MAX_ROWS] = { 0 };
	uint64_t out[MAX_ROWS];

	for (size_t i = from; i < c->n_rows; i++)
		if (testing_below(&rng, 3) == 0)
			sel[n++] = (uint32_t)(i - from);
	stoa__chunk_pick(c, from, sel, n, out);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(out[i], (uint64_t)wide[from + sel[i]]);
}

static void packed_values_answer_as_decoded_ones(void **state)
{
	static struct column column;
	static int64_t wide[MAX_ROWS];

	(void)state;
	for (size_t round = 0; round < 4000; round++) {
		struct stoa__buf image = STOA__BUF_INIT;
		struct stoa__chunk c;
		const char *why;

		fill_column(&column, types[round % 8]);
		assert_int_equal(stoa__chunk_encode(&column.array, column.n, &image), STOA_OK);
		assert_int_equal(stoa__chunk_open(image.p, image.len, &c, &why), STOA_OK);
		stoa__chunk_read_wide(&c, 0, column.n, wide);
		for (size_t i = 0; i < 4; i++) {
			check_within(&c, wide);
			check_pick(&c, wide);
		}
		stoa__buf_release(&image);
	}
}

static char text_room[MAX_ROWS][900];

/*
 * Words again and again, or noise; short, long or of all lengths; and one that makes zstd worth
 * while.
 */
static void fill_strings(struct column *c, struct stoa_bytes *texts, unsigned type)
{
	static const char *const words[] = { "packages ", "of the ", "furiously ", "deposit ", "a ", "" };
	size_t most = testing_below(&rng, 3) ? 60 : sizeof text_room[0] - 10;
	bool noise = testing_below(&rng, 3) == 0, nulls = testing_below(&rng, 3) == 0;

	c->n = 1 + testing_below(&rng, MAX_ROWS);
	memset(c->validity, 0xff, sizeof c->validity);
	for (size_t i = 0; i < c->n; i++) {
		size_t len = 0, end = testing_below(&rng, most);

		while (len < end) {
			if (noise)
				text_room[i][len++] = (char)('!' + testing_below(&rng, 90));
			else
				len += (size_t)sprintf(text_room[i] + len, "%s", words[testing_below(&rng, 5)]);
		}
		texts[i] = (struct stoa_bytes){ text_room[i], (uint32_t)(len < end ? len : end) };
		if (nulls && testing_below(&rng, 4) == 0)
			stoa__bit_clear(c->validity, i);
	}
	c->array = (struct stoa_array){ (uint8_t)type, 0, texts, nulls ? c->validity : NULL };
}

/* Rows @sel as texts, by whichever way the chunk has. */
static void pick_strings(const struct stoa__chunk *c, size_t from, const uint32_t *sel, size_t n,
			 struct stoa_bytes *out, struct stoa__buf *scratch)
{
	uint32_t codes[MAX_ROWS];

	if (stoa__chunk_picks_bytes(c)) {
		assert_int_equal(stoa__chunk_pick_bytes(c, from, sel, n, out, scratch), STOA_OK);
		return;
	}
	assert_int_equal(c->encoding, STOA__ENC_DICT);
	stoa__chunk_pick_codes(c, from, sel, n, codes);
	for (size_t i = 0; i < n; i++)
		out[i] = stoa__chunk_is_null(c, from + sel[i]) ? (struct stoa_bytes){ "", 0 } :
								 stoa__chunk_entry(c, codes[i]);
}

static void check_strings(const struct stoa__chunk *c, const struct stoa_bytes *all)
{
	struct stoa__buf scratch = STOA__BUF_INIT;
	size_t from = testing_below(&rng, c->n_rows), n = 0;
	uint64_t every = 1 + testing_below(&rng, 30);
	uint32_t sel[MAX_ROWS] = { 0 };
	struct stoa_bytes out[MAX_ROWS];

	for (size_t i = from; i < c->n_rows; i++)
		if (testing_below(&rng, every) == 0)
			sel[n++] = (uint32_t)(i - from);
	pick_strings(c, from, sel, n, out, &scratch);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(out[i].len, all[from + sel[i]].len);
		assert_memory_equal(out[i].p, all[from + sel[i]].p, out[i].len);
	}
	stoa__buf_release(&scratch);
}

static void some_texts_are_read_as_all_are(void **state)
{
	static const uint8_t kinds[] = { STOA_TEXT, STOA_STRING, STOA_BLOB };
	static struct stoa_bytes texts[MAX_ROWS], all[MAX_ROWS];
	static struct column column;
	unsigned met = 0;

	(void)state;
	for (size_t round = 0; round < 300; round++) {
		struct stoa__buf image = STOA__BUF_INIT, scratch = STOA__BUF_INIT;
		struct stoa__chunk c;
		const char *why;

		fill_strings(&column, texts, kinds[round % 3]);
		assert_int_equal(stoa__chunk_encode(&column.array, column.n, &image), STOA_OK);
		assert_int_equal(stoa__chunk_open(image.p, image.len, &c, &why), STOA_OK);
		assert_int_equal(stoa__chunk_read(&c, 0, column.n, all, &scratch), STOA_OK);
		for (size_t i = 0; i < 4; i++)
			check_strings(&c, all);
		met |= 1u << c.encoding;
		stoa__buf_release(&image);
		stoa__buf_release(&scratch);
	}
	assert_int_equal(met, 1u << STOA__ENC_BYTES | 1u << STOA__ENC_FSST | 1u << STOA__ENC_DICT |
				      1u << STOA__ENC_ZVALUES);
}

/* ---- queries -------------------------------------------------------------------------------- */

static struct stoa_slot slots[] = {
	{ .name = "a", .type = STOA_I32 },
	{ .name = "b", .type = STOA_U16 },
	{ .name = "c", .type = STOA_DECIMAL, .precision = 9, .scale = 2 },
	{ .name = "s", .type = STOA_STRING },
	{ .name = "u", .type = STOA_U64 },
	{ .name = "t", .type = STOA_BOOL },
};
#define N_SLOTS 6
static struct stoa_value values[MAX_ROWS * N_SLOTS];
static struct array_table table = { .name = "x", .slots = slots, .n_slots = N_SLOTS,
				    .values = values };

static void fill_table(void)
{
	table.n_rows = testing_below(&rng, MAX_ROWS + 1);
	table.group_rows = 1 + testing_below(&rng, 300);
	table.batch_rows = 1 + testing_below(&rng, 100);
	for (size_t r = 0; r < table.n_rows; r++)
		for (size_t i = 0; i < N_SLOTS; i++) {
			struct stoa_value *v = &values[r * N_SLOTS + i];
			bool is_bool = slots[i].type == STOA_BOOL;
			*v = stoa_i64((int64_t)testing_below(&rng, is_bool ? 2 : 100));
			if (slots[i].type == STOA_STRING)
				*v = stoa_text(v->i % 2 ? "odd" : "even");
			v->type = (uint8_t)slots[i].type;
			v->scale = slots[i].scale;
			if (testing_below(&rng, 20) == 0)
				*v = stoa_null();
		}
}

static void short_cuts_change_no_answer(void **state)
{
	struct array_tables tables;
	struct stoa_error err;
	char sql[300];

	(void)state;
	array_tables_init(&tables, &table, 1);
	for (size_t round = 0; round < 500; round++) {
		fill_table();
		snprintf(sql, sizeof sql,
			 "SELECT *, rowid, a + b FROM x WHERE a >= %u AND b < %u AND %s "
			 "c <= 0.%02u",
			 (unsigned)testing_below(&rng, 100), (unsigned)testing_below(&rng, 100),
			 round % 2 ? "s = 'odd' AND" : "", (unsigned)testing_below(&rng, 100));
		table.short_cuts = false;
		char *want = array_query(&tables, sql, NULL, 0, &err);
		table.short_cuts = true;
		table.n_decoded = 0;
		char *got = array_query(&tables, sql, NULL, 0, &err);
		assert_non_null(want);
		assert_non_null(got);
		assert_string_equal(got, want);
		free(got);
		free(want);
	}
}

/* ---- a table -------------------------------------------------------------------------------- */

static void good(int rc, const struct stoa_error *err)
{
	if (rc < 0)
		fail_msg("%s", err->text);
}

/* Rows as text, one a line: those whose first value is below @limit. */
static char *lines(stoa_txn *txn, const char *sql, int64_t limit)
{
	size_t cap = 1 << 20, len = 0, n;
	char *out = malloc(cap);
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	int rc;

	good(stoa_query(txn, sql, &cur, &err), &err);
	(void)stoa_columns(cur, &n);
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		for (size_t i = 0; i < n && row[0].i < limit; i++) {
			len += stoa_value_print(&row[i], out + len, cap - len);
			out[len++] = i + 1 < n ? '|' : '\n';
			assert_true(len + 1000 < cap);
		}
	}
	good(rc, &err);
	stoa_cursor_close(cur);
	out[len] = 0;
	return out;
}

static void a_few_rows_of_a_sealed_table_are_as_they_were_put_in(void **state)
{
	struct stoa_error err;
	struct stoa__table *t;
	stoa_table id;
	stoa_txn *txn;
	stoa_db *db;

	(void)state;
	good(stoa_open(NULL, NULL, &db, &err), &err);
	good(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	good(stoa_query(txn, "CREATE TABLE t (n i64, name string, body text, f f64, b bool)", NULL, &err), &err);
	good(stoa_query(txn,
			"INSERT INTO t SELECT x * 7919 % 10007, CASE WHEN x % 5 > 0 THEN 'name ' || x % 23 END, "
			"CASE WHEN x % 7 > 0 THEN 'the text of row number ' || x * 77 END, x / 3.0, x % 2 = 0 "
			"FROM (SELECT generate_series AS x FROM generate_series(1, 9000)) AS s",
			NULL, &err), &err);
	good(stoa_table_find(txn, "t", &id, &err), &err);
	char *before = lines(txn, "SELECT * FROM t", 300);
	good(stoa__txn_own_table(txn, id, &t, &err), &err);
	good(stoa__table_seal(txn->version, t, &err), &err);
	char *all = lines(txn, "SELECT * FROM t", 300), *few = lines(txn, "SELECT * FROM t WHERE n < 300", 300);
	assert_string_equal(all, before);
	assert_string_equal(few, before);
	free(before);
	free(all);
	free(few);
	stoa_abort(txn);
	good(stoa_close(db, &err), &err);
}

static int set_seed(void **state)
{
	(void)state;
	rng = testing_seed();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_builds_test_ranges),
		cmocka_unit_test(packed_values_answer_as_decoded_ones),
		cmocka_unit_test(some_texts_are_read_as_all_are),
		cmocka_unit_test(short_cuts_change_no_answer),
		cmocka_unit_test(a_few_rows_of_a_sealed_table_are_as_they_were_put_in),
	};

	return cmocka_run_group_tests(tests, set_seed, NULL);
}
