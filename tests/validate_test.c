/* SPDX-License-Identifier: MIT */
/*
 * validate_test.c - the validator knows good files from bad ones, and after it LMDB is safe
 *
 * Files are made through the catalog; damage is done to their bytes. Damage that the validator lets
 * pass goes on to LMDB, in this process: the run ends if that is not safe.
 */
#include "testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/buf.h"
#include "../storage/catalog.h"
#include "../storage/validate.h"

#define NAME "catalog.mdb"
#define PAGE 4096u

struct place {
	char *path;
	struct stoa__dir dir;
	struct stoa_error err;
	uint8_t *bytes;		/* of a good file */
	uint64_t size;
	uint8_t *newest;	/* its newer meta page */
};

static void put(struct place *p, struct stoa__catalog *cat, uint64_t key, size_t len)
{
	static uint8_t value[100000];

	memset(value, (int)key, len);
	assert_int_equal(stoa__catalog_put(cat, &key, sizeof key, value, len, &p->err), STOA_OK);
}

/* Two levels of branches, overflow runs, and a free list. */
static void make_file(struct place *p)
{
	struct stoa__catalog_options options = { .create = true, .map_bytes = 64 << 20 };
	struct stoa__catalog *cat;
	uint8_t prefix = 7;

	assert_int_equal(stoa__catalog_open(&p->dir, &options, &cat, &p->err), STOA_OK);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(stoa__catalog_begin(cat, &p->err), STOA_OK);
		for (uint64_t key = 0; key < 300; key++)
			put(p, cat, key * 3 + (uint64_t)round, key % 20 ? 300 : 9000);
		assert_int_equal(stoa__catalog_delete_prefix(cat, &prefix, 1, &p->err), STOA_OK);
		assert_int_equal(stoa__catalog_commit(cat, &p->err), STOA_OK);
		prefix++;
	}
	stoa__catalog_close(cat);
}

static int set_up(void **state)
{
	static struct place p;
	int fd;

	memset(&p, 0, sizeof p);
	p.path = testing_tempdir();
	assert_int_equal(stoa__dir_open(p.path, &p.dir, &p.err), STOA_OK);
	make_file(&p);
	assert_int_equal(stoa__file_size(&p.dir, NAME, &p.size, &p.err), STOA_OK);
	p.bytes = malloc(p.size);
	assert_int_equal(stoa__file_open(&p.dir, NAME, O_RDONLY, &fd, &p.err), STOA_OK);
	assert_int_equal(stoa__file_read(fd, NAME, 0, p.bytes, p.size, &p.err), STOA_OK);
	stoa__file_close(fd);
	p.newest = p.bytes + (stoa__load_u64(p.bytes + 144) < stoa__load_u64(p.bytes + PAGE + 144)) *
				     PAGE;
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;

	stoa__fault_disarm();
	stoa__dir_close(&p->dir);
	testing_rmtree(p->path);
	free(p->bytes);
	return 0;
}

/* Writes the bytes, as they are now, to the file. */
static int validate(struct place *p)
{
	struct stoa__lmdb_shape shape;
	int fd, rc;

	assert_int_equal(stoa__file_open(&p->dir, NAME, O_RDWR | O_TRUNC, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, NAME, 0, p->bytes, p->size, &p->err), STOA_OK);
	rc = stoa__validate_lmdb(fd, NAME, &shape, &p->err);
	stoa__file_close(fd);
	return rc;
}

static void set(uint8_t *p, uint64_t x, size_t len)
{
	memcpy(p, &x, len);
}

/* With @len bytes at @p set to @x, the file is bad, in the words @why; then they are put back. */
static void expect_bad(struct place *p, uint8_t *at, uint64_t x, size_t len, const char *why)
{
	uint8_t saved[8];

	memcpy(saved, at, len);
	set(at, x, len);
	if (validate(p) != STOA_ECORRUPT)
		fail_msg("not found: %s", why);
	if (!strstr(p->err.text, why))
		fail_msg("wanted: %s; got: %s", why, p->err.text);
	memcpy(at, saved, len);
}

static uint16_t u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static uint8_t *page(struct place *p, uint64_t number)
{
	assert_true(number < p->size / PAGE);
	return p->bytes + number * PAGE;
}

/* The roots of the free list and of the table. */
static uint8_t *root(struct place *p, int tree)
{
	return page(p, stoa__load_u64(p->newest + 40 + 48 * tree + 40));
}

static uint8_t *first_leaf(struct place *p)
{
	uint8_t *at = root(p, 1);

	while (u16(at + 10) == 1)
		at = page(p, stoa__load_u32(at + u16(at + 16)));
	return at;
}

static void a_good_file_is_good(void **state)
{
	struct place *p = *state;

	assert_int_equal(validate(p), STOA_OK);
	assert_int_equal(u16(root(p, 1) + 10), 1);	/* a branch, or the tests below are idle */
	assert_int_equal(u16(root(p, 0) + 10), 2);
}

