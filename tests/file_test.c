/* SPDX-License-Identifier: MIT */
/* file_test.c - files: whole reads and writes, errors in words, faults on demand */
#include "testing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../storage/file.h"
#include "place.h"

static void what_was_written_is_read(void **state)
{
	struct place *p = *state;
	char got[6] = "";
	uint64_t size;
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, "f", O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, "f", 3, "hello", 5, &p->err), STOA_OK);
	assert_int_equal(stoa__file_sync_data(fd, "f", &p->err), STOA_OK);
	assert_int_equal(stoa__file_sync(fd, "f", &p->err), STOA_OK);
	assert_int_equal(stoa__file_read(fd, "f", 3, got, 5, &p->err), STOA_OK);
	assert_string_equal(got, "hello");
	assert_int_equal(stoa__file_size(&p->dir, "f", &size, &p->err), STOA_OK);
	assert_int_equal(size, 8);
	assert_int_equal(stoa__file_truncate(fd, "f", 4, &p->err), STOA_OK);
	assert_int_equal(stoa__file_size_of(fd, "f", &size, &p->err), STOA_OK);
	assert_int_equal(size, 4);
	stoa__file_close(fd);
}

static void reading_past_the_end_is_corruption_that_names_the_place(void **state)
{
	struct place *p = *state;
	char got[8];
	size_t n;
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, "f", O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, "f", 0, "hello", 5, &p->err), STOA_OK);
	assert_int_equal(stoa__file_read(fd, "f", 2, got, 8, &p->err), STOA_ECORRUPT);
	assert_int_equal(p->err.offset, 5);
	assert_non_null(strstr(p->err.text, "f is damaged"));
	assert_int_equal(stoa__file_read_some(fd, "f", 2, got, 8, &n, &p->err), STOA_OK);
	assert_int_equal(n, 3);
	assert_int_equal(stoa__file_read_some(fd, "f", UINT64_MAX - 2, got, 8, &n, &p->err), STOA_OK);
	assert_int_equal(n, 0);
	stoa__file_close(fd);
}

static void a_missing_file_is_not_found_and_its_removal_is_fine(void **state)
{
	struct place *p = *state;
	struct stoa__dir none;
	uint64_t size;
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, "nope", O_RDONLY, &fd, &p->err), STOA_ENOTFOUND);
	assert_int_equal(fd, -1);
	assert_non_null(strstr(p->err.text, "nope"));
	assert_int_equal(stoa__file_size(&p->dir, "nope", &size, &p->err), STOA_ENOTFOUND);
	assert_int_equal(stoa__file_unlink(&p->dir, "nope", &p->err), STOA_OK);
	assert_int_equal(stoa__file_rename(&p->dir, "nope", "n", &p->err), STOA_ENOTFOUND);
	assert_int_equal(stoa__dir_open(testing_path(p->path, "nope"), &none, &p->err),
			 STOA_ENOTFOUND);
	assert_null(none.path);
}

static int count_entry(void *ctx, const char *name)
{
	int *n = ctx;

	assert_true(name[0] != '.');
	return ++*n == 100 ? 7 : 0;
}

static void directories_are_made_listed_and_synced(void **state)
{
	struct place *p = *state;
	const char *path = testing_path(p->path, "new.stoa");
	struct stoa__dir dir;
	int n = 0;
	int fd;

	assert_int_equal(stoa__dir_create(path, &p->err), STOA_OK);
	assert_int_equal(stoa__dir_create(path, &p->err), STOA_EEXIST);
	assert_int_equal(stoa__dir_open(path, &dir, &p->err), STOA_OK);
	assert_int_equal(stoa__dir_make(&dir, "log", &p->err), STOA_OK);
	assert_int_equal(stoa__dir_make(&dir, "log", &p->err), STOA_OK);
	assert_int_equal(stoa__file_open(&dir, "log/a", O_WRONLY | O_CREAT, &fd, &p->err), STOA_OK);
	stoa__file_close(fd);
	assert_int_equal(stoa__file_rename(&dir, "log/a", "log/b", &p->err), STOA_OK);
	assert_int_equal(stoa__dir_sync(&dir, "log", &p->err), STOA_OK);
	assert_int_equal(stoa__dir_sync(&dir, NULL, &p->err), STOA_OK);
	assert_int_equal(stoa__dir_list(&dir, "log", count_entry, &n, &p->err), STOA_OK);
	assert_int_equal(n, 1);
	n = 99;
	assert_int_equal(stoa__dir_list(&dir, NULL, count_entry, &n, &p->err), 7);
	assert_int_equal(stoa__dir_list(&dir, "nope", count_entry, &n, &p->err), STOA_ENOTFOUND);
	assert_int_equal(stoa__dir_check_filesystem(&dir, &p->err), STOA_OK);
	stoa__dir_close(&dir);
}

