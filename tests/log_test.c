/* SPDX-License-Identifier: MIT */
/*
 * log_test.c - the redo log: nothing acknowledged is lost, nothing wrong is replayed
 *
 * Records are those of records.h.
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../storage/log.h"
#include "place.h"
#include "records.h"

static void count_report(void *ctx, const char *file, uint64_t offset, const char *what)
{
	(void)offset;
	(void)what;
	assert_int_equal(strncmp(file, "log/", 4), 0);
	++*(int *)ctx;
}

static int check(struct place *p, bool torn_ok)
{
	int n = 0;
	int rc = stoa__log_check(&p->dir, records_begin, torn_ok, count_report, &n, &p->err);

	assert_int_equal(rc, n ? STOA_ECORRUPT : STOA_OK);
	return rc;
}

/* ---- the plain way ---- */

static void what_was_flushed_is_replayed(void **state)
{
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct stoa__log *log;

	records_make(p, 300);
	for (int read_only = 1; read_only >= 0; read_only--) {
		assert_int_equal(records_open(p, read_only, records_begin, &seen, &log), STOA_OK);
		assert_int_equal(seen.first, 1);
		assert_int_equal(seen.n, 300);
		assert_int_equal(stoa__log_durable_seq(log), 300);
		stoa__log_close(log, false);
	}
	assert_int_equal(records_open(p, true, (struct stoa__log_position){ 1, 250 }, &seen, &log),
			 STOA_OK);
	assert_int_equal(seen.first, 251);
	assert_int_equal(seen.n, 50);
	stoa__log_close(log, false);
	assert_int_equal(check(p, false), STOA_OK);
}

static void no_log_at_all_is_an_empty_one(void **state)
{
	struct place *p = *state;
	struct stoa__log_position from = { 9, 40 };
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t size;

	assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_OK);
	stoa__log_close(log, false);
	assert_int_equal(records_open(p, false, from, &seen, &log), STOA_OK);
	assert_int_equal(stoa__log_disk_bytes(log), 0);
	record_append(p, log, 41);
	assert_int_equal(stoa__log_flush(log, 41, true, &p->err), STOA_OK);
	assert_int_equal(stoa__file_size(&p->dir, "log/00000009.log", &size, &p->err), STOA_OK);
	assert_int_equal(size, 256 << 10);
	assert_int_equal(stoa__log_disk_bytes(log), size);
	stoa__log_close(log, false);
	assert_int_equal(records_open(p, true, from, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, 1);
	stoa__log_close(log, true);	/* a reader removes nothing */
	assert_int_equal(stoa__file_size(&p->dir, "log/00000009.log", &size, &p->err), STOA_OK);
	stoa__log_close(NULL, true);
}

static void a_record_out_of_order_is_refused(void **state)
{
	struct place *p = *state;
	struct stoa__log *log;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	assert_int_equal(stoa__log_append(log, 0, "", 0, &p->err), STOA_EINVAL);
	record_append(p, log, 1);
	assert_int_equal(stoa__log_append(log, 1, "", 0, &p->err), STOA_EINVAL);
	assert_int_equal(stoa__log_append(log, 3, "", 0, &p->err), STOA_EINVAL);
	record_append(p, log, 2);
	assert_int_equal(stoa__log_flush(log, 99, true, &p->err), STOA_OK);
	assert_int_equal(stoa__log_durable_seq(log), 2);
	stoa__log_close(log, true);
	assert_int_equal(records_open(p, true, records_begin, NULL, &log), STOA_OK);
	assert_int_equal(stoa__log_append(log, 1, "", 0, &p->err), STOA_EREADONLY);
	assert_int_equal(stoa__log_flush(log, 1, true, &p->err), STOA_EREADONLY);
	stoa__log_close(log, false);
}

static void a_record_like_the_last_is_counted_before_it_comes(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct stoa__log *log;
	uint64_t before, last;

	records_make(p, 3);
	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	before = stoa__log_bytes(log);
	record_append(p, log, 4);
	last = stoa__log_bytes(log) - before;
	assert_true(stoa__log_would_pass(log, before + last));
	assert_true(stoa__log_would_pass(log, before + 2 * last - 1));
	assert_false(stoa__log_would_pass(log, before + 2 * last));
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	assert_false(stoa__log_would_pass(log, 0));	/* there is nothing that a checkpoint would drop */
	stoa__log_close(log, false);
}

