/* SPDX-License-Identifier: MIT */
/* catalog_test.c - the catalog against a sorted array, and against every flipped byte */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../storage/catalog.h"
#include "place.h"

#define MDB "catalog.mdb"
#define SUM "catalog.sum"

static int try_open(struct place *p, bool create, bool read_only, struct stoa__catalog **cat)
{
	struct stoa__catalog_options options = {
		.create = create, .read_only = read_only, .map_bytes = 256 << 20
	};

	return stoa__catalog_open(&p->dir, &options, cat, &p->err);
}

static struct stoa__catalog *must_open(struct place *p, bool create)
{
	struct stoa__catalog *cat;

	if (try_open(p, create, false, &cat) != STOA_OK)
		fail_msg("%s", p->err.text);
	return cat;
}

static void put(struct place *p, struct stoa__catalog *cat, const char *key, const char *value)
{
	if (stoa__catalog_put(cat, key, strlen(key), value, strlen(value), &p->err) != STOA_OK)
		fail_msg("%s", p->err.text);
}

static void begin(struct place *p, struct stoa__catalog *cat)
{
	if (stoa__catalog_begin(cat, &p->err) != STOA_OK)
		fail_msg("%s", p->err.text);
}

static void commit(struct place *p, struct stoa__catalog *cat)
{
	if (stoa__catalog_commit(cat, &p->err) != STOA_OK)
		fail_msg("%s", p->err.text);
}

static void count_report(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)offset;
	(void)what;
	assert_true(strcmp(file, MDB) == 0 || strcmp(file, SUM) == 0);
	++*(int *)ctx;
}

static int check_as(struct place *p, bool torn_ok)
{
	int n = 0;
	int rc = stoa__catalog_check(&p->dir, torn_ok, count_report, &n, &p->err);

	assert_int_equal(rc, n ? STOA_ECORRUPT : STOA_OK);
	return rc;
}

static int check(struct place *p)
{
	return check_as(p, false);
}

/* After a crash the check is lenient, and strict once a writer has been there. */
static void check_after_crash(struct place *p)
{
	if (check_as(p, true) != STOA_OK)
		fail_msg("%s", p->err.text);
	stoa__catalog_close(must_open(p, false));
	if (check(p) != STOA_OK)
		fail_msg("%s", p->err.text);
}

/* ---- the model: a sorted array of records ---- */

#define RECORDS_MAX 3000

struct record {
	uint8_t key[STOA__CATALOG_KEY_MAX];
	size_t key_len;
	uint64_t value;		/* its bytes follow from this and its length */
	size_t value_len;
};

struct model {
	struct record records[RECORDS_MAX];
	size_t n;
	size_t met;		/* by a load or a walk over keys */
};

static int compare_keys(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int c = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return c ? c : (a_len > b_len) - (a_len < b_len);
}

/* Where @key is, or belongs. */
static size_t model_find(const struct model *m, const uint8_t *key, size_t len)
{
	size_t i = 0;

	while (i < m->n && compare_keys(m->records[i].key, m->records[i].key_len, key, len) < 0)
		i++;
	return i;
}

static bool model_has(const struct model *m, size_t i, const uint8_t *key, size_t len)
{
	return i < m->n && m->records[i].key_len == len &&
	       memcmp(m->records[i].key, key, len) == 0;
}

static void model_remove(struct model *m, size_t i)
{
	memmove(&m->records[i], &m->records[i + 1], (--m->n - i) * sizeof *m->records);
}

static void model_put(struct model *m, const uint8_t *key, size_t len, uint64_t value,
		      size_t value_len)
{
	size_t i = model_find(m, key, len);

	if (!model_has(m, i, key, len)) {
		memmove(&m->records[i + 1], &m->records[i], (m->n++ - i) * sizeof *m->records);
		memcpy(m->records[i].key, key, len);
		m->records[i].key_len = len;
	}
	m->records[i].value = value;
	m->records[i].value_len = value_len;
}

static void value_of(uint64_t value, uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(value + i * 3 + (i >> 8));
}