static void a_map_shows_the_file_and_outlives_its_descriptor(void **state)
{
	struct place *p = *state;
	const uint8_t *map;
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, "f", O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, "f", 0, "hello", 5, &p->err), STOA_OK);
	assert_int_equal(stoa__file_map(fd, "f", 5, &map, &p->err), STOA_OK);
	stoa__file_close(fd);
	assert_int_equal(stoa__file_populate(map + 1, 4, "f", 1, &p->err), STOA_OK);
	assert_memory_equal(map, "hello", 5);
	stoa__file_unmap(map, 5);
}

static void a_map_of_a_file_cut_short_is_an_error_when_populated(void **state)
{
	struct place *p = *state;
	static const char zeros[65536];
	const uint8_t *map;
	int fd;
	int rc;

	assert_int_equal(stoa__file_open(&p->dir, "f", O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, "f", 0, zeros, sizeof zeros, &p->err), STOA_OK);
	assert_int_equal(stoa__file_map(fd, "f", sizeof zeros, &map, &p->err), STOA_OK);
	assert_int_equal(stoa__file_truncate(fd, "f", 0, &p->err), STOA_OK);
	rc = stoa__file_populate(map, sizeof zeros, "f", 0, &p->err);
	assert_true(rc == STOA_EIO || rc == STOA_OK);	/* OK: a kernel that cannot */
	stoa__file_unmap(map, sizeof zeros);
	stoa__file_close(fd);
}

static void the_nth_operation_fails_and_a_failed_write_is_half_done(void **state)
{
	struct place *p = *state;
	uint64_t size;
	int fd;

	assert_int_equal(stoa__file_open(&p->dir, "f", O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
	stoa__file_fault_arm(1, ENOSPC, false);
	assert_int_equal(stoa__file_write(fd, "f", 0, "ab", 2, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, "f", 2, "cdef", 4, &p->err), STOA_EFULL);
	assert_int_equal(p->err.offset, 4);
	assert_int_equal(stoa__file_size_of(fd, "f", &size, &p->err), STOA_OK);
	assert_int_equal(size, 4);
	assert_true(stoa__file_fault_disarm());
	stoa__file_fault_arm(0, EIO, true);
	assert_int_equal(stoa__file_sync(fd, "f", &p->err), STOA_EIO);
	assert_int_equal(stoa__file_sync_data(fd, "f", &p->err), STOA_EIO);
	assert_true(stoa__file_fault_disarm());
	stoa__file_fault_arm(5, EIO, false);
	assert_false(stoa__file_fault_disarm());
	stoa__file_close(fd);
}

static void every_errno_has_one_of_our_errors(void **state)
{
	(void)state;
	assert_int_equal(stoa__from_errno(0), STOA_OK);
	for (int e = 1; e < 140; e++)
		assert_true(stoa__from_errno(e) < 0);
	assert_int_equal(stoa__from_errno(ENOSPC), STOA_EFULL);
	assert_int_equal(stoa__from_errno(ENOENT), STOA_ENOTFOUND);
	assert_int_equal(stoa__from_errno(EIO), STOA_EIO);
	assert_int_equal(stoa__from_errno(EROFS), STOA_EREADONLY);
}

static void log_operation(void *ctx, enum stoa__file_op op, const char *name, uint64_t offset,
			  const void *data, size_t len)
{
	char *text = ctx;

	(void)offset;
	(void)data;
	(void)len;
	strcat(text, (const char *[]){ "create ", "write ", "sync ", "truncate ", "unlink ",
				       "rename ", "syncdir " }[op]);
	strcat(text, name);
	strcat(text, "; ");
}

static void a_watcher_is_told_of_every_change(void **state)
{
	struct place *p = *state;
	char text[200] = "";
	int fd;

	stoa__file_watch_with(log_operation, text);
	assert_int_equal(stoa__file_open(&p->dir, "f", O_RDWR | O_CREAT, &fd, &p->err), STOA_OK);
	assert_int_equal(stoa__file_write(fd, "f", 0, "ab", 2, &p->err), STOA_OK);
	assert_int_equal(stoa__file_sync_data(fd, "f", &p->err), STOA_OK);
	assert_int_equal(stoa__file_rename(&p->dir, "f", "g", &p->err), STOA_OK);
	assert_int_equal(stoa__dir_sync(&p->dir, NULL, &p->err), STOA_OK);
	assert_int_equal(stoa__file_unlink(&p->dir, "g", &p->err), STOA_OK);
	stoa__file_watch_with(NULL, NULL);
	stoa__file_close(fd);
	assert_string_equal(text, "create f; write f; sync f; rename f; syncdir .; unlink g; ");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, place_set_up, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_written_is_read),
		TEST(reading_past_the_end_is_corruption_that_names_the_place),
		TEST(a_missing_file_is_not_found_and_its_removal_is_fine),
		TEST(directories_are_made_listed_and_synced),
		TEST(a_map_shows_the_file_and_outlives_its_descriptor),
		TEST(a_map_of_a_file_cut_short_is_an_error_when_populated),
		TEST(the_nth_operation_fails_and_a_failed_write_is_half_done),
		TEST(every_errno_has_one_of_our_errors),
		TEST(a_watcher_is_told_of_every_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
