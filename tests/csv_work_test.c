/* SPDX-License-Identifier: MIT */
/* csv_work_test.c - files become blocks, blocks go to threads, and results come back in order */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/csv/work.h"

static const struct stoa__csv_dialect plain = { ',', '"', "", 0 };

static struct stoa__csv_input input_of(const char *text, size_t len)
{
	struct stoa__csv_input in;
	struct stoa_error err;
	char name[] = "/tmp/stoa-csv-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	for (size_t done = 0; done < len;) {
		ssize_t n = write(fd, text + done, len - done);

		assert_true(n > 0);
		done += (size_t)n;
	}
	close(fd);
	assert_int_equal(stoa__csv_input_open(name, &in, &err), STOA_OK);
	in.path = "file.csv";
	unlink(name);
	return in;
}

/* ---- input ------------------------------------------------------------------------------ */

static void *write_to_pipe(void *arg)
{
	int fd = *(int *)arg;
	char text[1000];

	memset(text, 'x', sizeof text);
	for (int i = 0; i < 1000; i++)
		if (write(fd, text, sizeof text) != sizeof text)
			break;
	close(fd);
	return NULL;
}

static void a_pipe_is_read_to_its_end_first(void **state)
{
	struct stoa__csv_input in;
	struct stoa_error err;
	pthread_t thread;
	char path[40], c = 0;
	size_t got;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_to_pipe, &fds[1]), 0);
	snprintf(path, sizeof path, "/dev/fd/%d", fds[0]);
	assert_int_equal(stoa__csv_input_open(path, &in, &err), STOA_OK);
	assert_int_equal(in.size, 1000000);
	assert_int_equal(stoa__csv_input_read(&in, 999999, &c, 1, &got, &err), STOA_OK);
	assert_int_equal(got, 1);
	assert_int_equal(c, 'x');
	assert_int_equal(stoa__csv_input_read(&in, 1000000, &c, 1, &got, &err), STOA_OK);
	assert_int_equal(got, 0);
	stoa__csv_input_close(&in);
	pthread_join(thread, NULL);
	close(fds[0]);
}

static void what_cannot_be_opened_is_named(void **state)
{
	struct stoa__csv_input in;
	struct stoa_error err;

	(void)state;
	assert_int_equal(stoa__csv_input_open("/no/such/file.csv", &in, &err), STOA_ENOTFOUND);
	assert_non_null(strstr(err.text, "/no/such/file.csv"));
	assert_int_equal(stoa__csv_input_open("/tmp", &in, &err), STOA_EINVAL);
	assert_non_null(strstr(err.text, "directory"));
	assert_int_equal(in.fd, -1);
	stoa__csv_input_close(&in);
}

static void an_offset_becomes_line_and_column(void **state)
{
	struct stoa__csv_input in = input_of("ab\ncd\n\nef", 9);
	static const int want[][3] = { { 0, 1, 1 }, { 2, 1, 3 }, { 3, 2, 1 },
				       { 6, 3, 1 }, { 7, 4, 1 }, { 9, 4, 3 } };
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(stoa__csv_input_fail(&in, STOA_ETYPE, (uint64_t)want[i][0], "bad",
						      &err), STOA_ETYPE);
		assert_int_equal(err.line, want[i][1]);
		assert_int_equal(err.column, want[i][2]);
		assert_int_equal(err.offset, want[i][0]);
		assert_string_equal(err.text, "file.csv: bad");
	}
	assert_int_equal(stoa__csv_input_fail(&in, STOA_ETYPE, 3, "bad", NULL), STOA_ETYPE);
	stoa__csv_input_close(&in);
}

/* ---- split ------------------------------------------------------------------------------ */

