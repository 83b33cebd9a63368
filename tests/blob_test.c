/* SPDX-License-Identifier: MIT */
/* blob_test.c - long blobs against an array of bytes */
#include "testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"

#define PIECE ((size_t)256 << 10)
#define MIB ((size_t)1 << 20)

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table files;
	stoa_table photo;	/* name, data -> files */
	struct stoa_error err;
};

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static void open_db(struct fixture *f)
{
	ok(f, stoa_open(testing_path(f->dir, "db.stoa"), NULL, &f->db, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void commit(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void reopen(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_close(f->db, &f->err));
	open_db(f);
}

static int set_up(void **state)
{
	static struct fixture f;
	struct stoa_slot photo[] = {
		{ .name = "name", .type = STOA_STRING },
		{ .name = "data", .type = STOA_REF },
	};

	testing_in_memory();
	f = (struct fixture){ .dir = testing_tempdir() };
	open_db(&f);
	ok(&f, stoa_blob_table(f.txn, "files", &f.files, &f.err));
	photo[1].target = f.files;
	ok(&f, stoa_table_create(f.txn, "photo", photo, 2, &f.photo, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

/* Bytes that follow from their offset and do not compress; or that do. */
static void fill(char *p, size_t n, uint64_t seed, bool plain)
{
	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0 && !plain)
			testing_random(&seed);
		p[i] = plain ? (char)('a' + seed % 26) : (char)(seed >> i % 8 * 7);
	}
}

static stoa_rowid add_photo(struct fixture *f, stoa_rowid data)
{
	struct stoa_value v[] = { stoa_text("x"), stoa_ref(data) };
	stoa_rowid row;

	ok(f, stoa_insert(f->txn, f->photo, v, 2, &row, &f->err));
	return row;
}

/* A blob of these bytes, and a photo that refers to it. */
static stoa_rowid put(struct fixture *f, const char *p, size_t n, stoa_rowid *photo)
{
	stoa_rowid row;
	stoa_blob *b;

	ok(f, stoa_blob_create(f->txn, f->files, &b, &f->err));
	ok(f, stoa_blob_write(b, 0, p, n, &f->err));
	row = stoa_blob_row(b);
	*photo = add_photo(f, row);
	ok(f, stoa_blob_close(b, &f->err));
	return row;
}

static void expect(struct fixture *f, stoa_blob *b, const char *p, size_t n, size_t step)
{
	char *got = malloc(step);
	size_t k;

	assert_int_equal(stoa_blob_size(b), n);
	for (size_t at = 0; at <= n; at += step) {
		ok(f, stoa_blob_read(b, at, got, step, &k, &f->err));
		assert_int_equal(k, n - at < step ? n - at : step);
		assert_memory_equal(got, p + at, k);
	}
	free(got);
}

static void expect_at(struct fixture *f, stoa_rowid row, const char *p, size_t n)
{
	stoa_blob *b;

	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_READ, &b, &f->err));
	expect(f, b, p, n, 100003);
	ok(f, stoa_blob_close(b, &f->err));
}

static uint64_t bytes_of_segments(struct fixture *f)
{
	struct stoa_stat s = STOA_STAT_INIT;

	ok(f, stoa_stat(f->txn, 0, &s, &f->err));
	return s.segment_bytes;
}

static void a_long_blob_goes_through_a_bounded_memory(void **state)
{
	struct fixture *f = *state;
	size_t size = (testing_long() ? 300 : 40) * MIB + 12345, step = 777777;
	char *p = malloc(size);
	struct stoa_stat s = STOA_STAT_INIT;
	uint64_t most = 0;
	stoa_rowid row;
	stoa_blob *b;

	fill(p, size, 1, false);
	ok(f, stoa_blob_create(f->txn, f->files, &b, &f->err));
	for (size_t at = 0; at < size; at += step) {
		ok(f, stoa_blob_write(b, at, p + at, size - at < step ? size - at : step, &f->err));
		ok(f, stoa_stat(f->txn, 0, &s, &f->err));
		most = s.memory_bytes > most ? s.memory_bytes : most;
	}
	row = stoa_blob_row(b);
	add_photo(f, row);
	expect(f, b, p, size, 3 * PIECE + 1);
	ok(f, stoa_blob_close(b, &f->err));
	commit(f);
	expect_at(f, row, p, size);
	reopen(f);
	expect_at(f, row, p, size);
	assert_in_range(most, 0, 4 * MIB);	/* what the database holds; the handle has 16 MiB more */
	/* In place, in the middle, across the pieces of a group and of the next. */
	fill(p + 17 * MIB - 5, 18 * MIB, 2, true);
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err));
	ok(f, stoa_blob_write(b, 17 * MIB - 5, p + 17 * MIB - 5, 18 * MIB, &f->err));
	ok(f, stoa_blob_close(b, &f->err));
	expect_at(f, row, p, size);
	reopen(f);
	expect_at(f, row, p, size);
	free(p);
}

