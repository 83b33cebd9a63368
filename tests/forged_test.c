/* SPDX-License-Identifier: MIT */
/*
 * forged_test.c - logs, catalogs, databases whose checksums fit, and whose claims are lies
 *
 * A flipped byte fails a checksum before anything is believed. Whoever makes a file on purpose, or a
 * version of stoa that is yet to come, gets past that: each claim is then looked at for itself, and
 * one that cannot be is damage, or a format that is named. (segment_test.c does it to segment files.)
 */
#include "testing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/db.h"
#include "../storage/catalog_env.h"
#include "../storage/catalog_sum.h"
#include "../storage/log.h"
#include "../storage/log_format.h"
#include "place.h"
#include "tree.h"

static void expect(const struct place *p, int rc, int want, const char *words)
{
	if (rc != want || !strstr(p->err.text, words))
		fail_msg("%s: %s, where %s was expected", stoa_result_name(rc), p->err.text, words);
}

/* ---- the log ---- */

#define FIRST "log/00000001.log"
#define SECOND "log/00000002.log"
#define RECORDS 3

static const struct stoa__log_position from = { 1, 0 };

static int count(void *ctx, uint64_t seq, const uint8_t *payload, size_t len, struct stoa_error *err)
{
	(void)seq;
	(void)payload;
	(void)len;
	(void)err;
	++*(uint64_t *)ctx;
	return STOA_OK;
}

static void append(struct place *p, struct stoa__log *log, uint64_t n)
{
	for (uint64_t seq = n; seq < n + RECORDS; seq++) {
		assert_int_equal(stoa__log_append(log, seq, "some words", 10, &p->err), STOA_OK);
		assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	}
}

/* Two files of three records each. */
static void make_log(struct place *p)
{
	struct stoa__log_position at;
	struct stoa__log *log;
	uint64_t n = 0;

	assert_int_equal(stoa__log_open(&p->dir, false, from, count, &n, &log, &p->err), STOA_OK);
	append(p, log, 1);
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	append(p, log, 1 + RECORDS);
	stoa__log_close(log, false);
}

static int replay(struct place *p, uint64_t *n)
{
	struct stoa__log *log;
	int rc;

	*n = 0;
	rc = stoa__log_open(&p->dir, true, from, count, n, &log, &p->err);
	if (rc == STOA_OK)
		stoa__log_close(log, false);
	return rc;
}

static int open_file(struct place *p, const char *name)
{
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, name, O_RDWR, &fd, &p->err), STOA_OK);
	return fd;
}

static void read_at(struct place *p, const char *name, uint64_t at, void *to, size_t len)
{
	int fd = open_file(p, name);

	assert_int_equal(stoa__file_read(fd, name, at, to, len, &p->err), STOA_OK);
	stoa__file_close(fd);
}

static void write_at(struct place *p, const char *name, uint64_t at, const void *what, size_t len)
{
	int fd = open_file(p, name);

	assert_int_equal(stoa__file_write(fd, name, at, what, len, &p->err), STOA_OK);
	stoa__file_close(fd);
}

struct header_lie {
	const char *file;
	uint32_t version;
	uint64_t number;
	int rc;
	const char *words;
};

static void a_header_of_a_log_file_that_lies_is_refused(void **state)
{
	static const struct header_lie lies[] = {
		{ FIRST, LOG_VERSION + 1, 1, STOA_EVERSION, "has format 2" },
		{ FIRST, 0, 1, STOA_EVERSION, "has format 0" },
		{ FIRST, LOG_VERSION, 2, STOA_ECORRUPT, "of another file" },
		{ SECOND, LOG_VERSION, 1, STOA_ECORRUPT, "of another file" },
	};
	struct place *p = *state;
	struct log_header was, forged;
	uint64_t n;

	make_log(p);
	assert_int_equal(replay(p, &n), STOA_OK);
	assert_int_equal(n, 2 * RECORDS);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		read_at(p, lies[i].file, 0, &was, sizeof was);
		forged = was;
		forged.version = lies[i].version;
		forged.file = lies[i].number;
		forged.hash = stoa__hash(&forged, sizeof forged - sizeof forged.hash);
		write_at(p, lies[i].file, 0, &forged, sizeof forged);
		expect(p, replay(p, &n), lies[i].rc, lies[i].words);
		write_at(p, lies[i].file, 0, &was, sizeof was);
	}
	assert_int_equal(replay(p, &n), STOA_OK);
}

