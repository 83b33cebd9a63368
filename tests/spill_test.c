/* SPDX-License-Identifier: MIT */
/* spill_test.c - rows that a query puts on disk come back as they were, or as an error; budgets */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/core/bitmap.h"
#include "../lib/core/budget.h"
#include "../lib/core/limits.h"
#include "../query/spill.h"

static const struct stoa__type types[] = {
	{ STOA_I64, 0, 0 }, { STOA_TEXT, 0, 0 }, { STOA_BOOL, 0, 0 }, { STOA_F64, 0, 0 },
	{ STOA_U64, 0, 0 }, { STOA_STRING, 0, 0 },
};
#define N_COLUMNS (sizeof types / sizeof *types)
#define N 500	/* rows of a batch */

/* ---- rows whose values are known from their number ------------------------------------------- */

struct rows {
	int64_t ints[N];
	struct stoa_bytes texts[N];
	uint8_t bools[N];
	double doubles[N];
	uint64_t words[N];
	uint32_t codes[N];
	struct stoa_bytes dict[3];
	uint64_t valid[STOA__WORDS(N)];
	struct stoa__vec vecs[N_COLUMNS];
	char bytes[1 << 12];
};

/* Row @i of all: every seventh is NULL in each other column. */
static void make_rows(struct rows *r, uint64_t first)
{
	memset(r, 0, sizeof *r);
	memset(r->bytes, 'x', sizeof r->bytes);
	r->dict[0] = (struct stoa_bytes){ "", 0 };
	r->dict[1] = (struct stoa_bytes){ "one", 3 };
	r->dict[2] = (struct stoa_bytes){ "two\0three", 9 };
	for (size_t i = 0; i < N; i++) {
		uint64_t row = first + i;
		r->ints[i] = (int64_t)(row * UINT64_C(0x9e3779b97f4a7c15));
		r->texts[i] = (struct stoa_bytes){ r->bytes, (uint32_t)(row % sizeof r->bytes) };
		r->bools[i] = row % 3 == 0;
		r->doubles[i] = (double)row / 3;
		r->words[i] = row;
		r->codes[i] = (uint32_t)(row % 3);
		if (row % 7)
			stoa__bit_set(r->valid, i);
	}
	const void *values[] = { r->ints, r->texts, r->bools, r->doubles, &r->words[0], NULL };
	static const uint8_t phys[] = { STOA__PHYS_I64, STOA__PHYS_BYTES, 4, STOA__PHYS_F64,
					STOA__PHYS_U64, STOA__PHYS_BYTES };
	for (size_t i = 0; i < N_COLUMNS; i++) {
		r->vecs[i] = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = phys[i],
						 .type = types[i].type, .n = N };
		r->vecs[i].values = values[i];
		r->vecs[i].validity = i % 2 ? r->valid : NULL;
	}
	r->vecs[4].kind = STOA__VEC_CONST;
	r->vecs[5].kind = STOA__VEC_DICT;
	r->vecs[5].codes = r->codes;
	r->vecs[5].dict = r->dict;
	r->vecs[5].n_dict = 3;
}

static void put(struct stoa__stream *s, uint64_t first, const uint32_t *sel, size_t n)
{
	static struct rows r;
	struct stoa_error err;

	make_rows(&r, first);
	if (stoa__stream_put_all(s, r.vecs, sel, n, &err) < 0)
		fail_msg("%s", err.text);
}

static void check_row(const struct stoa__vec *v, size_t i, uint64_t row)
{
	static struct rows r;

	make_rows(&r, row);
	assert_int_equal(v[0].i64[i], r.ints[0]);
	assert_int_equal(((const uint8_t *)v[2].values)[i], r.bools[0]);
	assert_int_equal(stoa__bit_get(v[1].validity, i), row % 7 != 0);
	assert_int_equal(stoa__bit_get(v[5].validity, i), row % 7 != 0);
	if (row % 7 == 0)
		return;
	assert_int_equal(v[1].bytes[i].len, r.texts[0].len);
	assert_memory_equal(v[1].bytes[i].p, r.texts[0].p, r.texts[0].len);
	assert_true(v[3].f64[i] == r.doubles[0]);
	struct stoa_bytes s = r.dict[r.codes[0]];
	assert_int_equal(v[5].bytes[i].len, s.len);
	assert_memory_equal(v[5].bytes[i].p, s.p, s.len);
}

