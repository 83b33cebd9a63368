/* SPDX-License-Identifier: MIT */
/*
 * stream_test.c - what goes by a stream is what is in the files, and a failure is told
 *
 * Files of random lengths, one after the other, from the seed that is printed.
 *
 * Can it fail? It does when a room is used again before it was written, and when the outcome of a
 * write is not looked at.
 */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../storage/stream.h"

#define N_FILES 4
#define FILE_MAX (3 * STOA__STREAM_BYTES)

static struct {
	char *folder;
	struct stoa__dir dir;
	uint64_t random;
	bool unhurried;
} t;

static int setup(void **state)
{
	struct stoa_error err;

	(void)state;
	testing_in_memory();
	t.unhurried = false;
	t.folder = testing_tempdir();
	must(stoa__dir_open(t.folder, &t.dir, &err), &err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	stoa__dir_close(&t.dir);
	testing_rmtree(t.folder);
	return 0;
}

static const char *name_of(size_t file)
{
	static const char *const names[N_FILES] = { "a", "b", "c", "d" };

	return names[file];
}

/* Byte @at of a file, in eights. */
static uint64_t word_of(size_t file, uint64_t at)
{
	return (at / 8 + 1) * UINT64_C(0x9e3779b97f4a7c15) + file;
}

static int send_file(struct stoa__stream *s, int fd, size_t file, uint64_t len,
		     struct stoa_error *err)
{
	for (uint64_t at = 0; at < len; at += STOA__STREAM_BYTES) {
		size_t n = len - at < STOA__STREAM_BYTES ? (size_t)(len - at) : STOA__STREAM_BYTES;
		uint64_t *room = (uint64_t *)(void *)stoa__stream_room(s);

		for (size_t i = 0; i < n / 8; i++)
			room[i] = word_of(file, at + 8 * i);
		STOA_TRY(stoa__stream_write(s, fd, name_of(file), at, n, err));
	}
	return STOA_OK;
}

/* Sends files of @lens bytes each, and waits for all. */
static int send(const uint64_t *lens, uint64_t kept, struct stoa_error *err)
{
	struct stoa__stream *s = stoa__stream_new(kept);
	int fds[N_FILES], rc = s ? STOA_OK : stoa__fail_memory(err);

	for (size_t i = 0; i < N_FILES; i++)
		fds[i] = -1;
	if (s && t.unhurried)
		stoa__stream_unhurry(s);
	for (size_t i = 0; i < N_FILES && rc == STOA_OK; i++) {
		rc = stoa__file_open(&t.dir, name_of(i), O_RDWR | O_CREAT | O_TRUNC, &fds[i], err);
		if (rc == STOA_OK)
			rc = send_file(s, fds[i], i, lens[i], err);
	}
	if (rc == STOA_OK && kept > STOA__STREAM_BYTES)
		stoa__stream_settle(s);
	if (rc == STOA_OK)
		rc = stoa__stream_wait(s, err);
	if (rc < 0 && s && fds[0] >= 0) {	/* (3) */
		struct stoa_error again;
		int first = stoa__stream_wait(s, &again);

		assert_true(first == STOA_OK || first == rc);
	}
	stoa__stream_free(s);
	for (size_t i = 0; i < N_FILES; i++)
		stoa__file_close(fds[i]);
	return rc;
}

static void check_file(size_t file, uint64_t len)
{
	static uint64_t words[FILE_MAX / 8];
	struct stoa_error err;
	uint64_t size;
	int fd;

	must(stoa__file_open(&t.dir, name_of(file), O_RDONLY, &fd, &err), &err);
	must(stoa__file_size_of(fd, name_of(file), &size, &err), &err);
	assert_int_equal(size, len);
	must(stoa__file_read(fd, name_of(file), 0, words, len, &err), &err);
	for (uint64_t at = 0; at < len; at += 8)
		if (words[at / 8] != word_of(file, at))
			fail_msg("byte %llu of %s is wrong", (unsigned long long)at, name_of(file));
	stoa__file_close(fd);
}

static void random_lengths(uint64_t *lens)
{
	for (size_t i = 0; i < N_FILES; i++)
		lens[i] = 8 + testing_random(&t.random) % (FILE_MAX / 8) * 8;
	lens[1] = STOA__STREAM_BYTES;
	lens[2] = 4096;
}

static void files_hold_what_was_sent(void **state)
{
	static const uint64_t kept[] = { 0, 3 * STOA__STREAM_BYTES, UINT64_MAX };
	uint64_t lens[N_FILES];
	struct stoa_error err;

	(void)state;
	for (size_t k = 0; k < 4; k++) {
		random_lengths(lens);
		t.unhurried = k == 3;
		must(send(lens, kept[k % 3], &err), &err);
		for (size_t i = 0; i < N_FILES; i++)
			check_file(i, lens[i]);
	}
}

static void a_write_that_fails_is_told(void **state)
{
	uint64_t lens[N_FILES];
	bool fired = true;

	(void)state;
	random_lengths(lens);
	t.unhurried = testing_random(&t.random) % 2;
	for (long nth = 0; fired; nth++) {
		struct stoa_error err;

		stoa__file_fault_arm(nth, ENOSPC, false);
		int rc = send(lens, UINT64_MAX, &err);
		fired = stoa__file_fault_disarm();
		assert_int_equal(rc, fired ? STOA_EFULL : STOA_OK);
	}
	for (size_t i = 0; i < N_FILES; i++)
		check_file(i, lens[i]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(files_hold_what_was_sent),
		TEST(a_write_that_fails_is_told),
	};

	t.random = testing_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