static void rotation_begins_a_file_and_old_ones_are_dropped(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t size;

	records_make(p, 10);
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	record_append(p, log, 11);
	assert_true(stoa__log_bytes(log) > 0);
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	assert_int_equal(at.file, 2);
	assert_int_equal(at.seq, 11);
	assert_int_equal(stoa__log_durable_seq(log), 11);
	assert_int_equal(stoa__log_bytes(log), 0);
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	assert_int_equal(at.file, 2);	/* nothing came in between */
	record_append(p, log, 12);
	assert_int_equal(stoa__log_flush(log, 12, true, &p->err), STOA_OK);
	/* Both positions lead to the newest record. */
	struct stoa__log *reader;
	assert_int_equal(records_open(p, true, records_begin, &seen, &reader), STOA_OK);
	assert_int_equal(seen.n, 12);
	stoa__log_close(reader, false);
	assert_int_equal(records_open(p, true, at, &seen, &reader), STOA_OK);
	assert_int_equal(seen.n, 1);
	stoa__log_close(reader, false);
	assert_int_equal(stoa__log_disk_bytes(log), 512 << 10);
	assert_int_equal(stoa__log_drop_before(log, at.file, &p->err), STOA_OK);
	assert_int_equal(stoa__log_disk_bytes(log), 256 << 10);
	assert_int_equal(stoa__file_size(&p->dir, FIRST, &size, &p->err), STOA_ENOTFOUND);
	stoa__log_close(log, true);
	assert_int_equal(stoa__file_size(&p->dir, "log/00000002.log", &size, &p->err),
			 STOA_ENOTFOUND);
	assert_int_equal(records_open(p, false, at, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, 0);
	record_append(p, log, 12);
	stoa__log_close(log, false);
}

static void numbers_may_be_left_out_where_the_catalog_covers_them(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct replayed seen = { 0 };
	struct stoa__log *log;

	records_make(p, 5);
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	record_append(p, log, 8);	/* 6 and 7 went to the catalog */
	assert_int_equal(stoa__log_flush(log, 8, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	at.seq = 7;
	assert_int_equal(records_open(p, true, at, &seen, &log), STOA_OK);
	assert_int_equal(seen.first, 8);
	stoa__log_close(log, false);
	/* Seen from the old position they are lost. */
	assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_ECORRUPT);
	assert_non_null(strstr(p->err.text, "log/00000002.log"));
	/* A catalog that covers more than the log: the next record begins a file. */
	at.seq = 20;
	assert_int_equal(records_open(p, false, at, &seen, &log), STOA_OK);
	record_append(p, log, 21);
	assert_int_equal(stoa__log_flush(log, 21, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	assert_int_equal(records_open(p, false, at, &seen, &log), STOA_OK);
	assert_int_equal(seen.first, 21);
	stoa__log_close(log, false);
}

static size_t huge_len(uint64_t seq)
{
	return seq == 3 ? (size_t)70 << 20 : seq == 2 || seq == 5 ? (size_t)9 << 20 : 100;
}

static void a_file_grows_by_what_a_huge_record_needs(void **state)
{
	struct place *p = *state;
	struct replayed seen = { .len = huge_len };
	struct stoa__log *log;
	uint64_t size;

	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	for (uint64_t seq = 1; seq <= 5; seq++)
		record_append_of(p, log, seq, huge_len(seq));
	assert_int_equal(stoa__log_flush(log, 5, true, &p->err), STOA_OK);
	assert_int_equal(stoa__file_size(&p->dir, FIRST, &size, &p->err), STOA_OK);
	assert_in_range(size, (uint64_t)88 << 20, ((uint64_t)88 << 20) + (4 << 18));
	assert_int_equal(stoa__log_disk_bytes(log), size);
	stoa__log_close(log, false);
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, 5);
	stoa__log_close(log, false);
	assert_int_equal(check(p, false), STOA_OK);
}

/* ---- the model ---- */

static void random_use_against_a_model(void **state)
{
	struct place *p = *state;
	uint64_t seed = testing_seed();
	struct stoa__log_position from = records_begin;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t appended = 0, flushed = 0;

	assert_int_equal(records_open(p, false, from, &seen, &log), STOA_OK);
	for (int step = 0; step < 4000; step++) {
		switch (testing_below(&seed, 40)) {
		case 0:		/* reopen: what was not flushed may be gone */
			stoa__log_close(log, false);
			assert_int_equal(records_open(p, false, from, &seen, &log), STOA_OK);
			if (seen.n)
				assert_int_equal(seen.first, from.seq + 1);
			assert_in_range(from.seq + seen.n, flushed, appended);
			appended = flushed = from.seq + seen.n;
			break;
		case 1:
			assert_int_equal(stoa__log_rotate(log, &from, &p->err), STOA_OK);
			assert_int_equal(from.seq, appended);
			flushed = appended;
			break;
		case 2:
			assert_int_equal(stoa__log_drop_before(log, from.file, &p->err), STOA_OK);
			break;
		case 3:
		case 4:
		case 5:
			assert_int_equal(stoa__log_flush(log, appended,
							 testing_below(&seed, 2), &p->err), STOA_OK);
			flushed = appended;
			break;
		default:
			record_append(p, log, ++appended);
		}
	}
	stoa__log_close(log, false);
}

/* ---- damage ---- */

static uint8_t *read_file(struct place *p, const char *name, size_t len)
{
	uint8_t *p_bytes = malloc(len);
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, name, O_RDONLY, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_read(fd, name, 0, p_bytes, len, &p->err), STOA_OK);
	stoa__file_close(fd);
	return p_bytes;
}

/* Where the records of a log of @n records end. */
static size_t end_of(uint64_t n)
{
	size_t end = 64;

	for (uint64_t seq = 1; seq <= n; seq++)
		end += 32 + ((record_len(seq) + 7) & ~(size_t)7);
	return end;
}

static void every_truncation_leaves_a_prefix(void **state)
{
	struct place *p = *state;
	const uint64_t n = 12;
	size_t end = end_of(n);
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint8_t *bytes;

	records_make(p, n);
	bytes = read_file(p, FIRST, end + 100);
	for (size_t len = 0; len <= end + 100; len++) {
		uint64_t whole = 0;

		while (whole < n && end_of(whole + 1) <= len)
			whole++;
		records_write_file(p, FIRST, bytes, len);
		(void)stoa__file_unlink(&p->dir, "log/00000002.log", NULL);	/* where it went on */
		if (len < 64) {
			assert_int_equal(records_open(p, len & 1, records_begin, &seen, &log), STOA_ECORRUPT);
			continue;
		}
		assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_OK);
		assert_int_equal(seen.n, whole);
		stoa__log_close(log, false);
		assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
		assert_int_equal(seen.n, whole);
		record_append(p, log, whole + 1);
		assert_int_equal(stoa__log_flush(log, whole + 1, true, &p->err), STOA_OK);
		stoa__log_close(log, false);
		assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_OK);
		assert_int_equal(seen.n, whole + 1);
		stoa__log_close(log, false);
		assert_int_equal(check(p, false), STOA_OK);
	}
	free(bytes);
}