static void space_comes_back_when_the_last_reference_goes(void **state)
{
	struct fixture *f = *state;
	size_t size = 20 * MIB;
	char *p = malloc(size);
	stoa_rowid row, photo, other;
	uint64_t full, count;

	fill(p, size, 3, false);
	row = put(f, p, size, &photo);
	other = add_photo(f, row);
	commit(f);
	full = bytes_of_segments(f);
	assert_in_range(full, size, size + size / 10);
	ok(f, stoa_delete(f->txn, f->photo, photo, &f->err));
	commit(f);
	ok(f, stoa_row_refcount(f->txn, f->files, row, &count, &f->err));
	assert_int_equal(count, 1);
	expect_at(f, row, p, size);
	ok(f, stoa_delete(f->txn, f->photo, other, &f->err));
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	assert_in_range(bytes_of_segments(f), 0, MIB);
	assert_int_equal(stoa_blob_open(f->txn, f->files, row, 0, &(stoa_blob *){ NULL }, &f->err),
			 STOA_ENOTFOUND);
	free(p);
}

/*
 * A short blob that nobody refers to goes at the commit; aborts and savepoints undo what was
 * written.
 */
static void what_is_undone_was_never_written(void **state)
{
	struct fixture *f = *state;
	char p[1000], q[1000];
	stoa_rowid row, photo, lost;
	uint32_t mark;
	stoa_blob *b, *old;

	fill(p, sizeof p, 4, false);
	fill(q, sizeof q, 5, false);
	row = put(f, p, sizeof p, &photo);
	ok(f, stoa_blob_create(f->txn, f->files, &b, &f->err));
	ok(f, stoa_blob_write(b, 0, q, sizeof q, &f->err));
	lost = stoa_blob_row(b);
	ok(f, stoa_blob_close(b, &f->err));
	commit(f);
	assert_int_equal(stoa_blob_open(f->txn, f->files, lost, 0, &b, &f->err), STOA_ENOTFOUND);

	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_READ, &old, &f->err));
	ok(f, stoa_savepoint(f->txn, &mark, &f->err));
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err));
	assert_int_equal(stoa_rollback_to(f->txn, mark, &f->err), STOA_ESTATE);
	ok(f, stoa_blob_write(b, 500, q, sizeof q, &f->err));
	ok(f, stoa_blob_close(b, &f->err));
	expect(f, old, p, sizeof p, 100);	/* as it was when it was opened */
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_READ, &b, &f->err));
	assert_int_equal(stoa_blob_size(b), 1500);
	ok(f, stoa_rollback_to(f->txn, mark, &f->err));
	assert_int_equal(stoa_blob_read(b, 0, q, 1, NULL, &f->err), STOA_ESTATE);
	ok(f, stoa_blob_close(b, &f->err));
	expect_at(f, row, p, sizeof p);
	ok(f, stoa_blob_close(old, &f->err));

	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err));
	ok(f, stoa_blob_truncate(b, 0, &f->err));
	stoa_abort(f->txn);
	assert_int_equal(stoa_blob_close(b, &f->err), STOA_ESTATE);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	expect_at(f, row, p, sizeof p);

	/* A commit does not take half of what is still being written. */
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err));
	assert_int_equal(stoa_commit(f->txn, &f->err), STOA_ESTATE);
	assert_int_equal(stoa_blob_close(b, &f->err), STOA_ESTATE);
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static void wrong_calls_are_refused_with_words(void **state)
{
	struct fixture *f = *state;
	static const struct stoa_slot slots[] = { { .name = "size", .type = STOA_U64 } };
	stoa_rowid row, photo;
	stoa_table other;
	stoa_blob *b, *c;
	char x;

	row = put(f, "abc", 3, &photo);
	ok(f, stoa_table_create(f->txn, "other", slots, 1, &other, &f->err));
	assert_int_equal(stoa_blob_table(f->txn, "other", &other, &f->err), STOA_ETYPE);
	assert_non_null(strstr(f->err.text, "ref(other)"));
	assert_int_equal(stoa_blob_create(f->txn, other, &b, &f->err), STOA_ETYPE);
	assert_int_equal(stoa_blob_open(f->txn, f->files, 99, STOA_WRITE, &b, &f->err), STOA_ENOTFOUND);
	assert_int_equal(stoa_blob_open(f->txn, f->files, 2, 0, &b, &f->err), STOA_ENOTFOUND);
	assert_int_equal(stoa_blob_open(f->txn, f->files, row, 8, &b, &f->err), STOA_EINVAL);
	assert_int_equal(stoa_blob_open(f->txn, f->files, row, 0, NULL, &f->err), STOA_EINVAL);
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_READ, &b, &f->err));
	assert_int_equal(stoa_blob_write(b, 0, "x", 1, &f->err), STOA_EREADONLY);
	ok(f, stoa_blob_close(b, &f->err));
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err));
	assert_int_equal(stoa_blob_create(f->txn, f->files, &c, &f->err), STOA_ESTATE);
	assert_null(c);
	assert_int_equal(stoa_blob_write(b, 4, "x", 1, &f->err), STOA_ERANGE);
	assert_int_equal(stoa_blob_write(b, 3, "x", SIZE_MAX, &f->err), STOA_ERANGE);
	assert_int_equal(stoa_blob_truncate(b, 4, &f->err), STOA_ERANGE);
	ok(f, stoa_blob_write(b, 3, "", 0, &f->err));
	ok(f, stoa_blob_close(b, &f->err));
	expect_at(f, row, "abc", 3);
	commit(f);
	ok(f, stoa_blob_read(NULL, 0, &x, 1, NULL, NULL) == STOA_EINVAL ? STOA_OK : STOA_EINVAL);
	/*
	 * One thing after another in the same transaction, and rows of another table beside an open
	 * blob.
	 */
	ok(f, stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err));
	add_photo(f, row);
	ok(f, stoa_blob_write(b, 1, "B", 1, &f->err));
	ok(f, stoa_blob_close(b, &f->err));
	expect_at(f, row, "aBc", 3);
}