/* The first record of a file has another number than the one that follows. */
static void a_file_that_begins_with_another_record_is_refused(void **state)
{
	static const struct {
		const char *file;
		uint64_t seq;
		const char *words;
	} lies[] = {
		{ FIRST, 2, "are lost" },
		{ FIRST, UINT64_MAX, "are lost" },
		{ SECOND, RECORDS, "in an older file" },
		{ SECOND, RECORDS + 2, "are lost" },
	};
	struct place *p = *state;
	uint64_t at = sizeof(struct log_header), size = log_record_size(10), n;
	uint8_t was[64], forged[64];
	struct log_header header;
	struct log_record *r = (struct log_record *)(void *)forged;

	make_log(p);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		read_at(p, lies[i].file, 0, &header, sizeof header);
		read_at(p, lies[i].file, at, was, size);
		memcpy(forged, was, size);
		r->seq = lies[i].seq;
		r->hash = log_record_hash(r, forged + sizeof *r, header.salt, at);
		write_at(p, lies[i].file, at, forged, size);
		expect(p, replay(p, &n), STOA_ECORRUPT, lies[i].words);
		write_at(p, lies[i].file, at, was, size);
	}
	assert_int_equal(replay(p, &n), STOA_OK);
}

/* Its number, or the number of the newest that was synced, is not what it can be. */
static void a_record_that_lies_about_its_number_is_refused(void **state)
{
	struct place *p = *state;
	uint64_t at = sizeof(struct log_header), size = log_record_size(10), n;
	uint8_t was[64], forged[64];
	struct log_header header;
	struct log_record *r = (struct log_record *)(void *)forged;

	assert_true(size <= sizeof was);
	make_log(p);
	read_at(p, SECOND, 0, &header, sizeof header);
	at += size;
	read_at(p, SECOND, at, was, size);
	for (uint64_t seq = 1; seq < 12; seq++) {
		memcpy(forged, was, size);
		if (seq == r->seq)
			continue;
		r->seq = seq;
		r->hash = log_record_hash(r, forged + sizeof *r, header.salt, at);
		write_at(p, SECOND, at, forged, size);
		assert_int_equal(replay(p, &n), STOA_ECORRUPT);
		assert_int_equal(n, RECORDS + 1);
	}
	write_at(p, SECOND, at, was, size);
	assert_int_equal(replay(p, &n), STOA_OK);
}

/* What is named otherwise than we name it is nobody's, and stays as it is. */
static void files_with_other_names_are_no_log(void **state)
{
	static const char *const names[] = { "log/3.log", "log/000000003.log", "log/00000003.logs", "log/x.log",
					     "log/-0000003.log", "log/00000003", "log/99999999999999999999.log" };
	struct place *p = *state;
	uint64_t n, size;
	int fd;

	make_log(p);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_int_equal(stoa__file_open(&p->dir, names[i], O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
		stoa__file_close(fd);
	}
	assert_int_equal(replay(p, &n), STOA_OK);
	assert_int_equal(n, 2 * RECORDS);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		assert_int_equal(stoa__file_size(&p->dir, names[i], &size, &p->err), STOA_OK);
}

/* ---- the catalog ---- */

static int meet(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value, size_t value_len,
		struct stoa_error *err)
{
	(void)key;
	(void)key_len;
	return count(ctx, 0, value, value_len, err);
}

static int open_catalog(struct place *p, bool create, struct stoa__catalog **cat)
{
	const struct stoa__catalog_options options = { .create = create, .read_only = !create,
						       .map_bytes = 64 << 20 };

	return stoa__catalog_open(&p->dir, &options, cat, &p->err);
}

static int load_catalog(struct place *p)
{
	struct stoa__catalog *cat;
	uint64_t n = 0;
	int rc = open_catalog(p, false, &cat);

	if (rc < 0)
		return rc;
	rc = stoa__catalog_load(cat, meet, &n, &p->err);
	stoa__catalog_close(cat);
	return rc;
}

static void make_catalog(struct place *p)
{
	struct stoa__catalog *cat;

	assert_int_equal(open_catalog(p, true, &cat), STOA_OK);
	assert_int_equal(stoa__catalog_begin(cat, &p->err), STOA_OK);
	assert_int_equal(stoa__catalog_put(cat, "one", 3, "first", 5, &p->err), STOA_OK);
	assert_int_equal(stoa__catalog_put(cat, "two", 3, "second", 6, &p->err), STOA_OK);
	assert_int_equal(stoa__catalog_commit(cat, &p->err), STOA_OK);
	stoa__catalog_close(cat);
}

enum lie {
	NO_LIE, VERSION_LIE, TXNID_LIE, COUNT_LIE, SUM_LIE, MAGIC_LIE, SHORT_ROOT, NO_ROOT, SHORT_RECORD,
	OTHER_PREFIX, ONE_MORE,
};

static const struct catalog_lie {
	enum lie lie;
	int rc;
	const char *words;
} catalog_lies[] = {
	{ VERSION_LIE, STOA_EVERSION, "has format 7" },
	{ TXNID_LIE, STOA_ECORRUPT, "of another transaction" },
	{ COUNT_LIE, STOA_ECORRUPT, "" },
	{ SUM_LIE, STOA_ECORRUPT, "" },
	{ MAGIC_LIE, STOA_ECORRUPT, "checksum" },
	{ SHORT_ROOT, STOA_ECORRUPT, "no root record" },
	{ NO_ROOT, STOA_ECORRUPT, "no root record" },
	{ SHORT_RECORD, STOA_ECORRUPT, "" },
	{ OTHER_PREFIX, STOA_ECORRUPT, "" },
	{ ONE_MORE, STOA_ECORRUPT, "" },
};

static void put_raw(MDB_txn *txn, MDB_dbi dbi, const char *key, const void *value, size_t len)
{
	MDB_val k = { strlen(key), (void *)(uintptr_t)key }, v = { len, (void *)(uintptr_t)value };

	assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), MDB_SUCCESS);
}

