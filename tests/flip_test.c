/* SPDX-License-Identifier: MIT */
/*
 * flip_test.c - any bit of any file may turn, and any file be cut short: it is found, and harms
 * nobody
 *
 * A small database has every type, row groups in segment files, overlays, deleted rows and a tail,
 * a frozen table, and what a medley has: sets, queues, leases, references, blobs (medley.h).
 * After a clean close stoa_check() finds each flip. Opening and reading all of it gives what was
 * stored, or STOA_ECORRUPT: never something else, a crash or a hang.
 *
 * The second database was not closed: its newest commits are in the redo log alone. There is no
 * telling a last record that a power cut tore from one that was damaged later, so a flip in it, or
 * after it, may read as the state before that commit; and a log cut short reads as one that ended
 * there. And while the mark of a crash is there, bytes of the catalog that hold nothing are not
 * vouched for.
 *
 * All of it happens in a child, which says where it is in shared memory, so that the parent can
 * tell what it died of. `make check` takes steps of random width, `make check-long` every byte.
 */
#include "testing.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "medley.h"
#include "tree.h"

#define COMMITS 5      /* in the log of the database that was not closed */
#define SECONDS_MAX 30 /* for one flip */
#define KILOBYTES_MAX (512 << 10) /* some 10 MB, and what a sanitizer needs */

/* ---- the database ---- */

static const struct stoa_slot slots[] = {
	{ .name = "id", .type = STOA_I64, .flags = STOA_NOT_NULL },
	{ .name = "bool", .type = STOA_BOOL },
	{ .name = "i8", .type = STOA_I8 },
	{ .name = "i16", .type = STOA_I16 },
	{ .name = "i32", .type = STOA_I32 },
	{ .name = "u8", .type = STOA_U8 },
	{ .name = "u16", .type = STOA_U16 },
	{ .name = "u32", .type = STOA_U32 },
	{ .name = "u64", .type = STOA_U64 },
	{ .name = "f32", .type = STOA_F32 },
	{ .name = "f64", .type = STOA_F64 },
	{ .name = "decimal", .type = STOA_DECIMAL, .precision = 9, .scale = 2 },
	{ .name = "date", .type = STOA_DATE },
	{ .name = "time", .type = STOA_TIME },
	{ .name = "timestamp", .type = STOA_TIMESTAMP },
	{ .name = "uuid", .type = STOA_UUID },
	{ .name = "string", .type = STOA_STRING },
	{ .name = "text", .type = STOA_TEXT },
	{ .name = "blob", .type = STOA_BLOB },
};
#define N_SLOTS (sizeof slots / sizeof slots[0])

static const char *const strings[] = { "", "Attalos", "Eumenes", "Zeno", "Poikile" };

static struct stoa_value value_of(unsigned slot, uint64_t i, char *scratch)
{
	unsigned type = slots[slot].type;
	struct stoa_value v = stoa_i64((int64_t)(i * 7 % 100));

	if (slot && (i + slot) % 9 == 0)
		return stoa_null();
	v.type = (uint8_t)type;
	v.scale = slots[slot].scale;
	if (type == STOA_I64)
		v.i = (int64_t)i;
	else if (type == STOA_BOOL)
		v.i = i % 3 == 0;
	else if (type == STOA_F32 || type == STOA_F64)
		v.f = (double)i / 4;
	else if (type == STOA_UUID)
		memset(v.uuid, (int)i, sizeof v.uuid);
	else if (type == STOA_STRING)
		v = stoa_bytes_value(STOA_STRING, strings[i % 5], (uint32_t)strlen(strings[i % 5]));
	else if (type == STOA_TEXT || type == STOA_BLOB)
		v = stoa_bytes_value((enum stoa_type)type, scratch,
				     (uint32_t)sprintf(scratch, "row %" PRIu64 " of many", i));
	return v;
}

static void insert_rows(stoa_txn *txn, stoa_table t, uint64_t from, uint64_t to)
{
	struct stoa_value v[N_SLOTS];
	char scratch[N_SLOTS][40];
	struct stoa_error err;

	for (uint64_t i = from; i < to; i++) {
		for (unsigned s = 0; s < N_SLOTS; s++)
			v[s] = value_of(s, i, scratch[s]);
		must(stoa_insert(txn, t, v, N_SLOTS, NULL, &err), &err);
	}
}