static int meet_record(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
		       size_t value_len, struct stoa_error *err)
{
	static uint8_t want[1 << 20];
	struct model *m = ctx;
	const struct record *r = &m->records[m->met++];

	(void)err;
	assert_true(m->met <= m->n);
	assert_int_equal(key_len, r->key_len);
	assert_memory_equal(key, r->key, key_len);
	assert_int_equal(value_len, r->value_len);
	value_of(r->value, want, value_len);
	assert_memory_equal(value, want, value_len);
	return STOA_OK;
}

static void compare_all(struct place *p, struct stoa__catalog *cat, struct model *m)
{
	m->met = 0;
	if (stoa__catalog_load(cat, meet_record, m, &p->err) != STOA_OK)
		fail_msg("%s", p->err.text);
	assert_int_equal(m->met, m->n);
}

static int meet_key(void *ctx, const uint8_t *key, size_t key_len)
{
	struct model *m = ctx;

	assert_true(m->met < m->n);
	assert_true(model_has(m, m->met, key, key_len));
	m->met++;
	return 0;
}

static size_t random_key(uint64_t *seed, uint8_t *key)
{
	size_t len = 1 + testing_below(seed, testing_below(seed, 10) ? 4 : STOA__CATALOG_KEY_MAX);

	for (size_t i = 0; i < len; i++)
		key[i] = (uint8_t)testing_below(seed, i < 2 ? 4 : 256);
	return len;
}

static size_t random_len(uint64_t *seed)
{
	static const size_t limits[] = { 1, 20, 20, 100, 600, 3000, 20000, 300000 };
	size_t k = testing_below(seed, 8);

	return testing_below(seed, k == 7 && testing_below(seed, 4) ? 20 : limits[k]);
}

static void random_write(struct place *p, struct stoa__catalog *cat, struct model *m,
			 uint64_t *seed)
{
	static uint8_t value[1 << 20];
	uint8_t key[STOA__CATALOG_KEY_MAX];
	size_t len = random_key(seed, key);
	size_t value_len, i;

	switch (testing_below(seed, 30)) {
	case 0:
		len = testing_below(seed, 3);
		if (len > 2 || (len == 0 && testing_below(seed, 8)))
			len = 2;
		assert_int_equal(stoa__catalog_delete_prefix(cat, key, len, &p->err), STOA_OK);
		for (i = 0; i < m->n;)
			if (m->records[i].key_len >= len && !memcmp(m->records[i].key, key, len))
				model_remove(m, i);
			else
				i++;
		break;
	case 1: case 2: case 3: case 4: case 5: case 6: case 7: case 8: case 9: case 10:
		if (m->n && testing_below(seed, 4)) {
			i = testing_below(seed, m->n);
			memcpy(key, m->records[i].key, len = m->records[i].key_len);
		}
		assert_int_equal(stoa__catalog_delete(cat, key, len, &p->err), STOA_OK);
		i = model_find(m, key, len);
		if (model_has(m, i, key, len))
			model_remove(m, i);
		break;
	default:
		if (m->n == RECORDS_MAX)
			break;
		value_len = random_len(seed);
		uint64_t v = testing_random(seed);

		value_of(v, value, value_len);
		assert_int_equal(stoa__catalog_put(cat, key, len, value, value_len, &p->err),
				 STOA_OK);
		model_put(m, key, len, v, value_len);
	}
}

static void random_use_against_a_sorted_array(void **state)
{
	struct place *p = *state;
	uint64_t seed = testing_seed();
	struct model *m = calloc(1, sizeof *m), *saved = calloc(1, sizeof *m);
	struct stoa__catalog *cat = must_open(p, true);
	struct stoa__catalog *reader;

	assert_int_equal(try_open(p, false, true, &reader), STOA_OK);
	for (int round = 0; round < (testing_long() ? 1000 : 60); round++) {
		memcpy(saved, m, sizeof *m);
		begin(p, cat);
		for (uint64_t n = testing_below(&seed, round % 10 ? 40 : 400); n; n--)
			random_write(p, cat, m, &seed);
		m->met = 0;
		assert_int_equal(stoa__catalog_keys(cat, "", 0, meet_key, m, &p->err), STOA_OK);
		assert_int_equal(m->met, m->n);
		if (testing_below(&seed, 5)) {
			commit(p, cat);
		} else {
			stoa__catalog_abort(cat);
			memcpy(m, saved, sizeof *m);
		}
		compare_all(p, cat, m);
		compare_all(p, reader, m);
		if (check(p) != STOA_OK)
			fail_msg("%s", p->err.text);
		if (!testing_below(&seed, 8)) {
			stoa__catalog_close(cat);
			cat = must_open(p, false);
		}
	}
	stoa__catalog_close(reader);
	stoa__catalog_close(cat);
	free(m);
	free(saved);
}