/* ---- against an array ---- */

struct model {
	char *p;
	size_t size;
	stoa_rowid row;
};

#define MODEL_MAX (5 * PIECE)

static size_t place(uint64_t *seed, size_t n)
{
	/* Edges of pieces are where things go wrong. */
	size_t at = testing_below(seed, 2) ? testing_below(seed, n + 1) :
					     testing_below(seed, n / PIECE + 1) * PIECE;

	return at > n ? n : at;
}

static void step_write(struct fixture *f, struct model *m, stoa_blob *b, uint64_t *seed)
{
	size_t at = testing_below(seed, 3) ? m->size : place(seed, m->size);
	size_t n = testing_below(seed, 4) ? testing_below(seed, 1000) : testing_below(seed, 2 * PIECE);

	if (at + n > MODEL_MAX)
		n = MODEL_MAX - at;
	fill(m->p + at, n, testing_random(seed), testing_below(seed, 2));
	ok(f, stoa_blob_write(b, at, m->p + at, n, &f->err));
	m->size = at + n > m->size ? at + n : m->size;
	assert_int_equal(stoa_blob_size(b), m->size);
}

static void step_read(struct fixture *f, const struct model *m, stoa_blob *b, uint64_t *seed)
{
	size_t at = place(seed, m->size), n = testing_below(seed, PIECE + 10), k;
	char *got = malloc(n + 1);

	ok(f, stoa_blob_read(b, at, got, n, &k, &f->err));
	assert_int_equal(k, m->size - at < n ? m->size - at : n);
	assert_memory_equal(got, m->p + at, k);
	free(got);
}