/* Random records with quotes over newlines, blank lines, CRLF; the last newline may be missing. */
static size_t random_csv(uint64_t *seed, char *text, size_t cap)
{
	size_t n = 0;

	while (n + 100 < cap && testing_below(seed, 100)) {
		for (size_t k = testing_below(seed, 4); k > 0; k--)
			n += (size_t)sprintf(text + n, "%s,",
					     testing_below(seed, 3) ? "x" : "\"a\n\"\"b,\n\"");
		n += (size_t)sprintf(text + n, "end%s", testing_below(seed, 4) ? "\n" : "\r\n");
		if (testing_below(seed, 6) == 0)
			text[n++] = '\n';
	}
	if (n > 0 && testing_below(seed, 2))
		n--;
	return n;
}

/* Where the record behind @at ends, byte by byte; quotes and newlines only. */
static size_t end_of_record(const char *text, size_t at, size_t len)
{
	bool quoted = false;

	for (; at < len; at++) {
		quoted ^= text[at] == '"';
		if (!quoted && text[at] == '\n')
			return at + 1;
	}
	return len;
}

static void blocks_are_whole_records_and_all_of_the_file(void **state)
{
	static char text[20000];
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 500; round++) {
		size_t len = random_csv(&seed, text, sizeof text), at = 0, records = 0;
		struct stoa__csv_input in = input_of(text, len);
		struct stoa__csv_block b = { 0 };
		struct stoa__csv_splitter s;
		struct stoa_error err;
		uint64_t number = 0;

		stoa__csv_split_init(&s, &in, &plain, 0, 1 + testing_below(&seed, 20));
		s.piece = 1 + testing_below(&seed, 300);
		s.bytes = 1 + testing_below(&seed, 2000);
		while (stoa__csv_split_next(&s, &b, &err) == STOA_ROW) {
			bool last = at + b.len >= len;

			assert_int_equal(b.offset, at);
			assert_int_equal(b.number, number++);
			assert_true(b.len > 0 && b.text[b.len - 1] == '\n');
			assert_memory_equal(b.text, text + at, last ? len - at : b.len);
			assert_true(b.n_records <= s.records);
			for (size_t i = 0, end; i < b.len; i = end) {
				end = end_of_record(b.text, i, b.len);
				records += end - i > 1;
				assert_true(b.text[end - 1] == '\n');
			}
			assert_true(records <= (size_t)number * s.records);
			at += b.len;
			s.piece = 1 + testing_below(&seed, 300);
		}
		assert_true(at == len || (at == len + 1 && text[len - 1] != '\n'));
		stoa__csv_block_release(&b);
		stoa__csv_input_close(&in);
	}
}

static void blocks_have_exactly_the_records_asked_for(void **state)
{
	enum { N = 1000, EACH = 64 };
	char *text = malloc(N * 40);
	struct stoa__csv_block b = { 0 };
	struct stoa__csv_splitter s;
	struct stoa__csv_input in;
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < N; i++)
		len += (size_t)sprintf(text + len, "%d,\"quoted\n\",x%s\n", i, i % 7 ? "" : "\n");
	in = input_of(text, len);
	stoa__csv_split_init(&s, &in, &plain, 0, EACH);
	for (int i = 0; i < N; i += EACH) {
		assert_int_equal(stoa__csv_split_next(&s, &b, NULL), STOA_ROW);
		assert_int_equal(b.n_records, N - i < EACH ? N - i : EACH);
		assert_int_equal(atoi(b.text), i);
	}
	stoa__csv_block_release(&b);
	stoa__csv_input_close(&in);
	free(text);
}

static void splitting_reports_when_memory_runs_out(void **state)
{
	struct stoa__csv_input in = input_of("a,b\n1,2\n", 8);

	(void)state;
	for (long nth = 0;; nth++) {
		struct stoa__csv_block b = { 0 };
		struct stoa__csv_splitter s;
		struct stoa_error err;
		bool fired;
		int rc;

		stoa__csv_split_init(&s, &in, &plain, 0, 10);
		stoa__fault_arm(nth, false);
		rc = stoa__csv_split_next(&s, &b, &err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_ROW);
		stoa__csv_block_release(&b);
		if (!fired)
			break;
	}
	stoa__csv_input_close(&in);
}