static void lie(MDB_txn *txn, MDB_dbi dbi, enum lie what)
{
	struct {
		struct stoa__catalog_root root;
		uint64_t hash;
	} r;
	MDB_val k = { 1, (char[]){ KEY_PREFIX } }, v;
	uint64_t seed;

	assert_int_equal(mdb_get(txn, dbi, &k, &v), MDB_SUCCESS);
	assert_int_equal(v.mv_size, sizeof r);
	memcpy(&r, v.mv_data, sizeof r);
	r.root.txnid = mdb_txn_id(txn) + (what == TXNID_LIE);
	r.root.version = what == VERSION_LIE ? 7 : r.root.version;
	r.root.count += what == COUNT_LIE;
	r.root.sum_high += what == SUM_LIE;
	r.root.magic[0] ^= what == MAGIC_LIE;
	seed = stoa__catalog_seed(r.root.uuid);
	r.hash = stoa__catalog_hash(seed, k.mv_data, 1, &r.root, sizeof r.root);
	put_raw(txn, dbi, "r", &r, what == SHORT_ROOT ? sizeof r - 8 : sizeof r);
	if (what == NO_ROOT)
		assert_int_equal(mdb_del(txn, dbi, &k, NULL), MDB_SUCCESS);
	if (what == SHORT_RECORD)
		put_raw(txn, dbi, "rtwo", "1234567", 7);
	if (what == OTHER_PREFIX)
		put_raw(txn, dbi, "q", &r, sizeof r);
	if (what == ONE_MORE) {
		r.hash = stoa__catalog_hash(seed, "rsix", 4, &r.root, sizeof r.root);
		put_raw(txn, dbi, "rsix", &r, sizeof r);
	}
}

/* A transaction of LMDB's own, sound as a file and in catalog.sum. */
static void forge(struct place *p, enum lie what)
{
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
	uint64_t txnid;
	int fd;

	assert_int_equal(stoa__catalog_env_open(&p->dir, CATALOG_NAME, 64 << 20, 0, &env, &p->err), STOA_OK);
	assert_int_equal(stoa__catalog_dbi_open(env, false, &dbi, &p->err), STOA_OK);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), MDB_SUCCESS);
	lie(txn, dbi, what);
	txnid = mdb_txn_id(txn);
	assert_int_equal(mdb_txn_commit(txn), MDB_SUCCESS);
	mdb_env_close(env);
	fd = open_file(p, CATALOG_NAME);
	assert_int_equal(stoa__catalog_sum_create(&p->dir, fd, CATALOG_NAME, txnid, &p->err), STOA_OK);
	stoa__file_close(fd);
}

static void a_catalog_that_lies_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof catalog_lies / sizeof *catalog_lies; i++) {
		struct place *p;
		void *made;
		int rc;

		place_set_up(&made);
		p = made;
		make_catalog(p);
		forge(p, NO_LIE);
		assert_int_equal(load_catalog(p), STOA_OK);
		forge(p, catalog_lies[i].lie);
		expect(p, load_catalog(p), catalog_lies[i].rc, catalog_lies[i].words);
		rc = stoa__catalog_check(&p->dir, false, NULL, NULL, &p->err);
		assert_true(rc == STOA_OK || rc == catalog_lies[i].rc);
		place_tear_down(&made);
	}
}

