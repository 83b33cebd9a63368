/* SPDX-License-Identifier: MIT */
/* export_test.c - CSV to memory and from memory: what was written reads the same */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

struct fixture {
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;
	struct stoa_error err;
};

static const struct stoa_slot slots[] = {
	{ .name = "n", .type = STOA_I64 },
	{ .name = "s, \"quoted\"", .type = STOA_STRING },
	{ .name = "b", .type = STOA_BLOB },
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static int set_up(void **state)
{
	static struct fixture f;

	ok(&f, stoa_open(NULL, NULL, &f.db, &f.err));
	ok(&f, stoa_begin(f.db, STOA_WRITE, &f.txn, &f.err));
	ok(&f, stoa_table_create(f.txn, "t", slots, 3, &f.table, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	return 0;
}

/* Bytes of what CSV minds, and some others. */
static uint32_t any_text(uint64_t *seed, char *p, const char *alphabet)
{
	uint32_t n = (uint32_t)testing_below(seed, 8);

	for (uint32_t i = 0; i < n; i++)
		p[i] = alphabet[testing_below(seed, strlen(alphabet))];
	return n;
}

static void fill(struct fixture *f, uint64_t *seed, int n_rows)
{
	for (int i = 0; i < n_rows; i++) {
		char s[8], b[8];
		uint32_t n = any_text(seed, s, ",;\"'\n\r \tN\\x1a"), m = any_text(seed, b, "\xff\x01,\"\nz");
		struct stoa_value v[] = {
			testing_below(seed, 5) ? stoa_i64((int64_t)testing_below(seed, 99) - 40) : stoa_null(),
			testing_below(seed, 5) ? stoa_bytes_value(STOA_STRING, s, n) : stoa_null(),
			testing_below(seed, 5) ? stoa_bytes_value(STOA_BLOB, b, m) : stoa_null(),
		};

		ok(f, stoa_insert(f->txn, f->table, v, 3, NULL, &f->err));
	}
}

static void expect_same(struct fixture *f, stoa_table a, stoa_table b)
{
	const struct stoa_value *x, *y;
	stoa_cursor *p, *q;
	int rc;

	ok(f, stoa_scan(f->txn, a, NULL, 0, &p, &f->err));
	ok(f, stoa_scan(f->txn, b, NULL, 0, &q, &f->err));
	do {
		rc = stoa_next(p, &x, &f->err);
		ok(f, rc);
		assert_int_equal(stoa_next(q, &y, &f->err), rc);
		for (size_t i = 0; rc == STOA_ROW && i < 3; i++) {
			assert_int_equal(x[i].type, y[i].type);
			if (x[i].type == STOA_I64)
				assert_int_equal(x[i].i, y[i].i);
			if (x[i].type == STOA_NULL || x[i].type == STOA_I64)
				continue;
			assert_int_equal(x[i].len, y[i].len);
			assert_memory_equal(x[i].p, y[i].p, x[i].len);
		}
	} while (rc == STOA_ROW);
	stoa_cursor_close(p);
	stoa_cursor_close(q);
}

/* A reader of bytes that come a few at a time. */
struct drip {
	const struct stoa_buffer *from;
	size_t at, fail_at;
};

static int drip(void *ctx, void *buf, size_t size, size_t *n, struct stoa_error *err)
{
	struct drip *d = ctx;

	if (d->at >= d->fail_at) {
		snprintf(err->text, sizeof err->text, "the pipe burst");
		return STOA_EIO;
	}
	*n = d->from->len - d->at < 7 ? d->from->len - d->at : 7;
	assert_true(*n <= size);
	if (*n)
		memcpy(buf, d->from->p + d->at, *n);
	d->at += *n;
	return STOA_OK;
}

static void what_is_exported_reads_the_same(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = testing_seed();

	for (int round = 0; round < (testing_long() ? 1000 : 60); round++) {
		struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
		struct stoa_buffer out = STOA_BUFFER_INIT;
		struct drip d = { &out, 0, SIZE_MAX };
		uint64_t written, n;
		stoa_table copy;
		stoa_cursor *cur;

		o.delimiter = ",;\tx1|"[testing_below(&seed, 6)];
		o.quote = "\"'"[testing_below(&seed, 2)];
		o.null_text = testing_below(&seed, 2) ? "N" : NULL;
		o.header = 1;
		o.blobs = (int)testing_below(&seed, 2);
		fill(f, &seed, (int)testing_below(&seed, 20) + 1);
		ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
		ok(f, stoa_export_csv(cur, &o, stoa_buffer_write, &out, &written, &f->err));
		ok(f, stoa_table_create(f->txn, "copy", slots, 3, &copy, &f->err));
		if (round % 2)
			ok(f, stoa_import_csv_bytes(f->txn, "copy", out.p, out.len, &o, &n, &f->err));
		else
			ok(f, stoa_import_csv_read(f->txn, "copy", drip, &d, &o, &n, &f->err));
		assert_int_equal(n, written);
		expect_same(f, f->table, copy);
		ok(f, stoa_table_drop(f->txn, copy, &f->err));
		stoa_buffer_free(&out);
		if (round % 8 == 7) {
			ok(f, stoa_table_drop(f->txn, f->table, &f->err));
			ok(f, stoa_table_create(f->txn, "t", slots, 3, &f->table, &f->err));
		}
	}
}

static void errors_name_where_the_bytes_came_from(void **state)
{
	struct fixture *f = *state;
	struct stoa_csv_options o = STOA_CSV_OPTIONS_INIT;
	struct stoa_buffer b = STOA_BUFFER_INIT;
	struct drip d = { &b, 0, 14 };

	o.header = 1;
	assert_int_equal(stoa_import_csv_bytes(f->txn, "u", "a,b\n1,2\n3\n", 10, &o, NULL, &f->err),
			 STOA_ESYNTAX);
	assert_non_null(strstr(f->err.text, "memory: "));
	assert_int_equal(f->err.line, 3);
	o.name = "upload 7";
	assert_int_equal(stoa_import_csv_bytes(f->txn, "u", "a,b\n1\n", 6, &o, NULL, &f->err),
			 STOA_ESYNTAX);
	assert_non_null(strstr(f->err.text, "upload 7: "));
	ok(f, stoa_buffer_write(&b, "a\n1\n2\n3\n4\n5\n6\n7\n8\n", 18, &f->err));
	assert_int_equal(stoa_import_csv_read(f->txn, "u", drip, &d, NULL, NULL, &f->err), STOA_EIO);
	assert_string_equal(f->err.text, "the pipe burst");
	assert_int_equal(stoa_import_csv_read(f->txn, "u", NULL, NULL, NULL, NULL, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_import_csv_bytes(f->txn, "u", NULL, 1, NULL, NULL, &f->err), STOA_EINVAL);
	stoa_buffer_free(&b);
}

static int refuse(void *ctx, const void *p, size_t len, struct stoa_error *err)
{
	(void)ctx;
	(void)p;
	(void)len;
	(void)err;
	return STOA_EFULL;
}

static void an_export_ends_with_the_error_of_its_reader(void **state)
{
	struct fixture *f = *state;
	stoa_cursor *cur;
	uint64_t seed = 1;

	fill(f, &seed, 10);
	ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
	assert_int_equal(stoa_export_csv(cur, NULL, refuse, NULL, NULL, &f->err), STOA_EFULL);
	ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
	assert_int_equal(stoa_export_csv(cur, NULL, NULL, NULL, NULL, &f->err), STOA_EINVAL);
	for (long nth = 0;; nth++) {
		struct stoa_buffer b = STOA_BUFFER_INIT;
		bool fired;
		int rc;

		ok(f, stoa_scan(f->txn, f->table, NULL, 0, &cur, &f->err));
		stoa__fault_arm(nth, false);
		rc = stoa_export_csv(cur, NULL, stoa_buffer_write, &b, NULL, &f->err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		stoa_buffer_free(&b);
		if (!fired)
			return;
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_exported_reads_the_same),
		T(errors_name_where_the_bytes_came_from),
		T(an_export_ends_with_the_error_of_its_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
