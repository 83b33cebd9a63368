/* SPDX-License-Identifier: MIT */
/*
 * arrow_ipc_test.c - Arrow files and streams: what is written comes back, what others wrote is
 * read, and damaged bytes are an error
 *
 * tests/arrow has files that apache-arrow (JavaScript) and polars wrote, by tests/interop/make.mjs,
 * which says what is in them.
 */
#include "testing.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/core/buf.h"
#include "../lib/stoa.h"
#include "every_type.h"

static char *dir;

static int make_dir(void **state)
{
	(void)state;
	testing_in_memory();
	dir = testing_tempdir();
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	testing_rmtree(dir);
	return 0;
}

static int to_buf(void *ctx, const void *p, size_t len, struct stoa_error *err)
{
	(void)err;
	return stoa__buf_put(ctx, p, len);
}

/* Bytes as a file of a name that is used again and again. */
static const char *file_of(const void *p, size_t len)
{
	const char *path = testing_path(dir, "bytes");
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0 && write(fd, p, len) == (ssize_t)len);
	close(fd);
	return path;
}

static struct stoa__buf written(stoa_cursor *cur, const struct stoa_arrow_options *options,
				uint64_t n)
{
	struct stoa__buf b = STOA__BUF_INIT;
	struct stoa_error err;
	uint64_t rows;

	assert_ok(stoa_arrow_write(cur, options, to_buf, &b, &rows, &err), &err);
	assert_int_equal(rows, n);
	return b;
}

/* From a file or from memory, as it comes. */
static uint64_t reads;

static stoa_cursor *reading(const struct stoa__buf *b)
{
	struct stoa_error err;
	stoa_cursor *cur;

	if (testing_below(&reads, 2))
		assert_ok(stoa_arrow_read(file_of(b->p, b->len), &cur, &err), &err);
	else
		assert_ok(stoa_arrow_read_bytes(b->p, b->len, &cur, &err), &err);
	return cur;
}

static bool has_lz4(void)
{
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct stoa__buf b = STOA__BUF_INIT;
	struct every_type e;
	struct stoa_error err;
	int rc;

	o.codec = STOA_ARROW_LZ4;
	rc = stoa_arrow_write(every_type_cursor(&e, 1, 0), &o, to_buf, &b, NULL, &err);
	stoa__buf_release(&b);
	assert_true(rc == STOA_OK || rc == STOA_EUNSUPPORTED);
	return rc == STOA_OK;
}

/* ---- there and back -------------------------------------------------------------------------- */

static void every_type_comes_back_from_files_and_streams(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 3000 };
	uint64_t seed = testing_seed();
	struct every_type a;

	(void)state;
	for (unsigned k = 0; k < 3 * 2 * 3 * 2; k++) {
		struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
		uint64_t n = sizes[k % 3];
		struct stoa__buf bytes;

		o.format = k / 3 % 2 ? STOA_ARROW_STREAM : STOA_ARROW_FILE;
		o.codec = (int)(k / 6 % 3);
		o.plain_strings = k / 18;
		o.batch_rows = 700;
		if (o.codec == STOA_ARROW_LZ4 && !has_lz4())
			continue;
		bytes = written(every_type_cursor(&a, seed, n), &o, n);
		assert_int_equal(assert_same_rows(every_type_cursor(&a, seed, n), reading(&bytes)), n);
		stoa__buf_release(&bytes);
	}
}

static void a_stream_is_read_from_a_pipe(void **state)
{
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct every_type e;
	struct stoa_error err;
	struct stoa__buf bytes;
	stoa_cursor *cur;
	char name[64];
	int ends[2];

	(void)state;
	o.format = STOA_ARROW_STREAM;
	bytes = written(every_type_cursor(&e, 1, 100), &o, 100);
	assert_int_equal(pipe(ends), 0);
	assert_true(write(ends[1], bytes.p, bytes.len) == (ssize_t)bytes.len);
	close(ends[1]);
	snprintf(name, sizeof name, "/proc/self/fd/%d", ends[0]);
	assert_ok(stoa_arrow_read(name, &cur, &err), &err);
	close(ends[0]);
	assert_int_equal(assert_same_rows(every_type_cursor(&e, 1, 100), cur), 100);
	stoa__buf_release(&bytes);
}

static void a_stream_may_end_without_a_mark(void **state)
{
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct every_type e;
	struct stoa__buf bytes;

	(void)state;
	o.format = STOA_ARROW_STREAM;
	bytes = written(every_type_cursor(&e, 1, 100), &o, 100);
	bytes.len -= 8;
	assert_int_equal(assert_same_rows(every_type_cursor(&e, 1, 100), reading(&bytes)), 100);
	stoa__buf_release(&bytes);
}