/* Reads @s: rows first, first + step, ... */
static void check_stream(const struct stoa__stream *s, uint64_t first, uint64_t step)
{
	struct stoa__stream_scan c;
	struct stoa_error err;
	uint64_t row = first, n_rows = 0;
	size_t n;
	int rc;

	assert_int_equal(stoa__stream_scan_init(&c, s, &err), STOA_OK);
	while ((rc = stoa__stream_scan_next(&c, &n, &err)) == STOA_ROW) {
		struct stoa__vec v[N_COLUMNS];
		assert_in_range(n, 1, STOA__BATCH_ROWS);
		for (size_t i = 0; i < N_COLUMNS; i++)
			stoa__stream_scan_column(&c, i, &v[i]);
		for (size_t i = 0; i < n; i++, row += step)
			check_row(v, i, row);
		n_rows += n;
	}
	assert_int_equal(rc, STOA_END);
	assert_int_equal(n_rows, s->n_rows);
	stoa__stream_scan_release(&c);
}

/* ---- a directory ----------------------------------------------------------------------------- */

struct place {
	char *path;
	struct stoa__dir dir;
	struct stoa__temp spill;
	struct stoa__stream stream;
};

static int set_up(void **state)
{
	static struct place p;
	struct stoa_error err;

	p.path = testing_tempdir();
	assert_int_equal(stoa__dir_open(p.path, &p.dir, &err), STOA_OK);
	stoa__temp_init(&p.spill, &p.dir);
	stoa__stream_init(&p.stream, &p.spill, types, N_COLUMNS);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	stoa__file_fault_disarm();
	stoa__fault_disarm();
	stoa__stream_release(&p->stream);
	stoa__temp_release(&p->spill);
	stoa__dir_close(&p->dir);
	testing_rmtree(p->path);
	return 0;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void rows_come_back_in_order_and_as_often_as_asked(void **state)
{
	struct place *p = *state;
	struct stoa_error err;

	for (uint64_t row = 0; row < 10 * N; row += N)
		put(&p->stream, row, NULL, N);
	assert_int_equal(stoa__stream_end(&p->stream, &err), STOA_OK);
	assert_int_equal(p->stream.n_rows, 10 * N);
	check_stream(&p->stream, 0, 1);
	check_stream(&p->stream, 0, 1);
}

static void streams_of_one_file_do_not_mix(void **state)
{
	struct place *p = *state;
	struct stoa__stream s[3];
	struct stoa_error err;
	uint32_t sel[3][N];

	for (uint32_t k = 0; k < 3; k++)
		stoa__stream_init(&s[k], &p->spill, types, N_COLUMNS);
	for (uint64_t row = 0; row < 9 * N; row += N) {
		size_t n[3] = { 0 };
		for (uint32_t i = 0; i < N; i++) {
			size_t k = (row + i) % 3;
			sel[k][n[k]++] = i;
		}
		for (size_t k = 0; k < 3; k++)
			put(&s[k], row, sel[k], n[k]);
	}
	for (uint32_t k = 0; k < 3; k++) {
		assert_int_equal(stoa__stream_end(&s[k], &err), STOA_OK);
		check_stream(&s[k], k, 3);
		stoa__stream_release(&s[k]);
	}
}

static void an_empty_stream_has_no_rows_and_makes_no_file(void **state)
{
	struct place *p = *state;
	struct stoa_error err;

	assert_int_equal(stoa__stream_end(&p->stream, &err), STOA_OK);
	check_stream(&p->stream, 0, 1);
	assert_int_equal(p->spill.fd, -1);
}

static void the_file_has_no_name(void **state)
{
	struct place *p = *state;
	struct stoa_error err;

	for (uint64_t row = 0; row < 10 * N; row += N)
		put(&p->stream, row, NULL, N);
	assert_true(p->spill.fd >= 0);
	assert_int_equal(stoa__stream_end(&p->stream, &err), STOA_OK);
	assert_int_equal(testing_entries(p->path), 0);
}

static void without_a_directory_the_file_is_in_tmpdir(void **state)
{
	struct place *p = *state;
	struct stoa__dir nowhere = { .fd = -1 };
	struct stoa__temp spill;
	struct stoa__stream s;
	struct stoa_error err;

	stoa__temp_init(&spill, NULL);
	stoa__stream_init(&s, &spill, types, N_COLUMNS);
	put(&s, 0, NULL, N);
	assert_int_equal(stoa__stream_end(&s, &err), STOA_OK);
	check_stream(&s, 0, 1);
	stoa__stream_release(&s);
	stoa__temp_release(&spill);

	/* Nor where the directory cannot be written. */
	nowhere.path = p->path;
	stoa__temp_init(&spill, &nowhere);
	stoa__stream_init(&s, &spill, types, N_COLUMNS);
	put(&s, 0, NULL, N);
	assert_int_equal(stoa__stream_end(&s, &err), STOA_OK);
	check_stream(&s, 0, 1);
	stoa__stream_release(&s);
	stoa__temp_release(&spill);
}

static void a_full_disk_is_an_error_that_says_what_to_do(void **state)
{
	struct place *p = *state;
	struct stoa_error err;
	static struct rows r;

	put(&p->stream, 0, NULL, 10);
	make_rows(&r, 10);
	stoa__file_fault_arm(2, ENOSPC, true);	/* behind open and unlink */
	int rc = stoa__stream_end(&p->stream, &err);
	assert_true(stoa__file_fault_disarm());
	assert_int_equal(rc, STOA_EFULL);
	assert_non_null(strstr(err.text, "memory_limit"));
	assert_int_equal(testing_entries(p->path), 0);
}

static void every_failing_operation_is_an_error_and_leaves_nothing(void **state)
{
	struct place *p = *state;

	for (long nth = 0;; nth++) {
		struct stoa__temp spill;
		struct stoa__stream s;
		struct stoa__stream_scan c;
		struct stoa_error err;
		size_t n;

		stoa__temp_init(&spill, &p->dir);
		stoa__stream_init(&s, &spill, types, N_COLUMNS);
		put(&s, 0, NULL, 10);
		stoa__file_fault_arm(nth, EIO, true);
		int rc = stoa__stream_end(&s, &err);
		if (rc == STOA_OK)
			rc = stoa__stream_scan_init(&c, &s, &err);
		if (rc == STOA_OK) {
			rc = stoa__stream_scan_next(&c, &n, &err);
			stoa__stream_scan_release(&c);
		}
		bool fired = stoa__file_fault_disarm();
		assert_int_equal(rc < 0, fired);
		stoa__stream_release(&s);
		stoa__temp_release(&spill);
		if (!fired)
			break;
	}
	/* A name that could not be taken away is all that may stay. */
	assert_in_range(testing_entries(p->path), 0, 1);
}

static void damage_is_found(void **state)
{
	struct place *p = *state;
	struct stoa__stream_scan c;
	struct stoa_error err;
	size_t n;
	int rc;

	put(&p->stream, 0, NULL, N);
	assert_int_equal(stoa__stream_end(&p->stream, &err), STOA_OK);
	for (uint64_t at = 0; at < p->spill.end; at += 977) {
		char old, bad;
		assert_int_equal(pread(p->spill.fd, &old, 1, (off_t)at), 1);
		bad = (char)(old ^ 4);
		assert_int_equal(pwrite(p->spill.fd, &bad, 1, (off_t)at), 1);
		assert_int_equal(stoa__stream_scan_init(&c, &p->stream, &err), STOA_OK);
		while ((rc = stoa__stream_scan_next(&c, &n, &err)) == STOA_ROW)
			;
		assert_int_equal(rc, STOA_ECORRUPT);
		stoa__stream_scan_release(&c);
		assert_int_equal(pwrite(p->spill.fd, &old, 1, (off_t)at), 1);
	}
	check_stream(&p->stream, 0, 1);
}

static void memory_may_run_out_anywhere(void **state)
{
	static struct rows r;
	struct place *p = *state;

	make_rows(&r, 0);
	for (long nth = 0;; nth++) {
		struct stoa__stream s;
		struct stoa__stream_scan c;
		struct stoa_error err;
		size_t n;

		stoa__stream_init(&s, &p->spill, types, N_COLUMNS);
		stoa__fault_arm(nth, false);
		int rc = stoa__stream_put_all(&s, r.vecs, NULL, 100, &err);
		if (rc == STOA_OK)
			rc = stoa__stream_end(&s, &err);
		if (rc == STOA_OK) {
			rc = stoa__stream_scan_init(&c, &s, &err);
			while (rc >= 0 && rc != STOA_END)
				rc = stoa__stream_scan_next(&c, &n, &err);
			if (c.columns)
				stoa__stream_scan_release(&c);
		}
		bool fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_END);
		stoa__stream_release(&s);
		if (!fired)
			return;
	}
}