/* Commit number @n: each adds rows, changes some and removes one. */
static void change(stoa_db *db, uint64_t n)
{
	struct stoa_value v[2] = { stoa_i64((int64_t)n), stoa_text("changed") };
	static const uint32_t at[2] = { 4, 16 };
	struct stoa_error err;
	stoa_txn *txn;
	stoa_table t;

	must(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	must(stoa_table_find(txn, "everything", &t, &err), &err);
	insert_rows(txn, t, 1000 * n, 1000 * n + 20);
	must(stoa_update(txn, t, 2 * n, at, v, 2, &err), &err);
	must(stoa_update(txn, t, 200 + n, at, v, 2, &err), &err);
	must(stoa_delete(txn, t, 30 + n, &err), &err);
	must(medley_step(txn, n + 2, NULL, &err), &err);
	must(stoa_commit(txn, &err), &err);
}

/* A slot that comes seals the tail, one that goes leaves its values behind in row groups. */
static void seal(stoa_txn *txn, stoa_table t, const char *name)
{
	struct stoa_slot slot = { .name = name, .type = STOA_I32, .value = stoa_i64(7) };
	struct stoa_error err;

	must(stoa_slot_add(txn, t, &slot, &err), &err);
	must(stoa_slot_drop(txn, t, name, &err), &err);
}

/* Two row groups, of which the second has gaps, and a tail: a change of the schema seals. */
static void fill(stoa_db *db)
{
	struct stoa_error err;
	stoa_txn *txn;
	stoa_table t;

	must(medley_create(db, &err), &err);
	must(stoa_begin(db, STOA_WRITE, &txn, &err), &err);
	must(stoa_table_create(txn, "everything", slots, N_SLOTS, &t, &err), &err);
	insert_rows(txn, t, 0, 150);
	seal(txn, t, "first");
	insert_rows(txn, t, 150, 400);
	for (stoa_rowid row = 250; row < 300; row += 3)
		must(stoa_delete(txn, t, row, &err), &err);
	seal(txn, t, "second");
	must(stoa_table_create(txn, "frozen", slots, N_SLOTS, &t, &err), &err);
	insert_rows(txn, t, 0, 50);
	must(stoa_table_freeze(txn, t, &err), &err);
	must(stoa_commit(txn, &err), &err);
	must(stoa_checkpoint(db, &err), &err);
	change(db, 1);
	must(stoa_checkpoint(db, &err), &err);
	change(db, 2);
	must(stoa_checkpoint(db, &err), &err);
}

/* ---- what it shows, as one number ---- */

static int answer_of(stoa_db *db, uint64_t *h, struct stoa_error *err)
{
	uint64_t n;

	return medley_look(db, &n, h, err);
}

static int answer_at(const char *path, uint32_t flags, uint64_t *h, struct stoa_error *err)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	stoa_db *db;
	int rc;

	options.flags = flags | STOA_OPEN_NO_CREATE;
	rc = stoa_open(path, &options, &db, err);
	if (rc < 0)
		return rc;
	rc = answer_of(db, h, err);
	if (rc < 0) {
		(void)stoa_close(db, NULL);
		return rc;
	}
	return stoa_close(db, err);
}

/* ---- the two databases ---- */

struct subject {
	char *dir;
	const char *path;
	struct tree *tree;
	bool closed;
	uint64_t answers[COMMITS + 1]; /* before the log, and after each record in it */
	size_t last_record;            /* where it begins in the log */
	const struct tree_file *log;
};

/* One past the last byte of a file that is not zero, as records are aligned. */
static size_t end_of(const struct tree_file *f)
{
	size_t n = f->len;

	while (n && !f->bytes[n - 1])
		n--;
	return (n + 7) / 8 * 8;
}

static const struct tree_file *find_log(const struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		if (!strncmp(tree->files[i].name, "log/", 4))
			return &tree->files[i];
	return NULL;
}

static struct subject subject_new(bool closed)
{
	struct subject s = { .dir = testing_tempdir(), .closed = closed };
	struct stoa_error err;
	struct tree *before;
	stoa_db *db;

