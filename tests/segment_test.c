/* SPDX-License-Identifier: MIT */
/* segment_test.c - segment files: what was written is read, and every flipped byte is found */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../storage/segment_format.h"
#include "place.h"

#define FILE_NUMBER 7

static const uint8_t uuid[16] = "0123456789abcde";

/* Of the segment written last. */
static uint64_t file_len, file_root;

/* Byte @i of the chunk of @slot in @group, which is 64 * (slot + group) bytes long. */
static uint8_t byte_of(uint32_t group, uint32_t slot, size_t i)
{
	return (uint8_t)(group * 77 + slot * 13 + i * 5 + (i >> 8));
}

static size_t len_of(uint32_t group, uint32_t slot)
{
	return 64 * (size_t)(slot + group);
}

/* Three groups; group g has the slots 1 .. 3 + g but the second, and slot 900. */
static int add_groups(struct place *p, struct stoa__segment_writer *w)
{
	uint8_t image[64 * 1000];

	for (uint32_t g = 0; g < 3; g++) {
		uint32_t group;

		STOA_TRY(stoa__segment_add_group(w, 10 + g, &group, &p->err));
		assert_int_equal(group, g);
		for (uint32_t slot = 1; slot <= 900; slot = slot == 3 + g ? 900 : slot + 1) {
			if (slot != 2) {
				for (size_t i = 0; i < len_of(g, slot); i++)
					image[i] = byte_of(g, slot, i);
				STOA_TRY(stoa__segment_add_chunk(w, slot, image, len_of(g, slot),
								 &p->err));
			}
			if (slot == 900)
				break;
		}
	}
	return STOA_OK;
}

/* Writes the file; on success file_len and file_root are set. */
static int write_file_at(struct place *p, bool unhurried)
{
	struct stoa__segment_writer *w;
	int rc = stoa__segment_create(&p->dir, FILE_NUMBER, uuid, &w, &p->err);

	if (rc < 0)
		return rc;
	if (unhurried)
		stoa__segment_unhurry(w);
	rc = add_groups(p, w);
	if (rc < 0) {
		stoa__segment_discard(w);
		return rc;
	}
	return stoa__segment_finish(w, &file_len, &file_root, &p->err);
}

static int write_file(struct place *p)
{
	return write_file_at(p, false);
}

static int open_file(struct place *p, struct stoa__segment **s)
{
	return stoa__segment_open(&p->dir, FILE_NUMBER, uuid, file_len, file_root, s, &p->err);
}

/* Reads every chunk; right bytes or STOA_ECORRUPT. Returns the first error. */
static int read_all(struct place *p, struct stoa__segment *s)
{
	int first = STOA_OK;
	uint32_t n;

	STOA_TRY(stoa__segment_n_groups(s, &n, &p->err));
	assert_int_equal(n, 3);
	for (uint32_t g = 0; g < n; g++) {
		uint32_t rows;

		STOA_TRY(stoa__segment_group_rows(s, g, &rows, &p->err));
		assert_int_equal(rows, 10 + g);
		for (uint32_t slot = 0; slot <= 901; slot++) {
			const uint8_t *image;
			size_t len;
			int rc = stoa__segment_chunk(s, g, slot, &image, &len, &p->err);

			if (slot == 0 || slot == 2 || (slot > 3 + g && slot != 900)) {
				assert_int_equal(rc, STOA_ENOTFOUND);
				continue;
			}
			if (rc < 0) {
				first = first ? first : rc;
				continue;
			}
			assert_int_equal(len, len_of(g, slot));
			for (size_t i = 0; i < len; i++)
				assert_int_equal(image[i], byte_of(g, slot, i));
		}
	}
	return first;
}

static void count_report(void *ctx, const char *file, uint64_t offset, const char *what)
{
	assert_non_null(strstr(file, "00000007.seg"));
	assert_non_null(what);
	(void)offset;
	++*(int *)ctx;
}

static int check_file(struct place *p, int *n_found)
{
	struct stoa__segment *s;
	int rc = open_file(p, &s);

	*n_found = 0;
	if (rc < 0)
		return rc;
	rc = stoa__segment_check(s, NULL, count_report, n_found, &p->err);
	stoa__segment_unref(s);
	return rc;
}