/* ---- the plain way ---- */

static void a_catalog_is_created_once_and_has_a_uuid(void **state)
{
	struct place *p = *state;
	struct stoa__catalog_options options = { .create = true, .uuid = "fifteen letters" };
	struct stoa__catalog *cat;

	assert_int_equal(try_open(p, false, false, &cat), STOA_ENOTFOUND);
	assert_int_equal(stoa__catalog_open(&p->dir, &options, &cat, &p->err), STOA_OK);
	assert_memory_equal(stoa__catalog_uuid(cat), "fifteen letters", 16);
	assert_true(stoa__catalog_size(cat) > 0);
	stoa__catalog_close(cat);
	assert_int_equal(stoa__catalog_open(&p->dir, &options, &cat, &p->err), STOA_EEXIST);
	options.create = false;
	assert_int_equal(stoa__catalog_open(&p->dir, &options, &cat, &p->err), STOA_OK);
	stoa__catalog_close(cat);
	options.uuid[0] = 'F';
	assert_int_equal(stoa__catalog_open(&p->dir, &options, &cat, &p->err), STOA_ECORRUPT);
	cat = must_open(p, false);
	assert_memory_equal(stoa__catalog_uuid(cat), "fifteen letters", 16);
	stoa__catalog_close(cat);
	stoa__catalog_close(NULL);
}

static void calls_out_of_turn_are_refused(void **state)
{
	struct place *p = *state;
	struct stoa__catalog *cat = must_open(p, true);
	uint8_t key[65] = { 1 };

	assert_int_equal(stoa__catalog_put(cat, "a", 1, "b", 1, &p->err), STOA_ESTATE);
	assert_int_equal(stoa__catalog_commit(cat, &p->err), STOA_ESTATE);
	begin(p, cat);
	assert_int_equal(stoa__catalog_begin(cat, &p->err), STOA_ESTATE);
	assert_int_equal(stoa__catalog_put(cat, "", 0, "b", 1, &p->err), STOA_EINVAL);
	assert_int_equal(stoa__catalog_put(cat, key, 65, "b", 1, &p->err), STOA_EINVAL);
	assert_int_equal(stoa__catalog_put(cat, key, 64, "b", 1, &p->err), STOA_OK);
	assert_int_equal(stoa__catalog_put(cat, key, 4, key, (256 << 20) + 1, &p->err), STOA_EFULL);
	commit(p, cat);
	stoa__catalog_close(cat);
	assert_int_equal(try_open(p, false, true, &cat), STOA_OK);
	assert_int_equal(stoa__catalog_begin(cat, &p->err), STOA_EREADONLY);
	stoa__catalog_close(cat);
}

static int stop_at_once(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
			size_t value_len, struct stoa_error *err)
{
	(void)key;
	(void)key_len;
	(void)value;
	(void)value_len;
	++*(int *)ctx;
	return stoa__fail(err, STOA_ECANCELED, "enough");
}

static int stop_at_key(void *ctx, const uint8_t *key, size_t key_len)
{
	(void)key;
	(void)key_len;
	++*(int *)ctx;
	return 42;
}