static void steps(struct fixture *f, struct model *m, uint64_t *seed)
{
	stoa_blob *b;

	ok(f, stoa_blob_open(f->txn, f->files, m->row, STOA_WRITE, &b, &f->err));
	for (size_t i = testing_below(seed, 8); i-- > 0;) {
		switch (testing_below(seed, 8)) {
		case 0:
			m->size = place(seed, m->size);
			ok(f, stoa_blob_truncate(b, m->size, &f->err));
			break;
		case 1:
		case 2:
			step_read(f, m, b, seed);
			break;
		default:
			step_write(f, m, b, seed);
		}
	}
	ok(f, stoa_blob_close(b, &f->err));
}

static void random_writes_are_those_of_an_array(void **state)
{
	struct fixture *f = *state;
	uint64_t seed = testing_seed();
	struct model m = { malloc(MODEL_MAX), 0, 0 }, saved = { malloc(MODEL_MAX), 0, 0 };
	stoa_rowid photo;
	uint32_t mark;

	m.row = put(f, "", 0, &photo);
	for (int round = 0; round < (testing_long() ? 2000 : 150); round++) {
		bool undo = testing_below(&seed, 4) == 0;

		memcpy(saved.p, m.p, m.size);
		saved.size = m.size;
		ok(f, stoa_savepoint(f->txn, &mark, &f->err));
		steps(f, &m, &seed);
		if (undo) {
			ok(f, stoa_rollback_to(f->txn, mark, &f->err));
			memcpy(m.p, saved.p, saved.size);
			m.size = saved.size;
		}
		ok(f, stoa_release(f->txn, mark, &f->err));
		if (testing_below(&seed, 3) == 0)
			commit(f);
		else if (testing_below(&seed, 10) == 0)
			reopen(f);
		expect_at(f, m.row, m.p, m.size);
	}
	free(m.p);
	free(saved.p);
}

/* Lets allocation 0 fail, then 1, and so on: the blob is what it was, or what it is to be. */
static void a_blob_is_as_before_when_memory_runs_out(void **state)
{
	struct fixture *f = *state;
	char *p = malloc(3 * PIECE), *q = malloc(3 * PIECE);
	stoa_rowid row, photo;

	fill(p, 3 * PIECE, 6, true);
	memcpy(q, p, 3 * PIECE);
	memset(q + PIECE - 10, 'x', PIECE + 20);
	row = put(f, p, 3 * PIECE, &photo);
	commit(f);
	for (long nth = 0;; nth++) {
		stoa_blob *b = NULL;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa_blob_open(f->txn, f->files, row, STOA_WRITE, &b, &f->err);
		if (rc == STOA_OK)
			rc = stoa_blob_write(b, PIECE - 10, q + PIECE - 10, PIECE + 20, &f->err);
		if (rc == STOA_OK)
			rc = stoa_blob_close(b, &f->err);
		else
			(void)stoa_blob_close(b, NULL);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		expect_at(f, row, fired ? p : q, 3 * PIECE);
		if (!fired)
			break;
	}
	free(p);
	free(q);
}

/* ---- what the disk does ---- */