/* ---- budgets --------------------------------------------------------------------------------- */

static uint64_t held_elsewhere(void *ctx)
{
	return *(const uint64_t *)ctx;
}

static void shares_add_up_to_the_limit_and_small_ones_always_pass(void **state)
{
	uint64_t elsewhere = 0;
	struct stoa__budget budget = { .limit = 16 << 20, .held = held_elsewhere,
				       .ctx = &elsewhere };
	struct stoa__share a = { &budget, 0 }, b = { &budget, 0 };

	(void)state;
	assert_true(stoa__share_hold(&a, 12 << 20));
	assert_true(stoa__share_hold(&b, 4 << 20));
	assert_false(stoa__share_hold(&b, (4 << 20) + 1));
	assert_int_equal(budget.used, (16 << 20) + 1);
	assert_true(stoa__share_hold(&b, STOA__SHARE_MIN));
	elsewhere = 16 << 20;
	assert_false(stoa__share_hold(&a, 2 << 20));
	assert_true(stoa__share_hold(&a, STOA__SHARE_MIN));
	stoa__share_release(&a);
	stoa__share_release(&b);
	assert_int_equal(budget.used, 0);
}

static void without_a_limit_all_is_within_it(void **state)
{
	struct stoa__budget budget = { 0 };
	struct stoa__share a = { &budget, 0 }, nobody = { NULL, 0 };

	(void)state;
	assert_true(stoa__share_hold(&a, UINT64_C(1) << 60));
	assert_true(stoa__share_hold(&nobody, UINT64_C(1) << 60));
	stoa__share_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(rows_come_back_in_order_and_as_often_as_asked),
		TEST(streams_of_one_file_do_not_mix),
		TEST(an_empty_stream_has_no_rows_and_makes_no_file),
		TEST(the_file_has_no_name),
		TEST(without_a_directory_the_file_is_in_tmpdir),
		TEST(a_full_disk_is_an_error_that_says_what_to_do),
		TEST(every_failing_operation_is_an_error_and_leaves_nothing),
		TEST(damage_is_found),
		TEST(memory_may_run_out_anywhere),
		cmocka_unit_test(shares_add_up_to_the_limit_and_small_ones_always_pass),
		cmocka_unit_test(without_a_limit_all_is_within_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