/* ---- the database ---- */

/* The record that says which format the rest is in: format and features, 32 bits each, first. */
struct database_record {
	uint8_t bytes[64];
	size_t len;
};

static const uint8_t database_key = STOA__REC_DATABASE;

static int keep_database(void *ctx, const uint8_t *key, size_t key_len, const uint8_t *value,
			 size_t value_len, struct stoa_error *err)
{
	struct database_record *r = ctx;

	(void)err;
	if (key_len != 1 || *key != database_key)
		return STOA_OK;
	assert_true(value_len <= sizeof r->bytes);
	memcpy(r->bytes, value, value_len);
	r->len = value_len;
	return STOA_OK;
}

static void rewrite_format(struct place *p, uint32_t format, uint32_t features)
{
	const struct stoa__catalog_options options = { .map_bytes = 64 << 20 };
	struct database_record r = { .len = 0 };
	struct stoa__catalog *cat;

	must(stoa__catalog_open(&p->dir, &options, &cat, &p->err), &p->err);
	must(stoa__catalog_load(cat, keep_database, &r, &p->err), &p->err);
	assert_true(r.len > 8);
	memcpy(r.bytes, &format, 4);
	memcpy(r.bytes + 4, &features, 4);
	must(stoa__catalog_begin(cat, &p->err), &p->err);
	must(stoa__catalog_put(cat, &database_key, 1, r.bytes, r.len, &p->err), &p->err);
	must(stoa__catalog_commit(cat, &p->err), &p->err);
	stoa__catalog_close(cat);
}

static void assert_unchanged(const struct tree *was, const char *path)
{
	struct tree *is = tree_read(path);

	assert_int_equal(is->n, was->n);
	for (size_t i = 0; i < was->n; i++) {
		const struct tree_file *f = &was->files[i];
		size_t j = 0;

		while (j < is->n && strcmp(is->files[j].name, f->name) != 0)
			j++;
		if (j == is->n || is->files[j].len != f->len ||
		    (f->len && memcmp(is->files[j].bytes, f->bytes, f->len) != 0))
			fail_msg("%s is not as it was", f->name);
	}
	tree_free(is);
}

static void expect_refusal(struct place *p, const char *path, const char *words)
{
	struct stoa_options options = STOA_OPTIONS_INIT;
	struct tree *before = tree_read(path);
	stoa_db *db;

	for (uint32_t flags = 0; flags <= STOA_OPEN_READ_ONLY; flags += STOA_OPEN_READ_ONLY) {
		options.flags = flags;
		expect(p, stoa_open(path, &options, &db, &p->err), STOA_EVERSION, words);
	}
	expect(p, stoa_check(path, NULL, NULL, &p->err), STOA_EVERSION, words);
	assert_unchanged(before, path);
	tree_free(before);
}

/* By its number, whoever asks; and it stays as it was for the version that wrote it. */
static void a_database_of_another_format_is_refused_by_name(void **state)
{
	struct place *p = *state;
	char path[300], words[40];
	stoa_db *db;

	snprintf(path, sizeof path, "%s/a.stoa", p->path);
	must(stoa_open(path, NULL, &db, &p->err), &p->err);
	must(stoa_close(db, &p->err), &p->err);
	stoa__dir_close(&p->dir);
	must(stoa__dir_open(path, &p->dir, &p->err), &p->err);
	for (uint32_t format = 0; format <= STOA__FORMAT + 1; format++) {
		if (format == STOA__FORMAT)
			continue;
		snprintf(words, sizeof words, "has format %" PRIu32 " (features 0x0)", format);
		rewrite_format(p, format, 0);
		expect_refusal(p, path, words);
	}
	rewrite_format(p, STOA__FORMAT, 0x40);
	expect_refusal(p, path, "features 0x40");
	rewrite_format(p, STOA__FORMAT, 0);
	must(stoa_open(path, NULL, &db, &p->err), &p->err);
	must(stoa_close(db, &p->err), &p->err);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_header_of_a_log_file_that_lies_is_refused),
		TEST(a_file_that_begins_with_another_record_is_refused),
		TEST(a_record_that_lies_about_its_number_is_refused),
		TEST(files_with_other_names_are_no_log),
		cmocka_unit_test(a_catalog_that_lies_is_refused),
		TEST(a_database_of_another_format_is_refused_by_name),
	};

	testing_in_memory();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