static void a_walk_ends_when_its_caller_says_so(void **state)
{
	struct place *p = *state;
	struct stoa__catalog *cat = must_open(p, true);
	int n = 0;

	begin(p, cat);
	put(p, cat, "a", "1");
	put(p, cat, "b", "2");
	assert_int_equal(stoa__catalog_keys(cat, "b", 1, stop_at_key, &n, &p->err), 42);
	commit(p, cat);
	assert_int_equal(stoa__catalog_load(cat, stop_at_once, &n, &p->err), STOA_ECANCELED);
	assert_int_equal(n, 2);
	stoa__catalog_close(cat);
}

static int measure(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
		   size_t value_len, struct stoa_error *err)
{
	(void)key;
	(void)key_len;
	(void)value;
	(void)err;
	*(size_t *)ctx += value_len;
	return STOA_OK;
}

static void values_may_be_large_and_the_map_grows(void **state)
{
	struct place *p = *state;
	struct stoa__catalog_options options = { .create = true, .map_bytes = 64 << 20 };
	struct stoa__catalog *cat;
	size_t len = 24 << 20, sum = 0;
	uint8_t *value = calloc(1, len);

	assert_int_equal(stoa__catalog_open(&p->dir, &options, &cat, &p->err), STOA_OK);
	for (char c = 'a'; c < 'd'; c++) {
		begin(p, cat);
		assert_int_equal(stoa__catalog_put(cat, &c, 1, value, len, &p->err), STOA_OK);
		commit(p, cat);
	}
	assert_int_equal(stoa__catalog_load(cat, measure, &sum, &p->err), STOA_OK);
	assert_int_equal(sum, 3 * len);
	/* More than there is room for: an error, the catalog as it was. */
	begin(p, cat);
	int rc = STOA_OK;
	for (char c = 'k'; rc == STOA_OK; c++)
		rc = stoa__catalog_put(cat, &c, 1, value, len, &p->err);
	assert_int_equal(rc, STOA_EFULL);
	assert_int_equal(stoa__catalog_commit(cat, &p->err), STOA_ESTATE);
	sum = 0;
	assert_int_equal(stoa__catalog_load(cat, measure, &sum, &p->err), STOA_OK);
	assert_int_equal(sum, 3 * len);
	stoa__catalog_close(cat);
	free(value);
}

/* ---- damage ---- */

/* A small catalog with branch, leaf, overflow and free pages. */
static void make_catalog(struct place *p)
{
	struct stoa__catalog *cat = must_open(p, true);
	static char value[9000];
	char key[16];

	memset(value, 'v', sizeof value - 1);
	begin(p, cat);
	for (int i = 0; i < 60; i++) {
		snprintf(key, sizeof key, "key %02d", i);
		value[100 + i] = '\0';
		put(p, cat, key, value);
		value[100 + i] = 'v';
	}
	put(p, cat, "long", value);
	commit(p, cat);
	begin(p, cat);
	assert_int_equal(stoa__catalog_delete_prefix(cat, "key 1", 5, &p->err), STOA_OK);
	put(p, cat, "key 77", "late");
	commit(p, cat);
	stoa__catalog_close(cat);
}

struct digest {
	uint64_t n;
	uint64_t bytes;
};

static int digest_record(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
			 size_t value_len, struct stoa_error *err)
{
	struct digest *d = ctx;

	(void)err;
	d->n++;
	for (size_t i = 0; i < key_len; i++)
		d->bytes = d->bytes * 31 + key[i];
	for (size_t i = 0; i < value_len; i++)
		d->bytes = d->bytes * 31 + value[i];
	return STOA_OK;
}

/* Opens and loads: STOA_OK with the digest of all records, or an error. */
static int load_digest(struct place *p, struct digest *d)
{
	struct stoa__catalog *cat;
	int rc = try_open(p, false, true, &cat);

	memset(d, 0, sizeof *d);
	if (rc < 0)
		return rc;
	rc = stoa__catalog_load(cat, digest_record, d, &p->err);
	stoa__catalog_close(cat);
	return rc;
}