static void what_was_written_is_read(void **state)
{
	struct place *p = *state;
	struct stoa__segment *s;
	int n;

	assert_int_equal(write_file(p), STOA_OK);
	assert_int_equal(open_file(p, &s), STOA_OK);
	assert_int_equal(read_all(p, s), STOA_OK);
	assert_int_equal(read_all(p, s), STOA_OK);
	assert_int_equal(stoa__segment_file(s), FILE_NUMBER);
	assert_int_equal(stoa__segment_len(s), file_len);
	assert_ptr_equal(stoa__segment_ref(s), s);
	assert_int_equal(stoa__segment_unlink(&p->dir, FILE_NUMBER, &p->err), STOA_OK);
	stoa__segment_unref(s);
	assert_int_equal(read_all(p, s), STOA_OK);	/* the map outlives the name */
	stoa__segment_unref(s);
	assert_int_equal(check_file(p, &n), STOA_ECORRUPT);
}

static void large_chunks_go_past_the_buffer(void **state)
{
	struct place *p = *state;
	size_t sizes[] = { 64, (1 << 20) - 128, 1 << 20, 64, (3 << 20) + 64, 640, 9 << 20 };
	uint8_t *image = calloc(1, 9 << 20);
	struct stoa__segment_writer *w;
	struct stoa__segment *s;
	const uint8_t *got;
	uint32_t group;
	size_t len;

	assert_int_equal(stoa__segment_create(&p->dir, FILE_NUMBER, uuid, &w, &p->err), STOA_OK);
	assert_int_equal(stoa__segment_add_group(w, 1, &group, &p->err), STOA_OK);
	for (uint32_t i = 0; i < 7; i++) {
		memset(image, (int)i + 1, sizes[i]);
		assert_int_equal(stoa__segment_add_chunk(w, i + 1, image, sizes[i], &p->err),
				 STOA_OK);
	}
	assert_int_equal(stoa__segment_finish(w, &file_len, &file_root, &p->err), STOA_OK);
	assert_int_equal(open_file(p, &s), STOA_OK);
	for (uint32_t i = 0; i < 7; i++) {
		assert_int_equal(stoa__segment_chunk(s, 0, i + 1, &got, &len, &p->err), STOA_OK);
		assert_int_equal(len, sizes[i]);
		memset(image, (int)i + 1, len);
		assert_memory_equal(got, image, len);
		assert_int_equal((uintptr_t)got % 64, 0);
	}
	stoa__segment_unref(s);
	free(image);
}

/* The root vouches for all bytes. */
static void who_is_in_no_hurry_writes_the_same_file(void **state)
{
	struct place *p = *state;
	uint64_t len, root;

	assert_int_equal(write_file(p), STOA_OK);
	len = file_len;
	root = file_root;
	assert_true(len > 128 << 10);	/* some pieces of it */
	assert_int_equal(write_file_at(p, true), STOA_OK);
	assert_int_equal(file_len, len);
	assert_int_equal(file_root, root);
}

static void an_empty_file_has_no_groups(void **state)
{
	struct place *p = *state;
	struct stoa__segment_writer *w;
	struct stoa__segment *s;
	uint32_t n;

	assert_int_equal(stoa__segment_create(&p->dir, FILE_NUMBER, uuid, &w, &p->err), STOA_OK);
	assert_int_equal(stoa__segment_finish(w, &file_len, &file_root, &p->err), STOA_OK);
	assert_int_equal(open_file(p, &s), STOA_OK);
	assert_int_equal(stoa__segment_n_groups(s, &n, &p->err), STOA_OK);
	assert_int_equal(n, 0);
	assert_int_equal(stoa__segment_group_rows(s, 0, &n, &p->err), STOA_ECORRUPT);
	stoa__segment_unref(s);
}