static int fail_write(void *ctx, const void *p, size_t len, struct stoa_error *err)
{
	size_t *left = ctx;

	(void)p;
	(void)err;
	if (len > *left)
		return STOA_EFULL;
	*left -= len;
	return STOA_OK;
}

static void a_writer_that_fails_ends_the_writing(void **state)
{
	struct stoa_error err;
	struct every_type e;

	(void)state;
	for (size_t room = 0; room < 60000; room += 2999) {
		size_t left = room;
		assert_int_equal(stoa_arrow_write(every_type_cursor(&e, 1, 3000), NULL, fail_write,
						  &left, NULL, &err), STOA_EFULL);
	}
}

/* ---- files of others ------------------------------------------------------------------------- */

static const char *file_of_others(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_srcdir");

	snprintf(path, sizeof path, "%s/tests/arrow/%s", top ? top : ".", name);
	return path;
}

/* All values, with commas between them and a semicolon behind each row. */
static const char *values_of(const char *name)
{
	static char text[4096];
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	size_t len = 0, n;
	int rc;

	assert_ok(stoa_arrow_read(file_of_others(name), &cur, &err), &err);
	stoa_columns(cur, &n);
	text[0] = '\0';
	while ((rc = stoa_next(cur, &row, &err)) == STOA_ROW) {
		for (size_t i = 0; i < n; i++) {
			char value[200];
			stoa_value_print(&row[i], value, sizeof value);
			len += (size_t)snprintf(text + len, sizeof text - len, "%s%s",
						row[i].type == STOA_NULL ? "NULL" : value,
						i + 1 < n ? "," : ";");
		}
	}
	assert_ok(rc, &err);
	stoa_cursor_close(cur);
	return text;
}

static void what_apache_arrow_wrote_is_read(void **state)
{
	static const char types[] =
		"true,-128,0,-2147483648,-9223372036854775808,0,0.5,1e+300,2024-02-29,"
		"2024-02-29 23:59:59.001,00:00:00,,a,\\x00ff,red;"
		"NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL;"
		"false,127,65535,2147483647,9223372036854775807,18446744073709551615,-1.25,-0.1,"
		"1969-12-31,1969-12-31 23:59:59.999,23:59:59,w\xc3\xb6rt,bcd,\\x,blue;";

	(void)state;
	assert_string_equal(values_of("js-types.arrow"), types);
	assert_string_equal(values_of("js-types.arrows"), types);
	assert_string_equal(values_of("js-empty.arrow"), "");
	assert_string_equal(values_of("js-delta.arrows"), "a;b;a;NULL;c;a;d;");
}

static void what_polars_wrote_is_read(void **state)
{
	static const char *const names[] = { "polars-plain.arrow", "polars-plain.arrows",
					     "polars-zstd.arrow", "polars-lz4.arrow" };
	struct stoa_error err;
	stoa_cursor *cur;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		/* Without liblz4 the last is refused. */
		if (stoa_arrow_read(file_of_others(names[i]), &cur, &err) == STOA_EUNSUPPORTED) {
			assert_non_null(strstr(err.text, "LZ4"));
			continue;
		}
		stoa_cursor_close(cur);
		assert_string_equal(
			values_of(names[i]),
			"1,1,0.5,true,short,red,2024-02-29,2024-02-29 23:59:59.001;"
			"NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL;"
			"-3,9007199254740991,-1.5,false,longer than twelve bytes, so it is in a buffer,"
			"red,1969-12-31,1969-12-31 23:59:59.999;");
	}
}

static void lists_are_refused_by_name(void **state)
{
	struct stoa_error err;
	stoa_cursor *cur;

	(void)state;
	assert_int_equal(stoa_arrow_read(file_of_others("js-list.arrow"), &cur, &err),
			 STOA_EUNSUPPORTED);
	assert_non_null(strstr(err.text, "js-list.arrow: column \"tags\" is a list"));
}

/* ---- damage ---------------------------------------------------------------------------------- */

/* Reads all that can be read of some bytes; how it ended. */
static int read_all(const uint8_t *p, size_t len, struct stoa_error *err)
{
	struct stoa_batch b;
	stoa_cursor *cur;
	int rc = stoa_arrow_read(file_of(p, len), &cur, err);

	if (rc < 0)
		return rc;
	while ((rc = stoa_next_batch(cur, &b, err)) == STOA_ROW)
		;
	stoa_cursor_close(cur);
	return rc;
}

static struct stoa__buf small(int format, int codec)
{
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct every_type e;

	o.format = format;
	o.codec = codec;
	return written(every_type_cursor(&e, 1, 20), &o, 20);
}

static void what_is_cut_short_is_an_error(void **state)
{
	struct stoa_error err;

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct stoa__buf b = small(k ? STOA_ARROW_STREAM : STOA_ARROW_FILE, STOA_ARROW_ZSTD);

		for (size_t len = 0; len < b.len; len += 1 + len / 97) {
			int rc = read_all(b.p, len, &err);
			/* A stream may end between two messages. */
			if (rc < 0)
				assert_true(rc == STOA_ECORRUPT || rc == STOA_EUNSUPPORTED);
			else
				assert_int_equal(k, 1);
		}
		stoa__buf_release(&b);
	}
}