static uint8_t *slurp(struct place *p, const char *name, uint64_t *size)
{
	uint8_t *bytes;
	int fd;

	assert_int_equal(stoa__file_size(&p->dir, name, size, &p->err), STOA_OK);
	bytes = malloc(*size);
	assert_int_equal(stoa__file_open(&p->dir, name, O_RDONLY, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_read(fd, name, 0, bytes, *size, &p->err), STOA_OK);
	stoa__file_close(fd);
	return bytes;
}

static void flip_each_byte(struct place *p, const char *name, uint64_t step)
{
	uint64_t seed = testing_seed();
	struct digest want, got;
	uint64_t size, n_accepted = 0;
	uint8_t *bytes = slurp(p, name, &size);
	int fd;

	assert_int_equal(load_digest(p, &want), STOA_OK);
	assert_int_equal(check(p), STOA_OK);
	assert_int_equal(stoa__file_open(&p->dir, name, O_RDWR, &fd, &p->err), STOA_OK);
	for (uint64_t at = testing_below(&seed, step); at < size; at += step) {
		uint8_t now = bytes[at] ^ (uint8_t)(1u << testing_below(&seed, 8));
		int rc;

		assert_int_equal(stoa__file_write(fd, name, at, &now, 1, &p->err), STOA_OK);
		if (check(p) != STOA_ECORRUPT)
			fail_msg("check misses byte %llu of %s", (unsigned long long)at, name);
		rc = load_digest(p, &got);
		if (rc == STOA_OK) {
			assert_memory_equal(&got, &want, sizeof got);
			n_accepted++;
		} else {
			assert_int_equal(rc, STOA_ECORRUPT);
			assert_non_null(strstr(p->err.text, "catalog."));
		}
		assert_int_equal(stoa__file_write(fd, name, at, &bytes[at], 1, &p->err), STOA_OK);
	}
	stoa__file_close(fd);
	assert_int_equal(check(p), STOA_OK);
	printf("%s: %llu bytes, %llu flips do no harm\n", name, (unsigned long long)size,
	       (unsigned long long)n_accepted);
	free(bytes);
}

static void a_flipped_byte_of_the_file_is_found_and_never_read(void **state)
{
	struct place *p = *state;

	make_catalog(p);
	flip_each_byte(p, MDB, testing_long() ? 1 : 5);
}

static void a_flipped_byte_of_the_sum_is_found(void **state)
{
	struct place *p = *state;

	make_catalog(p);
	flip_each_byte(p, SUM, 1);
}

static void a_truncated_file_is_corrupt_or_right(void **state)
{
	struct place *p = *state;
	struct digest want, got;
	uint64_t size;
	uint8_t *bytes;
	int fd;

	make_catalog(p);
	assert_int_equal(load_digest(p, &want), STOA_OK);
	bytes = slurp(p, MDB, &size);
	for (uint64_t len = 0; len < size; len += 512) {
		int rc;

		assert_int_equal(stoa__file_open(&p->dir, MDB, O_RDWR | O_TRUNC, &fd, &p->err),
				 STOA_OK);
		assert_int_equal(stoa__file_write(fd, MDB, 0, bytes, len, &p->err), STOA_OK);
		stoa__file_close(fd);
		assert_int_equal(check(p), STOA_ECORRUPT);
		rc = load_digest(p, &got);
		if (rc == STOA_OK)
			assert_memory_equal(&got, &want, sizeof got);
		else
			assert_int_equal(rc, STOA_ECORRUPT);
	}
	free(bytes);
}

/* Puts the older of two meta pages' states back: a commit that was lost. */
static void a_catalog_that_went_back_in_time_is_corrupt(void **state)
{
	struct place *p = *state;
	struct stoa__catalog *cat;
	struct digest d;
	uint64_t size;
	uint8_t *bytes;
	int fd;

	make_catalog(p);
	bytes = slurp(p, MDB, &size);
	cat = must_open(p, false);
	begin(p, cat);
	put(p, cat, "key 01", "changed");
	commit(p, cat);
	stoa__catalog_close(cat);
	assert_int_equal(stoa__file_open(&p->dir, MDB, O_RDWR, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, MDB, 0, bytes, size, &p->err), STOA_OK);
	stoa__file_close(fd);
	assert_int_equal(load_digest(p, &d), STOA_ECORRUPT);
	assert_int_equal(check(p), STOA_ECORRUPT);
	free(bytes);
}

static void a_crash_between_commit_and_sum_is_no_error(void **state)
{
	struct place *p = *state;
	struct stoa__catalog *cat;
	struct digest before, after;
	uint64_t size;
	uint8_t *sum;
	int fd;

	make_catalog(p);
	sum = slurp(p, SUM, &size);
	cat = must_open(p, false);
	begin(p, cat);
	put(p, cat, "key 01", "changed");
	commit(p, cat);
	stoa__catalog_close(cat);
	assert_int_equal(load_digest(p, &before), STOA_OK);
	assert_int_equal(stoa__file_open(&p->dir, SUM, O_RDWR, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, SUM, 0, sum, size, &p->err), STOA_OK);
	stoa__file_close(fd);
	assert_int_equal(check_as(p, true), STOA_OK);
	assert_int_equal(load_digest(p, &after), STOA_OK);
	assert_memory_equal(&before, &after, sizeof after);
	/* A writer mends it, so that the next crash leaves it one behind and not two. */
	cat = must_open(p, false);
	stoa__catalog_close(cat);
	free(sum);
	sum = slurp(p, SUM, &size);
	cat = must_open(p, false);
	begin(p, cat);
	commit(p, cat);
	stoa__catalog_close(cat);
	assert_int_equal(stoa__file_open(&p->dir, SUM, O_RDWR, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, SUM, 0, sum, size, &p->err), STOA_OK);
	stoa__file_close(fd);
	check_after_crash(p);
	free(sum);
}

static void empty_and_missing_files_are_corrupt(void **state)
{
	struct place *p = *state;
	struct digest d;
	int fd;

	assert_int_equal(check(p), STOA_ECORRUPT);
	make_catalog(p);
	assert_int_equal(stoa__file_rename(&p->dir, SUM, "away", &p->err), STOA_OK);
	assert_int_equal(load_digest(p, &d), STOA_ECORRUPT);
	assert_int_equal(check(p), STOA_ECORRUPT);
	assert_int_equal(stoa__file_rename(&p->dir, "away", SUM, &p->err), STOA_OK);
	assert_int_equal(stoa__file_open(&p->dir, MDB, O_RDWR | O_TRUNC, &fd, &p->err), STOA_OK);
	stoa__file_close(fd);
	assert_int_equal(load_digest(p, &d), STOA_ECORRUPT);
	assert_int_equal(check(p), STOA_ECORRUPT);
}

/* ---- faults ---- */

/* Creates a catalog, commits twice, loads. Counts the commits that succeeded. */
static int create_and_commit(struct place *p, int *n_committed)
{
	struct stoa__catalog *cat;
	struct digest d = { 0 };
	int rc = try_open(p, true, false, &cat);

	*n_committed = 0;
	if (rc < 0)
		return rc;
	for (int i = 0; rc == STOA_OK && i < 2; i++) {
		rc = stoa__catalog_begin(cat, &p->err);
		if (rc == STOA_OK)
			rc = stoa__catalog_put(cat, i ? "b" : "a", 1, "value", 5, &p->err);
		if (rc == STOA_OK)
			rc = stoa__catalog_commit(cat, &p->err);
		if (rc == STOA_OK)
			++*n_committed;
	}
	if (rc == STOA_OK)
		rc = stoa__catalog_load(cat, digest_record, &d, &p->err);
	stoa__catalog_close(cat);
	return rc;
}

static void a_failed_file_operation_loses_no_commit(void **state)
{
	struct place *p = *state;

	for (long nth = 0;; nth++) {
		struct digest d;
		int n_committed;
		bool fired;
		int rc;

		stoa__file_fault_arm(nth, EIO, false);
		rc = create_and_commit(p, &n_committed);
		fired = stoa__file_fault_disarm();
		if (rc < 0)
			assert_true(fired && rc == STOA_EIO);
		rc = load_digest(p, &d);
		if (rc == STOA_ENOTFOUND) {
			assert_int_equal(n_committed, 0);
		} else {
			if (rc != STOA_OK)
				fail_msg("operation %ld: %s", nth, p->err.text);
			assert_true(d.n >= (uint64_t)n_committed);
			check_after_crash(p);
		}
		assert_int_equal(stoa__file_unlink(&p->dir, MDB, &p->err), STOA_OK);
		if (!fired)
			break;
	}
}

static void memory_may_run_out_at_any_point(void **state)
{
	struct place *p = *state;

	for (long nth = 0;; nth++) {
		int n_committed;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = create_and_commit(p, &n_committed);
		fired = stoa__fault_disarm();
		if (rc < 0)
			assert_true(fired && rc == STOA_ENOMEM);
		assert_int_equal(stoa__file_unlink(&p->dir, MDB, &p->err), STOA_OK);
		if (!fired)
			return;
	}
}

/* ---- shrinking ---- */

#define BIG ((size_t)3 << 20)

/* Puts a large value into a catalog, then takes it out and puts small ones in. */
static int fill_and_empty(struct place *p, struct stoa__catalog *cat, uint32_t round)
{
	static uint8_t value[BIG];
	int rc = stoa__catalog_begin(cat, &p->err);

	if (rc == STOA_OK)
		rc = stoa__catalog_put(cat, "large", 5, value, sizeof value, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_commit(cat, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_begin(cat, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_delete(cat, "large", 5, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_put(cat, &round, sizeof round, value, round * 100 % 5000, &p->err);
	return rc == STOA_OK ? stoa__catalog_commit(cat, &p->err) : rc;
}

static void a_catalog_that_has_become_hollow_is_copied(void **state)
{
	struct place *p = *state;
	struct stoa__catalog *cat, *reader;
	struct digest d, seen;
	uint64_t size, txnid = 0;

	make_catalog(p);
	cat = must_open(p, false);
	assert_int_equal(try_open(p, false, true, &reader), STOA_OK);
	for (uint32_t round = 1; round < 12; round++) {
		if (fill_and_empty(p, cat, round) != STOA_OK)
			fail_msg("%s", p->err.text);
		assert_int_equal(stoa__file_size(&p->dir, MDB, &size, &p->err), STOA_OK);
		assert_true(size < (512 << 10));
		assert_int_equal(stoa__catalog_size(cat), size);
		assert_true(stoa__catalog_txnid(cat) > txnid);
		txnid = stoa__catalog_txnid(cat);
		d = seen = (struct digest){ 0 };
		assert_int_equal(load_digest(p, &d), STOA_OK);
		assert_int_equal(stoa__catalog_load(reader, digest_record, &seen, &p->err), STOA_OK);
		assert_int_equal(seen.n, d.n);
		assert_int_equal(check(p), STOA_OK);
		/* The next round is of the other parity, and now and then a fresh writer's. */
		begin(p, cat);
		put(p, cat, "more", round % 2 ? "odd" : "even");
		commit(p, cat);
		assert_int_equal(check(p), STOA_OK);
		if (round % 3 == 0) {
			stoa__catalog_close(cat);
			cat = must_open(p, false);
		}
	}
	stoa__catalog_close(reader);
	stoa__catalog_close(cat);
}

static void a_copy_that_fails_loses_no_commit(void **state)
{
	struct place *p = *state;
	bool fired = true;

	make_catalog(p);
	for (long nth = 0; fired; nth++) {
		struct stoa__catalog *cat = must_open(p, false);
		uint64_t before = stoa__catalog_txnid(cat);
		struct digest d;
		int rc;

		stoa__file_fault_arm(nth, EIO, false);
		rc = fill_and_empty(p, cat, (uint32_t)nth);
		fired = stoa__file_fault_disarm();
		assert_true(rc == STOA_OK || fired);
		stoa__catalog_close(cat);
		if (load_digest(p, &d) != STOA_OK)
			fail_msg("operation %ld: %s", nth, p->err.text);
		check_after_crash(p);
		cat = must_open(p, false);
		assert_true(rc < 0 || stoa__catalog_txnid(cat) == before + 2);
		stoa__catalog_close(cat);
	}
}

/* In a child, since a limit on the size of files is for the whole process. */
static int commit_on_a_full_disk(struct place *p)
{
	struct rlimit limit = { 0, RLIM_INFINITY };
	struct stoa__catalog *cat = must_open(p, false);
	static uint8_t value[1 << 20];
	struct digest before = { 0 }, after = { 0 };
	int rc;

	signal(SIGXFSZ, SIG_IGN);
	limit.rlim_cur = stoa__catalog_size(cat) + 8192;
	setrlimit(RLIMIT_FSIZE, &limit);
	stoa__catalog_load(cat, digest_record, &before, &p->err);
	begin(p, cat);
	rc = stoa__catalog_put(cat, "big", 3, value, sizeof value, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_commit(cat, &p->err);
	if (rc != STOA_EFULL)
		return 1;
	/* As it was, and in use again once there is room. */
	if (stoa__catalog_load(cat, digest_record, &after, &p->err) != STOA_OK ||
	    memcmp(&before, &after, sizeof after) != 0)
		return 2;
	limit.rlim_cur = RLIM_INFINITY;
	setrlimit(RLIMIT_FSIZE, &limit);
	begin(p, cat);
	rc = stoa__catalog_put(cat, "big", 3, value, sizeof value, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_commit(cat, &p->err);
	stoa__catalog_close(cat);
	return rc == STOA_OK && check(p) == STOA_OK ? 0 : 3;
}

static void a_full_disk_leaves_the_catalog_as_it_was(void **state)
{
	struct place *p = *state;
	int status;
	pid_t pid;

	make_catalog(p);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(commit_on_a_full_disk(p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(check(p), STOA_OK);
}

static void a_killed_writer_leaves_every_commit_it_told_of(void **state)
{
	struct place *p = *state;
	uint64_t seed = testing_seed();

	make_catalog(p);
	for (int round = 0; round < (testing_long() ? 200 : 15); round++) {
		struct digest d;
		int told[2];
		uint32_t n = 0, m;
		pid_t pid;

		assert_int_equal(pipe(told), 0);
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			struct stoa__catalog *cat = must_open(p, false);

			for (uint32_t i = 1;; i++) {
				char value[3000];

				memset(value, (int)i, sizeof value);
				begin(p, cat);
				stoa__catalog_put(cat, &i, sizeof i, value, i * 37 % 3000, NULL);
				stoa__catalog_put(cat, "newest", 6, &i, sizeof i, NULL);
				commit(p, cat);
				if (write(told[1], &i, sizeof i) != sizeof i)
					_exit(1);
			}
		}
		close(told[1]);
		usleep((useconds_t)testing_below(&seed, 20000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		while (read(told[0], &m, sizeof m) == sizeof m)
			n = m;
		close(told[0]);
		if (load_digest(p, &d) != STOA_OK)
			fail_msg("after %u commits: %s", n, p->err.text);
		assert_true(d.n >= n);
		check_after_crash(p);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_catalog_is_created_once_and_has_a_uuid),
		TEST(calls_out_of_turn_are_refused),
		TEST(a_walk_ends_when_its_caller_says_so),
		TEST(values_may_be_large_and_the_map_grows),
		TEST(random_use_against_a_sorted_array),
		TEST(a_flipped_byte_of_the_file_is_found_and_never_read),
		TEST(a_flipped_byte_of_the_sum_is_found),
		TEST(a_truncated_file_is_corrupt_or_right),
		TEST(a_catalog_that_went_back_in_time_is_corrupt),
		TEST(a_crash_between_commit_and_sum_is_no_error),
		TEST(empty_and_missing_files_are_corrupt),
		TEST(a_failed_file_operation_loses_no_commit),
		TEST(memory_may_run_out_at_any_point),
		TEST(a_catalog_that_has_become_hollow_is_copied),
		TEST(a_copy_that_fails_loses_no_commit),
		TEST(a_full_disk_leaves_the_catalog_as_it_was),
		TEST(a_killed_writer_leaves_every_commit_it_told_of),
	};

	stoa__file_skip_syncs(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