/* ---- work ------------------------------------------------------------------------------- */

/* Sums the numbers of a file of one number a line, and sees that blocks come in order. */
struct adding {
	long sum;
	long last;		/* number of the last row taken */
	int begun, ended;	/* threads; counted under the caller's eyes only */
	pthread_mutex_t lock;
	long bad;		/* a row with this number is a fault; -1: none */
	long unwelcome;		/* and with this one cannot be taken */
	int reports;
	int cancel_at;		/* report that cancels; 0: none */
};

struct part {
	long first, sum, n;
};

static void *begin(void *ctx)
{
	struct adding *a = ctx;

	pthread_mutex_lock(&a->lock);
	a->begun++;
	pthread_mutex_unlock(&a->lock);
	return stoa__calloc(1, sizeof(struct part));
}

static void end(void *ctx, void *state)
{
	struct adding *a = ctx;

	pthread_mutex_lock(&a->lock);
	a->ended++;
	pthread_mutex_unlock(&a->lock);
	stoa__free(state);
}

static int block(void *ctx, void *state, struct stoa__csv_block *b, struct stoa__csv_fault *fault,
		 struct stoa_error *err)
{
	struct adding *a = ctx;
	struct part *part = state;

	(void)err;
	part->sum = part->n = 0;
	part->first = atol(b->text);
	for (char *p = b->text; p < b->text + b->len; part->n++) {
		long x = strtol(p, NULL, 10);

		if (x == a->bad)
			return stoa__csv_fault(fault, STOA_ETYPE, (size_t)(p - b->text), "bad row");
		part->sum += x;
		p = memchr(p, '\n', (size_t)(b->text + b->len - p));
		p++;
	}
	return STOA_OK;
}

static int take(void *ctx, void *state, uint64_t *rows, struct stoa_error *err)
{
	struct adding *a = ctx;
	struct part *part = state;

	assert_int_equal(part->first, a->last + 1);
	if (a->unwelcome >= part->first && a->unwelcome < part->first + part->n)
		return stoa__fail(err, STOA_EFULL, "no room");
	a->last += part->n;
	a->sum += part->sum;
	*rows = (uint64_t)part->n;
	return STOA_OK;
}

static int progress(void *ctx, const struct stoa_progress *now)
{
	struct adding *a = ctx;

	assert_true(now->bytes <= now->total_bytes);
	assert_true(now->seconds >= 0);
	a->reports++;
	return a->cancel_at > 0 && a->reports >= a->cancel_at;
}

#define N_LINES 20000

static struct stoa__csv_input numbers(void)
{
	char *text = malloc(N_LINES * 8);
	struct stoa__csv_input in;
	size_t len = 0;

	assert_non_null(text);
	for (int i = 0; i < N_LINES; i++)
		len += (size_t)sprintf(text + len, "%d\n", i);
	in = input_of(text, len);
	free(text);
	return in;
}

static int add_up(struct adding *a, const struct stoa__csv_input *in, unsigned n_threads,
		  size_t records, uint64_t *rows, struct stoa__csv_fault *fault,
		  struct stoa_error *err)
{
	struct stoa__csv_job job = { in,  &plain, 0,	 records, n_threads, a,
				     begin, end,    block, take,	  progress,  a };
	int rc;

	pthread_mutex_init(&a->lock, NULL);
	a->last = -1;
	rc = stoa__csv_work(&job, rows, fault, err);
	assert_int_equal(a->begun, a->ended);
	pthread_mutex_destroy(&a->lock);
	return rc;
}