static void turned_bits_give_an_error_or_other_values_and_nothing_else(void **state)
{
	uint64_t rng = testing_seed();
	struct stoa_error err;

	(void)state;
	for (int k = 0; k < 4; k++) {
		struct stoa__buf b = small(k % 2, k / 2);

		for (int i = 0; i < (testing_long() ? 50000 : 1200); i++) {
			size_t at = testing_below(&rng, b.len);
			uint8_t old = b.p[at];

			b.p[at] ^= (uint8_t)(1u << testing_below(&rng, 8));
			read_all(b.p, b.len, &err);
			b.p[at] = old;
		}
		assert_int_equal(read_all(b.p, b.len, &err), STOA_END);
		stoa__buf_release(&b);
	}
}

static int one_text(void *ctx, struct stoa_value *out, struct stoa_error *err)
{
	bool *given = ctx;

	(void)err;
	out[0] = stoa_text("sixteen letters.");
	return (*given = !*given) ? STOA_ROW : STOA_END;
}

static void an_offset_beyond_the_bytes_is_an_error(void **state)
{
	static const struct stoa_column text = { "text", STOA_TEXT, 0, 0 };
	static const uint32_t good[] = { 0, 16 }, far[] = { 0, 1000000 };
	struct stoa__buf b;
	struct stoa_error err;
	bool given = false;
	stoa_cursor *cur;
	uint8_t *at;

	(void)state;
	assert_ok(stoa_cursor_generate(&text, 1, one_text, NULL, &given, &cur, &err), &err);
	b = written(cur, NULL, 1);
	/* Offsets lie 64 bytes before what they point to. */
	at = memmem(b.p, b.len, "sixteen letters.", 16);
	assert_non_null(at);
	assert_memory_equal(at - 64, good, sizeof good);
	memcpy(at - 64, far, sizeof far);
	assert_int_equal(read_all(b.p, b.len, &err), STOA_ECORRUPT);
	assert_non_null(strstr(err.text, "offsets are out of order"));
	stoa__buf_release(&b);
}

static void what_is_not_arrow_is_said_to_be_none(void **state)
{
	static const char text[] = "a,b\n1,2\n3,4\n5,6\n7,8\n";
	struct stoa_error err;
	stoa_cursor *cur;

	(void)state;
	assert_int_equal(read_all((const uint8_t *)text, sizeof text - 1, &err), STOA_ECORRUPT);
	assert_non_null(strstr(err.text, "no message of Arrow's"));
	assert_int_equal(read_all((const uint8_t *)"", 0, &err), STOA_ECORRUPT);
	assert_int_equal(stoa_arrow_read("/no/such/file", &cur, &err), STOA_ENOTFOUND);
	assert_int_equal(stoa_arrow_read(NULL, &cur, &err), STOA_EINVAL);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static int write_and_read(long nth, bool *fired)
{
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct stoa__buf b = STOA__BUF_INIT;
	struct every_type e;
	struct stoa_error err;
	stoa_cursor *cur = every_type_cursor(&e, 1, 30);
	int rc;

	o.codec = STOA_ARROW_ZSTD;
	o.batch_rows = 16;
	stoa__fault_arm(nth, false);
	rc = stoa_arrow_write(cur, &o, to_buf, &b, NULL, &err);
	if (rc == STOA_OK)
		rc = read_all(b.p, b.len, &err);
	*fired = stoa__fault_disarm();
	stoa__buf_release(&b);
	return rc;
}

static void running_out_of_memory_is_an_error_and_no_more(void **state)
{
	bool fired = true;

	(void)state;
	for (long nth = 0; fired; nth++) {
		int rc = write_and_read(nth, &fired);
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_END);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_comes_back_from_files_and_streams),
		cmocka_unit_test(a_stream_is_read_from_a_pipe),
		cmocka_unit_test(a_stream_may_end_without_a_mark),
		cmocka_unit_test(a_writer_that_fails_ends_the_writing),
		cmocka_unit_test(what_apache_arrow_wrote_is_read),
		cmocka_unit_test(what_polars_wrote_is_read),
		cmocka_unit_test(lists_are_refused_by_name),
		cmocka_unit_test(what_is_cut_short_is_an_error),
		cmocka_unit_test(turned_bits_give_an_error_or_other_values_and_nothing_else),
		cmocka_unit_test(an_offset_beyond_the_bytes_is_an_error),
		cmocka_unit_test(what_is_not_arrow_is_said_to_be_none),
		cmocka_unit_test(running_out_of_memory_is_an_error_and_no_more),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