static void count_damage(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)file;
	(void)offset;
	(void)what;
	++*(int *)ctx;
}

/* Turns a bit in the middle of the largest segment file. */
static void flip(struct fixture *f)
{
	char command[600];

	snprintf(command, sizeof command,
		 "f=$(ls -S %s/db.stoa/segments/* | head -1); n=$(stat -c %%s $f); "
		 "printf '\\252\\125\\252' | dd of=$f bs=1 seek=$((n / 2)) conv=notrunc status=none",
		 f->dir);
	assert_int_equal(system(command), 0);
}

static void a_flipped_byte_is_found(void **state)
{
	struct fixture *f = *state;
	size_t size = 20 * MIB;
	char *p = malloc(size);
	stoa_rowid row, photo;
	stoa_blob *b;
	int n = 0, rc;

	fill(p, size, 7, false);
	row = put(f, p, size, &photo);
	reopen(f);
	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	ok(f, stoa_check(testing_path(f->dir, "db.stoa"), count_damage, &n, &f->err));
	assert_int_equal(n, 0);
	flip(f);
	assert_int_equal(stoa_check(testing_path(f->dir, "db.stoa"), count_damage, &n, &f->err),
			 STOA_ECORRUPT);
	assert_true(n > 0);
	open_db(f);
	rc = stoa_blob_open(f->txn, f->files, row, STOA_READ, &b, &f->err);
	if (rc == STOA_OK) {
		rc = stoa_blob_read(b, 0, p, size, NULL, &f->err);
		ok(f, stoa_blob_close(b, &f->err));
	}
	assert_int_equal(rc, STOA_ECORRUPT);
	free(p);
}

/* The files as a crash would leave them, after a commit through the log and one by a checkpoint. */
static void committed_blobs_survive_a_crash(void **state)
{
	struct fixture *f = *state;
	size_t size = 18 * MIB;
	char *p = malloc(size), command[600];
	stoa_rowid small, large, photo;

	fill(p, size, 8, false);
	large = put(f, p, size, &photo);
	commit(f);
	small = put(f, p, 3 * PIECE, &photo);
	commit(f);
	(void)put(f, p, size, &photo);	/* not committed */
	snprintf(command, sizeof command, "cp -r %s/db.stoa %s/copy && mv %s/db.stoa %s/db.old && "
		 "mv %s/copy %s/db.stoa", f->dir, f->dir, f->dir, f->dir, f->dir, f->dir);
	assert_int_equal(system(command), 0);
	{
		struct fixture g = { .dir = f->dir, .files = f->files };

		open_db(&g);
		expect_at(&g, large, p, size);
		expect_at(&g, small, p, 3 * PIECE);
		stoa_abort(g.txn);
		ok(&g, stoa_close(g.db, &g.err));
	}
	snprintf(command, sizeof command, "rm -r %s/db.stoa && mv %s/db.old %s/db.stoa", f->dir, f->dir,
		 f->dir);
	assert_int_equal(system(command), 0);
	free(p);
}

static void a_blob_is_no_row_that_a_scan_shows(void **state)
{
	struct fixture *f = *state;
	const struct stoa_value *row;
	stoa_rowid photo;
	stoa_cursor *cur;

	(void)put(f, "hello", 5, &photo);
	ok(f, stoa_query(f->txn, "SELECT count(*) FROM files", &cur, &f->err));
	assert_int_equal(stoa_next(cur, &row, &f->err), STOA_ROW);
	assert_int_equal(row[0].i, 0);
	stoa_cursor_close(cur);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_long_blob_goes_through_a_bounded_memory),
		T(space_comes_back_when_the_last_reference_goes),
		T(what_is_undone_was_never_written),
		T(wrong_calls_are_refused_with_words),
		T(random_writes_are_those_of_an_array),
		T(a_blob_is_as_before_when_memory_runs_out),
		T(a_flipped_byte_is_found),
		T(committed_blobs_survive_a_crash),
		T(a_blob_is_no_row_that_a_scan_shows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