	s.path = testing_path(s.dir, "flip.stoa");
	must(stoa_open(s.path, NULL, &db, &err), &err);
	fill(db);
	must(answer_of(db, &s.answers[0], &err), &err);
	for (uint64_t n = 1; n <= COMMITS; n++) {
		change(db, 2 + n);
		must(answer_of(db, &s.answers[n], &err), &err);
		if (n + 1 == COMMITS) {
			before = tree_read(s.path);
			s.last_record = end_of(find_log(before));
			tree_free(before);
		}
	}
	if (!closed)
		s.tree = tree_read(s.path);
	must(stoa_close(db, &err), &err);
	if (closed)
		s.tree = tree_read(s.path);
	s.log = find_log(s.tree);
	tree_write(s.tree, s.path);
	return s;
}

static void subject_free(struct subject *s)
{
	tree_free(s->tree);
	testing_rmtree(s->dir);
}

/* ---- in the child ---- */

static struct where {
	char file[64];
	char doing[32];
	uint64_t offset;
	uint64_t n_tried;
	char wrong[700];
} * where;

static void doing(const char *what)
{
	snprintf(where->doing, sizeof where->doing, "%s", what);
}

#define WRONG(...)                                                        \
	do {                                                              \
		snprintf(where->wrong, sizeof where->wrong, __VA_ARGS__); \
		_exit(1);                                                 \
	} while (0)

/* The oldest commit of the log that may be the last one that shows. */
static int oldest_answer(const struct subject *s, const struct tree_file *f, size_t at, bool cut)
{
	if (s->closed || f != s->log)
		return COMMITS;
	if (cut)
		return 0;
	return at >= s->last_record ? COMMITS - 1 : COMMITS;
}

/* What processes tell each other while they run: it holds nothing that lasts. */
static bool is_passing(const char *name)
{
	return !strcmp(name, "lock") || !strcmp(name, "consumers");
}

/* Must this damage be found by a check? */
static bool must_be_found(const struct subject *s, const struct tree_file *f, size_t at, bool cut)
{
	if (is_passing(f->name))
		return false;
	return s->closed || (f == s->log && !cut && at < s->last_record);
}

static void expect_answer(const struct subject *s, const char *what, uint32_t flags, int oldest)
{
	struct stoa_error err;
	uint64_t h;
	int rc;

	doing(what);
	rc = answer_at(s->path, flags, &h, &err);
	if (rc == STOA_ECORRUPT)
		return;
	if (rc < 0)
		WRONG("%s: %s: %s", what, stoa_result_name(rc), err.text);
	for (int i = oldest; i <= COMMITS; i++)
		if (h == s->answers[i])
			return;
	WRONG("%s: a wrong answer", what);
}

/* What stoa_check() has said of one change. Of what is nowhere in particular it may say several things. */
struct findings {
	struct {
		char file[64];
		uint64_t offset;
	} said[16];
	size_t n;
};

static void note_finding(void *ctx, const char *file, uint64_t offset, const char *what)
{
	struct findings *f = ctx;

	for (size_t i = 0; i < f->n; i++)
		if (offset && f->said[i].offset == offset && strcmp(f->said[i].file, file) == 0)
			WRONG("stoa_check says of %s:%llu a second time: %s", file,
			      (unsigned long long)offset, what);
	if (f->n == sizeof f->said / sizeof *f->said)
		return;
	snprintf(f->said[f->n].file, sizeof f->said[f->n].file, "%s", file);
	f->said[f->n++].offset = offset;
}

static void expect_finding(const struct subject *s, bool found)
{
	struct findings findings = { 0 };
	struct stoa_error err;
	int rc;

	doing("stoa_check");
	rc = stoa_check(s->path, note_finding, &findings, &err);
	if (rc == STOA_OK && found)
		WRONG("stoa_check finds nothing");
	if (rc != STOA_OK && rc != STOA_ECORRUPT)
		WRONG("stoa_check: %s: %s", stoa_result_name(rc), err.text);
}

/* File @f has been damaged at @at, or cut there; afterwards it is as it was. */
static void try_damage(const struct subject *s, const struct tree_file *f, size_t at, bool cut)
{
	snprintf(where->file, sizeof where->file, "%s", f->name);
	where->offset = at;
	alarm(SECONDS_MAX);
	expect_finding(s, must_be_found(s, f, at, cut));
	expect_answer(s, "open to read", STOA_OPEN_READ_ONLY, oldest_answer(s, f, at, cut));
	if (where->n_tried++ % 4 == 0) {
		expect_answer(s, "open to write", 0, oldest_answer(s, f, at, cut));
		tree_write(s->tree, s->path);
	} else {
		tree_write_file(s->path, f->name, f->bytes, f->len);
	}
	alarm(0);
}