static void a_flipped_byte_is_found_and_never_replayed(void **state)
{
	struct place *p = *state;
	uint64_t seed = testing_seed();
	const uint64_t n = 12;
	size_t end = end_of(n);
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint8_t *bytes;

	records_make(p, n);
	bytes = read_file(p, FIRST, 8192);
	for (size_t at = 0; at < end + 200; at++) {
		uint8_t bit = (uint8_t)(1u << testing_below(&seed, 8));
		int rc;

		bytes[at] ^= bit;
		records_write_file(p, FIRST, bytes, 8192);
		assert_int_equal(check(p, false), STOA_ECORRUPT);
		rc = records_open(p, at & 1, records_begin, &seen, &log);
		if (at < end_of(n - 1)) {
			/* All but the last record are vouched for by a later one. */
			assert_int_equal(rc, STOA_ECORRUPT);
			assert_non_null(strstr(p->err.text, FIRST));
		} else {
			assert_int_equal(rc, STOA_OK);
			assert_int_equal(seen.n, at < end ? n - 1 : n);
			stoa__log_close(log, false);
		}
		bytes[at] ^= bit;
	}
	free(bytes);
}

static void a_lost_file_is_found(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct stoa__log *log;
	struct replayed seen = { 0 };

	records_make(p, 3);
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	for (uint64_t seq = 4; seq < 7; seq++) {
		assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
		record_append(p, log, seq);
		assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	}
	stoa__log_close(log, false);
	for (int i = 1; i < 4; i++) {
		char name[40];

		snprintf(name, sizeof name, "log/%08d.log", i);
		assert_int_equal(stoa__file_rename(&p->dir, name, "away", &p->err), STOA_OK);
		assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_ECORRUPT);
		assert_int_equal(check(p, true), STOA_ECORRUPT);
		assert_int_equal(stoa__file_rename(&p->dir, "away", name, &p->err), STOA_OK);
	}
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, 6);
	stoa__log_close(log, false);
}