static void results_come_in_order_whatever_the_number_of_threads(void **state)
{
	struct stoa__csv_input in = numbers();

	(void)state;
	for (unsigned n_threads = 1; n_threads <= 8; n_threads++) {
		struct adding a = { .bad = -1, .unwelcome = -1 };
		struct stoa__csv_fault fault;
		struct stoa_error err;
		uint64_t rows;

		assert_int_equal(add_up(&a, &in, n_threads, 100, &rows, &fault, &err), STOA_OK);
		assert_int_equal(rows, N_LINES);
		assert_int_equal(a.sum, (long)N_LINES * (N_LINES - 1) / 2);
		assert_int_equal(a.begun, n_threads);
		assert_true(a.reports > 0);
	}
	stoa__csv_input_close(&in);
}

/* The bad row is in some block; rows before it are taken, and the error is the same every time. */
static void the_first_bad_block_is_the_one_reported(void **state)
{
	struct stoa__csv_input in = numbers();
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 60; round++) {
		long bad = (long)testing_below(&seed, N_LINES);
		long unwelcome = (long)testing_below(&seed, N_LINES);
		bool fault_first = bad / 100 <= unwelcome / 100;
		struct adding a = { .bad = bad, .unwelcome = unwelcome };
		struct stoa__csv_fault fault;
		struct stoa_error err;
		uint64_t rows;

		assert_int_equal(add_up(&a, &in, 1 + (unsigned)round % 6, 100, &rows, &fault, &err),
				 fault_first ? STOA_ETYPE : STOA_EFULL);
		assert_int_equal(a.last + 1, (fault_first ? bad : unwelcome) / 100 * 100);
		if (fault_first) {
			assert_int_equal(fault.code, STOA_ETYPE);
			assert_int_equal(err.line, bad + 1);
			assert_int_equal(err.column, 1);
			assert_string_equal(err.text, "file.csv: bad row");
		} else {
			assert_int_equal(fault.code, STOA_OK);
			assert_string_equal(err.text, "no room");
		}
	}
	stoa__csv_input_close(&in);
}

static void progress_can_cancel(void **state)
{
	struct stoa__csv_input in = numbers();
	struct adding a = { .bad = -1, .unwelcome = -1, .cancel_at = 1 };
	struct stoa__csv_fault fault;
	struct stoa_error err;
	uint64_t rows;

	(void)state;
	assert_int_equal(add_up(&a, &in, 2, 100, &rows, &fault, &err), STOA_ECANCELED);
	assert_non_null(strstr(err.text, "canceled"));
	stoa__csv_input_close(&in);
}

static void work_reports_when_memory_runs_out(void **state)
{
	struct stoa__csv_input in = numbers();

	(void)state;
	for (long nth = 0;; nth++) {
		struct adding a = { .bad = -1, .unwelcome = -1 };
		struct stoa__csv_fault fault;
		struct stoa_error err;
		uint64_t rows;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		pthread_mutex_init(&a.lock, NULL);
		{
			struct stoa__csv_job job = { &in,   &plain, 0,	   1000, 3,	   &a,
						     begin, end,    block, take, progress, &a };

			a.last = -1;
			rc = stoa__csv_work(&job, &rows, &fault, &err);
		}
		fired = stoa__fault_disarm();
		pthread_mutex_destroy(&a.lock);
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		if (!fired)
			break;
	}
	stoa__csv_input_close(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_is_read_to_its_end_first),
		cmocka_unit_test(what_cannot_be_opened_is_named),
		cmocka_unit_test(an_offset_becomes_line_and_column),
		cmocka_unit_test(blocks_are_whole_records_and_all_of_the_file),
		cmocka_unit_test(blocks_have_exactly_the_records_asked_for),
		cmocka_unit_test(splitting_reports_when_memory_runs_out),
		cmocka_unit_test(results_come_in_order_whatever_the_number_of_threads),
		cmocka_unit_test(the_first_bad_block_is_the_one_reported),
		cmocka_unit_test(progress_can_cancel),
		cmocka_unit_test(work_reports_when_memory_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