static void flip(const struct subject *s, struct tree_file *f, size_t at, unsigned bit)
{
	f->bytes[at] ^= (uint8_t)(1u << bit);
	tree_write_file(s->path, f->name, f->bytes, f->len);
	f->bytes[at] ^= (uint8_t)(1u << bit);
	try_damage(s, f, at, false);
}

static void flip_all(const struct subject *s, uint64_t random)
{
	for (size_t i = 0; i < s->tree->n; i++) {
		struct tree_file *f = &s->tree->files[i];
		size_t step = testing_long() ? 1 : 1 + f->len / 100;
		size_t end = f == s->log ? end_of(f) : f->len;

		for (size_t at = testing_below(&random, step); at < end;
		     at += 1 + testing_below(&random, 2 * step - 1)) {
			flip(s, f, at, (unsigned)testing_below(&random, 8));
			if (f == s->log && step > 1) /* few of its bytes are in use */
				step = 1 + end / 100;
		}
		if (end < f->len)
			flip(s, f, end + testing_below(&random, f->len - end), 0);
	}
}

static void cut_all(const struct subject *s, uint64_t random)
{
	for (size_t i = 0; i < s->tree->n; i++) {
		const struct tree_file *f = &s->tree->files[i];
		size_t step = 1 + f->len / (testing_long() ? 1000 : 20);

		for (size_t at = 0; at < f->len; at += 1 + testing_below(&random, 2 * step - 1)) {
			tree_write_file(s->path, f->name, f->bytes, at);
			try_damage(s, f, at, true);
		}
	}
}

/* ---- in the parent ---- */

static void in_child(void (*what)(const struct subject *s, uint64_t random), bool closed)
{
	struct subject s = subject_new(closed);
	uint64_t random = testing_seed();
	struct rusage usage;
	pid_t pid;
	int status;

	where = mmap(NULL, sizeof *where, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_ptr_not_equal(where, MAP_FAILED);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		what(&s, random);
		_exit(0);
	}
	assert_int_equal(wait4(pid, &status, 0, &usage), pid);
	printf("%" PRIu64 " times, of %zu files, in at most %ld KB\n", where->n_tried, s.tree->n,
	       usage.ru_maxrss);
	if (status)
		fail_msg("%s, byte %" PRIu64 ": %s; %s (status 0x%x)", where->file, where->offset,
			 where->wrong, where->doing, (unsigned)status);
	/* Sizes that bytes claim are not believed. */
	assert_true(usage.ru_maxrss < KILOBYTES_MAX);
	munmap(where, sizeof *where);
	subject_free(&s);
}

static void every_flip_is_found_after_a_clean_close(void **state)
{
	(void)state;
	in_child(flip_all, true);
}

static void flips_beside_a_log_never_give_a_wrong_answer(void **state)
{
	(void)state;
	in_child(flip_all, false);
}

static void every_cut_is_found_after_a_clean_close(void **state)
{
	(void)state;
	in_child(cut_all, true);
}

static void cuts_beside_a_log_never_give_a_wrong_answer(void **state)
{
	(void)state;
	in_child(cut_all, false);
}

/* No file that lasts may be missing. Nothing is made anew in its place. */
static void a_missing_file_is_found(void **state)
{
	struct subject s = subject_new(true);

	(void)state;
	for (size_t i = 0; i < s.tree->n; i++) {
		const char *name = s.tree->files[i].name;
		struct stoa_error err;
		uint64_t h;
		int rc;

		if (is_passing(name))
			continue;
		assert_int_equal(unlink(testing_path(s.path, name)), 0);
		rc = answer_at(s.path, 0, &h, &err);
		if (!strcmp(name, "catalog.mdb"))
			assert_int_equal(rc, STOA_ENOTFOUND);
		else
			assert_int_equal(rc, STOA_ECORRUPT);
		assert_true(stoa_open(s.path, NULL, &(stoa_db *){ NULL }, &err) < 0);
		assert_true(stoa_check(s.path, NULL, NULL, &err) < 0);
		tree_write(s.tree, s.path);
	}
	subject_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flip_is_found_after_a_clean_close),
		cmocka_unit_test(flips_beside_a_log_never_give_a_wrong_answer),
		cmocka_unit_test(every_cut_is_found_after_a_clean_close),
		cmocka_unit_test(cuts_beside_a_log_never_give_a_wrong_answer),
		cmocka_unit_test(a_missing_file_is_found),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