static void a_payload_full_of_old_records_is_not_mistaken_for_them(void **state)
{
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint8_t *bytes;
	size_t end = end_of(40);

	records_make(p, 40);
	bytes = read_file(p, FIRST, end);
	/* Records 20 and up lie 64 bytes further on: copies, each whole, none where it belongs. */
	uint8_t *moved = calloc(1, 64 << 10);
	memcpy(moved, bytes, end_of(19));
	memcpy(moved + end_of(19) + 64, bytes + end_of(19), end - end_of(19));
	records_write_file(p, FIRST, moved, 64 << 10);
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, 19);
	record_append(p, log, 20);
	assert_int_equal(stoa__log_flush(log, 20, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	assert_int_equal(check(p, false), STOA_OK);
	free(moved);
	free(bytes);
}

/* ---- faults ---- */

/*
 * A full disk leaves the log as it was, if room could not be made: true, and the record is on the
 * disk now.
 */
static bool try_again(struct place *p, struct stoa__log *log, uint64_t seq)
{
	uint8_t payload[20000];

	record_payload(seq, payload, 3000);
	if (stoa__log_append(log, seq, payload, record_len(seq), &p->err) < 0)
		return false;
	assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	return true;
}

static void a_failed_operation_stops_the_log_and_loses_nothing_acknowledged(void **state)
{
	struct place *p = *state;
	int codes[] = { EIO, ENOSPC };

	for (long nth = 0;; nth++) {
		struct replayed seen = { 0 };
		struct stoa__log *log = NULL;
		uint64_t appended = 0, acknowledged = 0;
		int want = stoa__from_errno(codes[nth % 2]);
		bool fired, refused = false, written = false;
		int rc;

		stoa__file_fault_arm(nth, codes[nth % 2], nth % 3 == 0);
		rc = records_open(p, false, records_begin, &seen, &log);
		while (rc == STOA_OK && appended < 60) {
			uint8_t payload[20000];

			record_payload(++appended, payload, 3000);
			rc = stoa__log_append(log, appended, payload, record_len(appended), &p->err);
			refused = rc == STOA_EFULL;
			written = rc == STOA_OK;
			if (rc == STOA_OK)
				rc = stoa__log_flush(log, appended, true, &p->err);
			if (rc == STOA_OK)
				acknowledged = appended;
		}
		fired = stoa__file_fault_disarm();
		assert_int_equal(rc, fired ? want : STOA_OK);
		if (refused)
			refused = try_again(p, log, appended);
		if (refused)
			acknowledged = appended;
		else if (log && fired) {
			assert_int_equal(stoa__log_append(log, appended + 1, "", 0, &p->err), want);
			/* What was not appended need not be flushed. */
			rc = stoa__log_flush(log, appended, true, &p->err);
			assert_int_equal(rc, written ? want : STOA_OK);
		}
		stoa__log_close(log, false);
		assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
		assert_in_range(seen.last, acknowledged, appended);
		stoa__log_close(log, true);
		if (!fired)
			return;
	}
}

static void memory_may_run_out_and_the_record_may_be_tried_again(void **state)
{
	struct place *p = *state;

	for (long nth = 0;; nth++) {
		struct replayed seen = { 0 };
		struct stoa__log *log = NULL;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = records_open(p, false, records_begin, &seen, &log);
		for (uint64_t seq = 1; rc == STOA_OK && seq <= 20; seq++) {
			uint8_t payload[2000];

			record_payload(seq, payload, record_len(seq));
			rc = stoa__log_append(log, seq, payload, record_len(seq), &p->err);
			if (rc == STOA_ENOMEM)
				rc = stoa__log_append(log, seq, payload, record_len(seq), &p->err);
		}
		fired = stoa__fault_disarm();
		if (!log) {
			assert_int_equal(rc, STOA_ENOMEM);
			continue;
		}
		assert_int_equal(rc, STOA_OK);
		assert_int_equal(stoa__log_flush(log, 20, true, &p->err), STOA_OK);
		stoa__log_close(log, false);
		stoa__fault_arm(1, false);
		assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_ENOMEM);
		assert_true(stoa__fault_disarm());
		assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
		assert_int_equal(seen.n, 20);
		stoa__log_close(log, true);
		if (!fired)
			return;
	}
}

