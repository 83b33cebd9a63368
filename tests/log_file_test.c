/* SPDX-License-Identifier: MIT */
/*
 * log_file_test.c - files of the log: made ahead, begun, ended, and what a power cut leaves of them
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../storage/log_format.h"
#include "place.h"
#include "records.h"

/* ---- the next file ---- */

/* Appends records, from number @seq on, until the next file is wanted; the next number. */
static uint64_t fill(struct place *p, struct stoa__log *log, uint64_t seq)
{
	while (!stoa__log_wants_file(log))
		record_append(p, log, seq++);
	return seq;
}

static bool has_file(struct place *p, const char *name)
{
	uint64_t size;

	return stoa__file_size(&p->dir, name, &size, NULL) == STOA_OK;
}

static uint64_t append_durably(struct place *p, struct stoa__log *log, uint64_t seq)
{
	record_append(p, log, seq);
	assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	return seq + 1;
}

/* Is there more in the file than a header? */
static bool is_begun(struct place *p, const char *name)
{
	uint32_t word;
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, name, O_RDONLY, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_read(fd, name, 64, &word, sizeof word, &p->err), STOA_OK);
	stoa__file_close(fd);
	return word;
}

static void the_next_file_is_made_ahead_and_taken(void **state)
{
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t seq;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	seq = fill(p, log, 1);
	assert_int_equal(stoa__log_disk_bytes(log), 256 << 10);
	stoa__log_make_file(log);
	assert_false(stoa__log_wants_file(log));
	assert_true(has_file(p, "log/00000002.log"));
	assert_false(has_file(p, "log/00000002.new"));
	assert_int_equal(stoa__log_disk_bytes(log), 512 << 10);
	do
		seq = append_durably(p, log, seq);
	while (!is_begun(p, "log/00000002.log"));
	assert_int_equal(stoa__log_disk_bytes(log), 512 << 10);
	seq = fill(p, log, seq);
	stoa__log_make_file(log);
	/* Half as large as both. */
	assert_int_equal(stoa__log_disk_bytes(log), 768 << 10);
	assert_int_equal(stoa__log_flush(log, seq - 1, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	assert_false(has_file(p, "log/00000003.log"));
	assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, seq - 1);
	stoa__log_close(log, false);
}

static void what_was_made_ahead_outlives_a_rotation_but_not_rest(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct stoa__log *log;
	uint64_t seq = 1;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	for (int i = 0; i < 3; i++) {
		seq = fill(p, log, seq);
		stoa__log_make_file(log);
	}
	assert_true(is_begun(p, "log/00000003.log"));
	assert_true(has_file(p, "log/00000004.log"));
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	assert_int_equal(at.file, 4);
	record_append(p, log, seq);
	assert_false(has_file(p, "log/00000005.log"));
	/* Of the least size it stays: the next record need not wait for another. */
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	assert_int_equal(at.file, 5);
	stoa__log_make_file(log);
	assert_int_equal(stoa__log_drop_before(log, at.file, &p->err), STOA_OK);
	assert_int_equal(stoa__log_disk_bytes(log), 256 << 10);
	assert_true(has_file(p, "log/00000005.log"));
	stoa__log_close(log, true);
	assert_false(has_file(p, "log/00000005.log"));
}

/* Lazy records go on in the next file before anything of them, or of the end of this one, is written. */
static void a_turn_to_the_next_file_waits_for_no_disk(void **state)
{
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t seq;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	seq = fill(p, log, 1);
	stoa__log_make_file(log);
	assert_false(stoa__log_wants_file(log));
	seq = fill(p, log, seq);	/* the turn */
	assert_false(is_begun(p, "log/00000001.log"));
	assert_false(is_begun(p, "log/00000002.log"));
	assert_false(has_file(p, "log/00000003.log"));
	stoa__log_make_file(log);
	assert_true(is_begun(p, "log/00000001.log"));
	assert_true(is_begun(p, "log/00000002.log"));
	assert_false(is_begun(p, "log/00000003.log"));
	assert_int_equal(stoa__log_flush(log, seq - 1, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, seq - 1);
	stoa__log_close(log, false);
}

static void a_turn_that_was_never_written_leaves_a_blank_file(void **state)
{
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t seq;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	seq = append_durably(p, log, 1);
	seq = fill(p, log, seq);
	stoa__log_make_file(log);
	(void)fill(p, log, seq);
	stoa__log_close(log, false);
	assert_true(has_file(p, "log/00000002.log"));
	assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, 1);
	assert_false(has_file(p, "log/00000002.log"));
	(void)append_durably(p, log, 2);
	stoa__log_close(log, false);
}

static bool has_news(struct place *p, const struct stoa__log *log)
{
	bool news;

	assert_int_equal(stoa__log_has_news(log, &news, &p->err), STOA_OK);
	return news;
}

static void a_blank_file_is_no_news_to_a_reader(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct stoa__log *log, *reader;
	struct replayed seen = { 0 };
	uint64_t seq;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	seq = append_durably(p, log, fill(p, log, 1));
	stoa__log_make_file(log);
	assert_int_equal(records_open(p, true, records_begin, &seen, &reader), STOA_OK);
	assert_int_equal(seen.n, seq - 1);
	assert_false(has_news(p, reader));
	seq = append_durably(p, log, seq);
	assert_true(has_news(p, reader));
	stoa__log_close(reader, false);
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	assert_int_equal(records_open(p, true, records_begin, &seen, &reader), STOA_OK);
	assert_int_equal(seen.n, seq - 1);
	assert_false(has_news(p, reader));
	append_durably(p, log, seq);
	assert_true(is_begun(p, "log/00000002.log"));
	assert_true(has_news(p, reader));
	stoa__log_close(reader, false);
	stoa__log_close(log, false);
}

/* What a crash leaves: the log goes on in the file before, unless this one was begun. */
static void a_blank_file_is_no_part_of_the_log(void **state)
{
	static uint8_t image[LOG_FILE_MIN];
	struct place *p = *state;
	struct replayed seen = { 0 };
	struct stoa__log *log;
	uint64_t seq;
	int fd;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	seq = append_durably(p, log, fill(p, log, 1));
	stoa__log_make_file(log);
	assert_int_equal(stoa__file_open(&p->dir, "log/00000002.log", O_RDONLY, &fd, &p->err),
			 STOA_OK);
	assert_int_equal(stoa__file_read(fd, "log/00000002.log", 0, image, sizeof image, &p->err),
			 STOA_OK);
	stoa__file_close(fd);
	for (int torn = 0; torn < 2; torn++) {
		stoa__log_close(log, false);
		image[5000] = (uint8_t)torn;
		records_write_file(p, "log/00000002.log", image, sizeof image);
		assert_int_equal(stoa__log_check(&p->dir, records_begin, false, NULL, NULL, &p->err),
				 torn ? STOA_ECORRUPT : STOA_OK);
		assert_int_equal(records_open(p, false, records_begin, &seen, &log), STOA_OK);
		assert_int_equal(seen.n, seq - 1);
		seq = append_durably(p, log, seq);
		assert_int_equal(has_file(p, "log/00000002.log"), torn);
	}
	assert_true(is_begun(p, "log/00000002.log"));
	stoa__log_close(log, false);
	assert_int_equal(stoa__log_check(&p->dir, records_begin, false, NULL, NULL, &p->err), STOA_OK);
}

/* A maker that fails is no failure of the log's. */
static void a_file_that_cannot_be_made_ahead_is_made_when_it_is_needed(void **state)
{
	struct place *p = *state;
	struct stoa__log *log;
	uint64_t seq;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	seq = fill(p, log, 1);
	stoa__file_fault_arm(1, ENOSPC, false);
	stoa__log_make_file(log);
	assert_true(stoa__file_fault_disarm());
	assert_false(has_file(p, "log/00000002.log"));
	record_append(p, log, seq++);
	assert_false(stoa__log_wants_file(log));	/* it is not tried again and again */
	while (!has_file(p, "log/00000002.log"))
		record_append(p, log, seq++);
	assert_int_equal(stoa__log_flush(log, seq - 1, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
}

/* ---- large records ---- */

#define LARGE 180000

static size_t all_large(uint64_t seq)
{
	(void)seq;
	return LARGE;
}

static void expect_large(struct place *p, uint64_t n)
{
	struct replayed seen = { .len = all_large };
	struct stoa__log *log;

	assert_int_equal(records_open(p, true, records_begin, &seen, &log), STOA_OK);
	assert_int_equal(seen.n, n);
	stoa__log_close(log, false);
	assert_int_equal(stoa__log_check(&p->dir, records_begin, false, NULL, NULL, &p->err), STOA_OK);
}

static void a_file_that_begins_with_a_large_record_has_no_room_to_spare(void **state)
{
	struct place *p = *state;
	struct stoa__log_position at;
	struct stoa__log *log;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	record_append_of(p, log, 1, LARGE);
	assert_int_equal(stoa__log_disk_bytes(log), 192 << 10);
	assert_false(stoa__log_wants_file(log));
	record_append_of(p, log, 2, LARGE);
	assert_int_equal(stoa__log_disk_bytes(log), 384 << 10);
	assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
	record_append_of(p, log, 3, LARGE);
	assert_int_equal(stoa__log_disk_bytes(log), 576 << 10);
	assert_true(has_file(p, "log/00000002.log"));
	assert_int_equal(stoa__log_flush(log, 3, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	expect_large(p, 3);
}

/* Fails operation 0, then 1, and so on, of making room for a large record; the number of failures. */
static long fail_room(struct place *p, bool begun, int errno_value)
{
	long nth = 0;
	bool fired;

	do {
		uint8_t payload[LARGE];
		struct stoa__log_position at;
		struct stoa__log *log;

		assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
		record_append_of(p, log, 1, LARGE);
		assert_int_equal(stoa__log_flush(log, 1, true, &p->err), STOA_OK);
		if (!begun)
			assert_int_equal(stoa__log_rotate(log, &at, &p->err), STOA_OK);
		record_payload(2, payload, LARGE);
		stoa__file_fault_arm(nth, errno_value, false);
		int rc = stoa__log_append(log, 2, payload, LARGE, &p->err);
		fired = stoa__file_fault_disarm();
		if (rc == STOA_EFULL && !stoa__log_has_failed(log))
			record_append_of(p, log, 2, LARGE);
		else if (errno_value == EOPNOTSUPP && !stoa__log_has_failed(log))
			assert_int_equal(rc, STOA_OK);
		bool whole = !stoa__log_has_failed(log);
		if (whole)
			assert_int_equal(stoa__log_flush(log, 2, true, &p->err), STOA_OK);
		stoa__log_close(log, false);
		expect_large(p, whole ? 2 : 1);
		testing_rmtree(strdup(testing_path(p->path, "log")));
		nth++;
	} while (fired);
	return nth - 1;
}

static void without_room_a_large_record_may_be_tried_again(void **state)
{
	struct place *p = *state;

	assert_int_equal(fail_room(p, true, ENOSPC), 1);
	assert_true(fail_room(p, false, ENOSPC) > 4);
	/* Where files cannot be given room, zeros are written. */
	assert_int_equal(fail_room(p, true, EOPNOTSUPP), 1);
}

/* ---- beside a writer ---- */

static void *make_files(void *arg)
{
	struct stoa__log *log = arg;

	while (stoa__log_bytes(log) < 4 << 20)
		stoa__log_make_file(log);
	return NULL;
}

static void files_are_made_beside_a_writer(void **state)
{
	static uint8_t payload[30000];
	struct place *p = *state;
	struct stoa__log *log;
	pthread_t maker;
	uint64_t seq = 0;

	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	assert_int_equal(pthread_create(&maker, NULL, make_files, log), 0);
	while (stoa__log_bytes(log) < 4 << 20) {
		assert_int_equal(stoa__log_append(log, ++seq, payload, sizeof payload, &p->err),
				 STOA_OK);
		if (seq % 7 == 0)	/* so that most turns have something to write before them */
			assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	}
	pthread_join(maker, NULL);
	assert_int_equal(stoa__log_flush(log, seq, true, &p->err), STOA_OK);
	stoa__log_close(log, false);
	assert_int_equal(stoa__log_check(&p->dir, records_begin, false, NULL, NULL, &p->err), STOA_OK);
}

/* ---- power cuts ---- */

#define DISK_FILES 4
#define DISK_BYTES ((size_t)1 << 20)	/* of each */
#define SECTOR 512

/* A log file as a disk sees it: what was synced, and what is in flight. */
struct disk_file {
	uint8_t *synced;
	uint8_t *current;
	size_t synced_len;
	size_t len;
	bool named;		/* the rename is on the disk */
	bool renamed;
};

struct disk {
	struct disk_file file[DISK_FILES];	/* number 1 and so on */
	uint64_t acknowledged;
	uint64_t seed;
	struct place *p;
	unsigned n_cuts;
	size_t (*len)(uint64_t seq);
};

/* The file after a cut now: each sector that is in flight is old or new, in any mixture. */
static void cut_file(struct disk *d, struct disk_file *f, struct place *to)
{
	uint8_t *image = malloc(DISK_BYTES);
	size_t len = testing_below(&d->seed, 2) ? f->len : f->synced_len;
	char name[32];

	memcpy(image, f->synced, DISK_BYTES);
	for (size_t at = 0; at < len; at += SECTOR)
		if (testing_below(&d->seed, 2))
			memcpy(image + at, f->current + at, SECTOR);
	snprintf(name, sizeof name, "log/%08d.%s", (int)(f - d->file) + 1,
		 f->named || (f->renamed && testing_below(&d->seed, 2)) ? "log" : "new");
	records_write_file(to, name, image, len);
	free(image);
}

static void cut(struct disk *d)
{
	struct stoa__dir dir;
	struct stoa_error err;
	struct replayed seen = { .len = d->len };
	struct stoa__log *log;
	struct place other = { 0 };
	const char *path = testing_path(d->p->path, "cut");
	int rc;

	assert_int_equal(stoa__dir_create(path, &err), STOA_OK);
	assert_int_equal(stoa__dir_open(path, &dir, &err), STOA_OK);
	assert_int_equal(stoa__dir_make(&dir, "log", &err), STOA_OK);
	other.dir = dir;
	for (int i = 0; i < DISK_FILES && d->file[i].len; i++)
		cut_file(d, &d->file[i], &other);
	rc = stoa__log_open(&dir, false, records_begin, record_take, &seen, &log, &err);
	if (rc < 0)
		fail_msg("after a power cut: %s", err.text);
	assert_true(seen.n >= d->acknowledged);
	stoa__log_close(log, true);
	stoa__dir_close(&dir);
	testing_rmtree(strdup(path));
	d->n_cuts++;
}

static void see_operation(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset,
			  const void *bytes, size_t len)
{
	struct disk *d = ctx;
	int number = 1;
	struct disk_file *f;

	stoa__file_watch_with(NULL, NULL);	/* cut() opens logs too */
	(void)sscanf(name, "log/%d", &number);
	assert_in_range(number, 1, DISK_FILES);
	f = &d->file[number - 1];
	if (op == STOA__FILE_WRITE) {
		assert_true(offset + len <= DISK_BYTES);
		memcpy(f->current + offset, bytes, len);
		if (offset + len > f->len)
			f->len = (size_t)offset + len;
		cut(d);
	} else if (op == STOA__FILE_TRUNCATE) {
		assert_in_range(offset, f->len, DISK_BYTES);	/* they grow */
		f->len = (size_t)offset;
		cut(d);
	} else if (op == STOA__FILE_SYNC) {
		memcpy(f->synced, f->current, DISK_BYTES);
		f->synced_len = f->len;
	} else if (op == STOA__FILE_RENAME) {
		f->renamed = true;
		cut(d);
	} else if (op == STOA__FILE_SYNC_DIR) {
		for (int i = 0; i < DISK_FILES; i++)
			d->file[i].named = d->file[i].renamed;
	}
	stoa__file_watch_with(see_operation, d);
}

/* Cuts while records of @len are written, up to @n_max at a time, until there are three files or @cuts. */
static void cut_often(struct place *p, size_t (*len)(uint64_t seq), uint64_t n_max, unsigned cuts)
{
	struct disk d = { .seed = testing_seed(), .p = p, .len = len };
	uint64_t appended = 0;
	struct stoa__log *log;

	for (int i = 0; i < DISK_FILES; i++) {
		d.file[i].synced = calloc(1, DISK_BYTES);
		d.file[i].current = calloc(1, DISK_BYTES);
	}
	assert_int_equal(records_open(p, false, records_begin, NULL, &log), STOA_OK);
	stoa__file_watch_with(see_operation, &d);
	while (!d.file[DISK_FILES - 2].len && d.n_cuts < cuts) {
		for (uint64_t n = testing_below(&d.seed, n_max); n; n--) {
			appended++;
			record_append_of(p, log, appended, len(appended));
		}
		if (stoa__log_wants_file(log) && testing_below(&d.seed, 2))
			stoa__log_make_file(log);
		if (testing_below(&d.seed, 3)) {
			assert_int_equal(stoa__log_flush(log, appended, true, &p->err), STOA_OK);
			d.acknowledged = appended;
		} else {
			assert_int_equal(stoa__log_flush(log, appended, false, &p->err), STOA_OK);
		}
	}
	stoa__file_watch_with(NULL, NULL);
	stoa__log_close(log, false);
	for (int i = 0; i < DISK_FILES; i++) {
		free(d.file[i].synced);
		free(d.file[i].current);
	}
}

static void a_power_cut_loses_nothing_acknowledged_and_is_never_damage(void **state)
{
	cut_often(*state, record_len, 60, 400);
}

static void nor_is_one_while_a_file_grows(void **state)
{
	cut_often(*state, all_large, 2, 12);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_next_file_is_made_ahead_and_taken),
		TEST(what_was_made_ahead_outlives_a_rotation_but_not_rest),
		TEST(a_turn_to_the_next_file_waits_for_no_disk),
		TEST(a_turn_that_was_never_written_leaves_a_blank_file),
		TEST(a_blank_file_is_no_news_to_a_reader),
		TEST(a_blank_file_is_no_part_of_the_log),
		TEST(a_file_that_cannot_be_made_ahead_is_made_when_it_is_needed),
		TEST(a_file_that_begins_with_a_large_record_has_no_room_to_spare),
		TEST(without_room_a_large_record_may_be_tried_again),
		TEST(files_are_made_beside_a_writer),
		TEST(a_power_cut_loses_nothing_acknowledged_and_is_never_damage),
		TEST(nor_is_one_while_a_file_grows),
	};

	stoa__file_skip_syncs(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