static void bad_arguments_are_refused(void **state)
{
	struct place *p = *state;
	struct stoa__segment_writer *w;
	uint32_t group;
	char image[64] = "";

	assert_int_equal(stoa__segment_create(&p->dir, FILE_NUMBER, uuid, &w, &p->err), STOA_OK);
	assert_int_equal(stoa__segment_add_chunk(w, 1, image, 64, &p->err), STOA_EINVAL);
	assert_int_equal(stoa__segment_add_group(w, 0, &group, &p->err), STOA_EINVAL);
	assert_int_equal(stoa__segment_add_group(w, STOA_GROUP_MAX + 1, &group, &p->err),
			 STOA_EINVAL);
	assert_int_equal(stoa__segment_add_group(w, STOA_GROUP_MAX, &group, &p->err), STOA_OK);
	assert_int_equal(stoa__segment_add_chunk(w, 1, image, 63, &p->err), STOA_EINVAL);
	assert_int_equal(stoa__segment_add_chunk(w, 1, image, 0, &p->err), STOA_EINVAL);
	stoa__segment_discard(w);
	assert_int_equal(stoa__file_size(&p->dir, "segments/00000007.seg", &file_len, &p->err),
			 STOA_ENOTFOUND);
	stoa__segment_discard(NULL);
	stoa__segment_unref(NULL);
}

static void another_file_does_not_pass_for_this_one(void **state)
{
	struct place *p = *state;
	struct stoa__segment *s;
	uint8_t other[16] = "another";

	assert_int_equal(write_file(p), STOA_OK);
	assert_int_equal(stoa__segment_open(&p->dir, FILE_NUMBER, other, file_len, file_root, &s,
					    &p->err), STOA_ECORRUPT);
	assert_int_equal(stoa__segment_open(&p->dir, FILE_NUMBER, uuid, file_len, file_root + 1, &s,
					    &p->err), STOA_ECORRUPT);
	assert_int_equal(stoa__segment_open(&p->dir, FILE_NUMBER, uuid, file_len - 64, file_root, &s,
					    &p->err), STOA_ECORRUPT);
	assert_int_equal(stoa__file_rename(&p->dir, "segments/00000007.seg",
					   "segments/00000008.seg", &p->err), STOA_OK);
	assert_int_equal(stoa__segment_open(&p->dir, 8, uuid, file_len, file_root, &s, &p->err),
			 STOA_ECORRUPT);
	assert_non_null(strstr(p->err.text, "segments/00000008.seg"));
}

static void a_flipped_byte_is_found_and_never_read(void **state)
{
	struct place *p = *state;
	uint64_t seed = testing_seed();
	int n, fd;

	assert_int_equal(write_file(p), STOA_OK);
	assert_int_equal(stoa__file_open(&p->dir, "segments/00000007.seg", O_RDWR, &fd, &p->err),
			 STOA_OK);
	assert_int_equal(check_file(p, &n), STOA_OK);
	assert_int_equal(n, 0);
	/* Every byte of header, first chunks, directory and trailer; samples of the long chunks. */
	for (uint64_t at = 0; at < file_len;
	     at += at < 1500 || at > file_len - 900 ? 1 : 1 + testing_below(&seed, 900)) {
		struct stoa__segment *s;
		uint8_t was, now;
		int rc;

		assert_int_equal(stoa__file_read(fd, "f", at, &was, 1, &p->err), STOA_OK);
		now = was ^ (uint8_t)(1u << testing_below(&seed, 8));
		assert_int_equal(stoa__file_write(fd, "f", at, &now, 1, &p->err), STOA_OK);
		rc = open_file(p, &s);
		if (rc == STOA_OK) {
			rc = read_all(p, s);
			assert_true(rc == STOA_OK || rc == STOA_ECORRUPT);
			stoa__segment_unref(s);
			assert_int_equal(check_file(p, &n), STOA_ECORRUPT);
			assert_int_equal(n, 1);
		} else {
			assert_int_equal(rc, STOA_ECORRUPT);
		}
		if (rc < 0)
			assert_non_null(strstr(p->err.text, "segments/00000007.seg"));
		assert_int_equal(stoa__file_write(fd, "f", at, &was, 1, &p->err), STOA_OK);
	}
	assert_int_equal(check_file(p, &n), STOA_OK);
	stoa__file_close(fd);
}