/* ---- threads ---- */

struct crowd {
	struct stoa__log *log;
	pthread_mutex_t writer;
	uint64_t seq;
	uint64_t limit;
	int failures;
};

static void *commit_in_thread(void *arg)
{
	struct crowd *c = arg;
	uint8_t payload[20000];

	for (;;) {
		uint64_t seq;
		int rc;

		pthread_mutex_lock(&c->writer);
		if (c->seq == c->limit) {
			pthread_mutex_unlock(&c->writer);
			return NULL;
		}
		seq = ++c->seq;
		record_payload(seq, payload, record_len(seq));
		rc = stoa__log_append(c->log, seq, payload, record_len(seq), NULL);
		pthread_mutex_unlock(&c->writer);
		if (rc == STOA_OK)
			rc = stoa__log_flush(c->log, seq, true, NULL);
		if (rc < 0 || stoa__log_durable_seq(c->log) < seq)
			__atomic_fetch_add(&c->failures, 1, __ATOMIC_RELAXED);
	}
}

/* Reads the log again and again while others write it. */
static void *read_in_thread(void *arg)
{
	struct place *p = arg;
	uintptr_t failures = 0;

	for (int i = 0; i < 50; i++) {
		struct replayed seen = { 0 };
		struct stoa_error err;
		struct stoa__log *log;

		if (stoa__log_open(&p->dir, true, records_begin, record_take, &seen, &log, &err) == STOA_OK)
			stoa__log_close(log, false);
		else
			failures++;
	}
	return (void *)failures;
}

static void eight_threads_commit_and_one_reads(void **state)
{
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct crowd c = { .writer = PTHREAD_MUTEX_INITIALIZER, .limit = 600 };
	pthread_t threads[8], reader;
	void *failures;

	stoa__file_skip_syncs(false);	/* waiting is what this is about */
	assert_int_equal(records_open(p, false, records_begin, &seen, &c.log), STOA_OK);
	for (int i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, commit_in_thread, &c);
	pthread_create(&reader, NULL, read_in_thread, p);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	pthread_join(reader, &failures);
	assert_null(failures);
	assert_int_equal(c.failures, 0);
	stoa__file_skip_syncs(true);
	stoa__log_close(c.log, false);
	assert_int_equal(records_open(p, true, records_begin, &seen, &c.log), STOA_OK);
	assert_int_equal(seen.n, 600);
	stoa__log_close(c.log, false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_flushed_is_replayed),
		TEST(no_log_at_all_is_an_empty_one),
		TEST(a_record_out_of_order_is_refused),
		TEST(a_record_like_the_last_is_counted_before_it_comes),
		TEST(rotation_begins_a_file_and_old_ones_are_dropped),
		TEST(numbers_may_be_left_out_where_the_catalog_covers_them),
		TEST(a_file_grows_by_what_a_huge_record_needs),
		TEST(random_use_against_a_model),
		TEST(every_truncation_leaves_a_prefix),
		TEST(a_flipped_byte_is_found_and_never_replayed),
		TEST(a_lost_file_is_found),
		TEST(a_payload_full_of_old_records_is_not_mistaken_for_them),
		TEST(a_failed_operation_stops_the_log_and_loses_nothing_acknowledged),
		TEST(memory_may_run_out_and_the_record_may_be_tried_again),
		TEST(eight_threads_commit_and_one_reads),
	};

	stoa__file_skip_syncs(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