static void meta_pages_that_lie_are_found(void **state)
{
	struct place *p = *state;
	uint8_t *m = p->newest;
	uint64_t txnid = stoa__load_u64(m + 144);

	expect_bad(p, m + 16, 1, 4, "not a meta page");
	expect_bad(p, m + 10, 2, 2, "not a meta page");
	expect_bad(p, m, 5, 8, "not a meta page");
	expect_bad(p, m + 20, 2, 4, "another version");
	expect_bad(p, p->bytes + 40, 100, 4, "page size");
	expect_bad(p, p->bytes + PAGE + 40, 8192, 4, "page size");
	expect_bad(p, m + 24, 1, 8, "out of bounds");
	expect_bad(p, m + 32, UINT64_MAX, 8, "out of bounds");
	expect_bad(p, m + 136, UINT64_MAX / 2, 8, "out of bounds");
	expect_bad(p, m + 44, 0, 2, "flags");
	expect_bad(p, m + 92, 4, 2, "flags");
	expect_bad(p, m + 144, txnid + 1, 8, "of the other meta page");
	expect_bad(p, m + 144, txnid + 2, 8, "one transaction apart");
	expect_bad(p, m + 94, 33, 2, "tree out of bounds");
	expect_bad(p, m + 94, 0, 2, "tree out of bounds");
	expect_bad(p, m + 128, 1, 8, "tree out of bounds");
	expect_bad(p, m + 96, 1000, 8, "counts other pages");
	expect_bad(p, m + 104, 1, 8, "counts other pages");
	expect_bad(p, m + 112, 1, 8, "counts other pages");
	expect_bad(p, m + 120, 1, 8, "counts other pages");
}

static void pages_that_lie_are_found(void **state)
{
	struct place *p = *state;
	uint8_t *branch = root(p, 1);
	uint8_t *leaf = first_leaf(p);
	uint8_t *second = branch + u16(branch + 18);

	expect_bad(p, branch, 1, 8, "not the page that belongs here");
	expect_bad(p, branch + 10, 2, 2, "not the page that belongs here");
	expect_bad(p, leaf + 10, 0x22, 2, "not the page that belongs here");
	expect_bad(p, leaf + 12, PAGE, 2, "bounds");
	expect_bad(p, leaf + 14, PAGE + 2, 2, "bounds");
	expect_bad(p, leaf + 12, 17, 2, "bounds");
	expect_bad(p, leaf + 12, 16, 2, "bounds");
	expect_bad(p, leaf + 14, u16(leaf + 14) - 2u, 2, "bytes without a node");
	expect_bad(p, leaf + 16, u16(leaf + 18), 2, "reaches into another");
	expect_bad(p, leaf + 16, PAGE - 4, 2, "node out of bounds");
	expect_bad(p, leaf + 16, 2, 2, "node out of bounds");
	expect_bad(p, branch + 12, 18, 2, "without a choice");
	expect_bad(p, second, 1, 4, "out of range");
	expect_bad(p, second, 0x7fffffff, 4, "out of range");
	expect_bad(p, second, stoa__load_u32(branch + u16(branch + 16)), 4, "used elsewhere");
	expect_bad(p, second + 8, 0xff, 1, "out of order");
	expect_bad(p, second + 6, 600, 2, "reaches into another");
}

static void nodes_that_lie_are_found(void **state)
{
	struct place *p = *state;
	uint8_t *leaf = first_leaf(p);
	uint8_t *big = NULL;
	uint8_t *run;

	/* The leaf's first node is the root record, the next one is big, then come small ones. */
	uint8_t *node = leaf + u16(leaf + 20);
	for (unsigned i = 0; i < (u16(leaf + 12) - 16u) / 2; i++)
		if (u16(leaf + u16(leaf + 16 + 2 * i) + 4) == 1)
			big = leaf + u16(leaf + 16 + 2 * i);
	assert_non_null(big);
	expect_bad(p, node + 4, 2, 2, "flags that stoa does not use");
	expect_bad(p, node, 0xffffffff, 4, "reaches into another");
	expect_bad(p, node + 8, 0xff, 1, "out of order");
	expect_bad(p, node + 8, 0, 1, "out of order");
	run = page(p, stoa__load_u64(big + 8 + u16(big + 6)));
	expect_bad(p, big, 50000, 4, "fewer overflow pages");
	expect_bad(p, run + 12, 0, 4, "not the overflow page");
	expect_bad(p, run + 12, 0xffffffff, 4, "out of range");
	expect_bad(p, run + 10, 2, 2, "not the overflow page");
	expect_bad(p, run, 3, 8, "not the overflow page");
	expect_bad(p, big + 8 + u16(big + 6), 1, 8, "out of range");
}