/* The end of a file, from its directory on, made to fit itself and the catalog again. */
static void forge(struct place *p, int fd, uint8_t *end, size_t len)
{
	struct segment_trailer *t = (void *)(end + len - sizeof *t);

	t->dir_hash = stoa__hash(end, len - sizeof *t);
	t->hash = stoa__hash(t, sizeof *t - sizeof t->hash);
	file_root = stoa__hash(t, sizeof *t);
	assert_int_equal(stoa__file_write(fd, "f", file_len - len, end, len, &p->err), STOA_OK);
}

/* Whoever makes a database can make the checksums fit: then claims are looked at one by one. */
static void a_forged_file_is_refused_or_read_within_its_bounds(void **state)
{
	static const uint32_t lies[] = { 0, 1, 2, 0x7fffffff, 0xffffffff, 65, 0x10000, 0x10001 };
	struct place *p = *state;
	_Alignas(8) uint8_t good[2048], bad[2048];
	struct segment_trailer t;
	struct stoa__segment *s;
	size_t len, n_refused = 0;
	int fd, n;

	assert_int_equal(write_file(p), STOA_OK);
	assert_int_equal(stoa__file_open(&p->dir, "segments/00000007.seg", O_RDWR, &fd, &p->err),
			 STOA_OK);
	assert_int_equal(stoa__file_read(fd, "f", file_len - sizeof t, &t, sizeof t, &p->err), STOA_OK);
	len = t.dir_len + sizeof t;
	assert_true(len <= sizeof good);
	assert_int_equal(stoa__file_read(fd, "f", t.dir_offset, good, len, &p->err), STOA_OK);
	for (size_t at = 0; at < len; at += sizeof lies[0])
		for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
			int rc;

			memcpy(bad, good, len);
			memcpy(bad + at, &lies[k], sizeof lies[k]);
			forge(p, fd, bad, len);
			rc = open_file(p, &s);
			if (rc == STOA_OK) {
				uint32_t groups;
				const uint8_t *image;
				size_t image_len;

				rc = stoa__segment_n_groups(s, &groups, &p->err);
				for (uint32_t slot = 0; slot < 901 && rc == STOA_OK && groups; slot++)
					(void)!stoa__segment_chunk(s, groups - 1, slot, &image, &image_len,
								   &p->err);
				(void)!stoa__segment_check(s, NULL, count_report, &n, &p->err);
				stoa__segment_unref(s);
			}
			if (rc != STOA_OK && rc != STOA_ECORRUPT && rc != STOA_EVERSION)
				fail_msg("%s", p->err.text);
			n_refused += rc != STOA_OK;
		}
	assert_true(n_refused > 200);
	forge(p, fd, good, len);
	assert_int_equal(check_file(p, &n), STOA_OK);
	stoa__file_close(fd);
}

static void a_truncated_file_is_corrupt(void **state)
{
	struct place *p = *state;
	struct stoa__segment *s;
	int fd;

	assert_int_equal(write_file(p), STOA_OK);
	assert_int_equal(stoa__file_open(&p->dir, "segments/00000007.seg", O_RDWR, &fd, &p->err),
			 STOA_OK);
	for (uint64_t len = file_len - 1;; len = len > 4096 ? len - 4096 : 0) {
		assert_int_equal(stoa__file_truncate(fd, "f", len, &p->err), STOA_OK);
		assert_int_equal(open_file(p, &s), STOA_ECORRUPT);
		if (!len)
			break;
	}
	stoa__file_close(fd);
}

static int refuse_odd(void *ctx, const uint8_t *image, size_t len, const char **why)
{
	(void)ctx;
	(void)image;
	*why = "odd";
	return len / 64 % 2 ? STOA_ECORRUPT : STOA_OK;
}

static void a_check_asks_those_above_about_each_chunk(void **state)
{
	struct place *p = *state;
	struct stoa__segment *s;
	int n = 0;

	assert_int_equal(write_file(p), STOA_OK);
	assert_int_equal(open_file(p, &s), STOA_OK);
	assert_int_equal(stoa__segment_check(s, refuse_odd, count_report, &n, &p->err),
			 STOA_ECORRUPT);
	for (uint32_t g = 0; g < 3; g++)
		for (uint32_t slot = 1; slot <= 900; slot++)
			if (slot != 2 && (slot <= 3 + g || slot == 900))
				n -= (slot + g) % 2;
	assert_int_equal(n, 0);
	stoa__segment_unref(s);
}