static void a_free_list_that_lies_is_found(void **state)
{
	struct place *p = *state;
	uint8_t *leaf = root(p, 0);
	uint8_t *node = leaf + u16(leaf + 16);
	uint8_t *list = node + 16;	/* its key has 8 bytes */
	uint64_t count = stoa__load_u64(list);
	uint64_t used = (uint64_t)(first_leaf(p) - p->bytes) / PAGE;

	assert_true(count > 2);
	expect_bad(p, node + 8, 0, 8, "not yet");
	expect_bad(p, node + 8, 1u << 30, 8, "not yet");
	expect_bad(p, list, count + 1000, 8, "longer than its place");
	expect_bad(p, list + 8, stoa__load_u64(list + 8 * count), 8, "out of order");
	expect_bad(p, list + 8, 1u << 30, 8, "out of range");
	expect_bad(p, list + 8 * count, 1, 8, "out of range");
	for (uint64_t i = 1; i <= count; i++)
		if (i == 1 || stoa__load_u64(list + 8 * i - 8) > used)
			if (i == count || stoa__load_u64(list + 8 * i + 8) < used)
				expect_bad(p, list + 8 * i, used, 8, "used elsewhere");
}

/* ---- damage at random ---- */

static int pass_over(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
		     size_t value_len, struct stoa_error *err)
{
	(void)err;
	*(uint64_t *)ctx += key_len + value_len + (value_len ? value[value_len / 2] : 0) + key[0];
	return STOA_OK;
}

/* Opens, loads, and if that goes well, writes too: LMDB walks everywhere. */
static int use(struct place *p)
{
	struct stoa__catalog_options options = { .map_bytes = 64 << 20 };
	struct stoa__catalog *cat;
	uint64_t sum = 0;
	int rc = stoa__catalog_open(&p->dir, &options, &cat, &p->err);

	if (rc < 0)
		return rc;
	rc = stoa__catalog_load(cat, pass_over, &sum, &p->err);
	if (rc == STOA_OK)
		rc = stoa__catalog_begin(cat, &p->err);
	for (uint64_t key = 0; rc == STOA_OK && key < 300; key += 7) {
		rc = stoa__catalog_delete(cat, &key, sizeof key, &p->err);
		if (rc == STOA_OK)
			rc = stoa__catalog_put(cat, &key, 4, "value", key % 5, &p->err);
	}
	stoa__catalog_close(cat);	/* aborts */
	return rc;
}

static void damage(struct place *p, uint64_t *seed)
{
	uint64_t n_pages = p->size / PAGE;
	uint8_t *at = p->bytes + testing_below(seed, n_pages) * PAGE;

	switch (testing_below(seed, 6)) {
	case 0:		/* a write that went elsewhere */
		memcpy(at, p->bytes + testing_below(seed, n_pages) * PAGE, PAGE);
		break;
	case 1:		/* a write that was lost */
		memset(at, 0, PAGE);
		break;
	case 2:		/* half of one */
		memcpy(at, p->bytes + testing_below(seed, n_pages) * PAGE, PAGE / 2);
		break;
	case 3:		/* a misdirected page that says it belongs */
		memcpy(at + 8, p->bytes + testing_below(seed, n_pages) * PAGE + 8, PAGE - 8);
		break;
	case 4:		/* headers and offsets */
		for (int i = 0; i < 3; i++)
			at[8 + testing_below(seed, 60)] = (uint8_t)testing_random(seed);
		break;
	default:
		for (int i = 0; i < 4; i++)
			at[testing_below(seed, PAGE)] = (uint8_t)testing_random(seed);
	}
}

static void damage_at_random_never_brings_lmdb_down(void **state)
{
	struct place *p = *state;
	uint64_t seed = testing_seed();
	uint8_t *good = malloc(p->size);
	int n_used = 0;
	int n = testing_long() ? 50000 : 300;

	memcpy(good, p->bytes, p->size);
	for (int i = 0; i < n; i++) {
		int rc;

		damage(p, &seed);
		rc = validate(p);
		assert_true(rc == STOA_OK || rc == STOA_ECORRUPT);
		rc = use(p);
		if (rc != STOA_OK && rc != STOA_ECORRUPT)
			fail_msg("%s", p->err.text);
		n_used += rc == STOA_OK;
		memcpy(p->bytes, good, p->size);
	}
	printf("%d of %d were harmless\n", n_used, n);
	free(good);
}

static void memory_may_run_out(void **state)
{
	struct place *p = *state;

	for (long nth = 0;; nth++) {
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = validate(p);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		if (!fired)
			return;
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_good_file_is_good),
		TEST(meta_pages_that_lie_are_found),
		TEST(pages_that_lie_are_found),
		TEST(nodes_that_lie_are_found),
		TEST(a_free_list_that_lies_is_found),
		TEST(damage_at_random_never_brings_lmdb_down),
		TEST(memory_may_run_out),
	};

	stoa__file_skip_syncs(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