static void a_full_disk_leaves_no_file(struct place *p, bool unhurried)
{
	uint64_t size;

	assert_int_equal(stoa__segment_unlink(&p->dir, FILE_NUMBER, &p->err), STOA_OK);
	for (long nth = 0;; nth++) {
		int rc;
		bool fired;

		stoa__file_fault_arm(nth, ENOSPC, false);
		rc = write_file_at(p, unhurried);
		fired = stoa__file_fault_disarm();
		assert_int_equal(rc, fired ? STOA_EFULL : STOA_OK);
		if (!fired)
			break;
		assert_int_equal(stoa__file_size(&p->dir, "segments/00000007.seg", &size, &p->err),
				 STOA_ENOTFOUND);
	}
}

static void a_failed_operation_leaves_no_file_and_no_leak(void **state)
{
	struct place *p = *state;

	a_full_disk_leaves_no_file(p, false);
	a_full_disk_leaves_no_file(p, true);
	for (long nth = 0;; nth++) {
		struct stoa__segment *s = NULL;
		int rc;
		bool fired;

		stoa__file_fault_arm(nth, EIO, false);
		rc = open_file(p, &s);
		if (rc == STOA_OK)
			rc = read_all(p, s);
		fired = stoa__file_fault_disarm();
		assert_int_equal(rc, fired ? STOA_EIO : STOA_OK);
		if (s && fired)
			assert_int_equal(read_all(p, s), STOA_OK);	/* it may be tried again */
		stoa__segment_unref(s);
		if (!fired)
			break;
	}
}

static void memory_may_run_out_at_any_point(void **state)
{
	struct place *p = *state;

	for (long nth = 0;; nth++) {
		struct stoa__segment *s = NULL;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = write_file(p);
		if (rc == STOA_OK)
			rc = open_file(p, &s);
		if (rc == STOA_OK)
			rc = read_all(p, s);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		stoa__segment_unref(s);
		if (!fired)
			return;
	}
}

static void *read_in_thread(void *arg)
{
	struct stoa__segment *s = arg;
	uintptr_t wrong = 0;

	for (uint32_t g = 0; g < 3; g++) {
		const uint8_t *image;
		size_t len;

		if (stoa__segment_chunk(s, g, 900, &image, &len, NULL) != STOA_OK ||
		    image[5] != byte_of(g, 900, 5))
			wrong++;
	}
	stoa__segment_unref(s);
	return (void *)wrong;
}

static void threads_share_a_segment(void **state)
{
	struct place *p = *state;

	assert_int_equal(write_file(p), STOA_OK);
	for (int round = 0; round < 20; round++) {
		struct stoa__segment *s;
		pthread_t threads[4];
		void *wrong;

		assert_int_equal(open_file(p, &s), STOA_OK);
		for (int i = 0; i < 4; i++)
			pthread_create(&threads[i], NULL, read_in_thread, stoa__segment_ref(s));
		stoa__segment_unref(s);
		for (int i = 0; i < 4; i++) {
			pthread_join(threads[i], &wrong);
			assert_null(wrong);
		}
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(large_chunks_go_past_the_buffer),
		TEST(who_is_in_no_hurry_writes_the_same_file),
		TEST(an_empty_file_has_no_groups),
		TEST(bad_arguments_are_refused),
		TEST(another_file_does_not_pass_for_this_one),
		TEST(a_flipped_byte_is_found_and_never_read),
		TEST(a_forged_file_is_refused_or_read_within_its_bounds),
		TEST(a_truncated_file_is_corrupt),
		TEST(a_check_asks_those_above_about_each_chunk),
		TEST(a_failed_operation_leaves_no_file_and_no_leak),
		TEST(memory_may_run_out_at_any_point),
		TEST(threads_share_a_segment),
	};

	stoa__file_skip_syncs(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
