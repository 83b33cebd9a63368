/* SPDX-License-Identifier: MIT */
/*
 * bounds_test.c - the named limits of doc/RELIABILITY.md, from both sides
 *
 * Up to a limit a call works; one past it is the error that the list names, in words, and nothing
 * has changed. What claims to be huge costs what it is: some inputs are read by a child that may
 * have little memory.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../cli/cli.h"
#include "../lib/core/limits.h"
#include "../lib/db.h"
#include "../lib/trace.h"
#include "../storage/catalog.h"
#include "../storage/log_format.h"
#include "place.h"

struct scene {
	stoa_db *db;
	stoa_txn *txn;
	stoa_table table;	/* t (i i64, s string, x text, d blob) */
	struct stoa_error err;
};

static int set_up(void **state)
{
	static const struct stoa_slot slots[] = {
		{ .name = "i", .type = STOA_I64 },
		{ .name = "s", .type = STOA_STRING },
		{ .name = "x", .type = STOA_TEXT },
		{ .name = "d", .type = STOA_BLOB },
	};
	struct scene *s = calloc(1, sizeof *s);

	must(stoa_open(NULL, NULL, &s->db, &s->err), &s->err);
	must(stoa_begin(s->db, STOA_WRITE, &s->txn, &s->err), &s->err);
	must(stoa_table_create(s->txn, "t", slots, 4, &s->table, &s->err), &s->err);
	*state = s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	stoa_abort(s->txn);
	must(stoa_close(s->db, &s->err), &s->err);
	free(s);
	return 0;
}

/* Of all that a refused call might have changed. */
static uint64_t look(struct scene *s)
{
	struct stoa_index_info index;
	struct stoa_table_info info;
	uint64_t sum = 0;
	stoa_table t = 0;

	while (stoa_table_next(s->txn, t, &t, NULL) == STOA_ROW) {
		stoa_index i = 0;

		must(stoa_table_info(s->txn, t, &info, &s->err), &s->err);
		sum = sum * 31 + info.n_rows * 7 + info.n_slots;
		while (stoa_index_next(s->txn, t, i, &i, NULL) == STOA_ROW) {
			must(stoa_index_info(s->txn, t, i, &index, &s->err), &s->err);
			sum = sum * 31 + index.n_slots;
		}
	}
	return sum;
}

/* An error of that code, with words, and nothing has changed. */
#define refused(s, code, call)                      \
	do {                                        \
		uint64_t before_ = look(s);         \
		(s)->err.text[0] = '\0';            \
		assert_int_equal(call, code);       \
		assert_true((s)->err.text[0]);      \
		assert_int_equal(look(s), before_); \
	} while (0)

static const char *letters(size_t n)
{
	static char text[STOA_STRING_MAX + 2];

	memset(text, 'n', n);
	text[n] = '\0';
	return text;
}

/* Runs a statement, and reads what it gives. */
static int run(struct scene *s, const char *sql)
{
	const struct stoa_value *row;
	stoa_cursor *cur;
	int rc = stoa_query(s->txn, sql, &cur, &s->err);

	if (rc < 0)
		return rc;
	while ((rc = stoa_next(cur, &row, &s->err)) == STOA_ROW)
		;
	stoa_cursor_close(cur);
	return rc < 0 ? rc : STOA_OK;
}

/* ---- tables ---- */

static void names_have_up_to_128_bytes(void **state)
{
	struct stoa_slot slot = { .type = STOA_I64 };
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct scene *s = *state;
	stoa_table t;

	for (int over = 0; over < 2; over++) {
		const char *name = letters(STOA_NAME_MAX + (size_t)over);

		slot.name = o.name = name;
		o.kind = STOA_INDEX_SET;
		o.slots = &(uint32_t){ 0 };
		o.n_slots = 1;
		if (over) {
			refused(s, STOA_EINVAL, stoa_table_create(s->txn, name, &slot, 1, &t, &s->err));
			refused(s, STOA_EINVAL, stoa_slot_add(s->txn, s->table, &slot, &s->err));
			refused(s, STOA_EINVAL, stoa_index_create(s->txn, s->table, &o, NULL, &s->err));
			refused(s, STOA_EINVAL, stoa_slot_rename(s->txn, s->table, "i", name, &s->err));
		} else {
			must(stoa_table_create(s->txn, name, &slot, 1, &t, &s->err), &s->err);
			must(stoa_slot_add(s->txn, s->table, &slot, &s->err), &s->err);
			must(stoa_index_create(s->txn, s->table, &o, NULL, &s->err), &s->err);
		}
	}
}

static void a_table_has_up_to_1000_slots(void **state)
{
	struct stoa_slot slots[STOA_SLOTS_MAX + 1], more = { .name = "more", .type = STOA_BOOL };
	char names[STOA_SLOTS_MAX + 1][8];
	struct scene *s = *state;
	stoa_table t;

	for (int i = 0; i <= STOA_SLOTS_MAX; i++) {
		snprintf(names[i], sizeof names[i], "c%d", i);
		slots[i] = (struct stoa_slot){ .name = names[i], .type = STOA_BOOL };
	}
	refused(s, STOA_EINVAL,
		stoa_table_create(s->txn, "u", slots, STOA_SLOTS_MAX + 1, &t, &s->err));
	must(stoa_table_create(s->txn, "u", slots, STOA_SLOTS_MAX, &t, &s->err), &s->err);
	refused(s, STOA_EINVAL, stoa_slot_add(s->txn, t, &more, &s->err));
}

static void a_table_has_had_up_to_a_million_slots(void **state)
{
	struct stoa_slot slot = { .name = "last", .type = STOA_BOOL };
	struct scene *s = *state;
	struct stoa__table *t = stoa__table_find(s->txn->version, s->table);
	uint32_t *next = (uint32_t *)(uintptr_t)&t->schema->next_slot;
	uint32_t before = *next;

	*next = STOA__SLOT_IDS_MAX;
	refused(s, STOA_EFULL, stoa_slot_add(s->txn, s->table, &slot, &s->err));
	*next = before;
	must(stoa_slot_add(s->txn, s->table, &slot, &s->err), &s->err);
}

static void a_table_has_up_to_32_indexes_of_16_slots(void **state)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	uint32_t slots[STOA_INDEX_SLOTS_MAX + 1];
	struct scene *s = *state;

	for (uint32_t i = 0; i <= STOA_INDEX_SLOTS_MAX; i++) {
		char name[8];
		struct stoa_slot slot = { .name = name, .type = STOA_BOOL };

		snprintf(name, sizeof name, "c%u", i);
		must(stoa_slot_add(s->txn, s->table, &slot, &s->err), &s->err);
		slots[i] = 4 + i;
	}
	o.kind = STOA_INDEX_SET;
	o.slots = slots;
	o.n_slots = STOA_INDEX_SLOTS_MAX + 1;
	refused(s, STOA_EINVAL, stoa_index_create(s->txn, s->table, &o, NULL, &s->err));
	o.n_slots = STOA_INDEX_SLOTS_MAX;
	for (int i = 0; i < STOA_INDEXES_MAX; i++) {
		char name[8];

		snprintf(name, sizeof name, "i%d", i);
		o.name = name;
		must(stoa_index_create(s->txn, s->table, &o, NULL, &s->err), &s->err);
	}
	o.name = "more";
	refused(s, STOA_EFULL, stoa_index_create(s->txn, s->table, &o, NULL, &s->err));
}

static void decimals_have_up_to_18_digits(void **state)
{
	struct stoa_slot slot = { .name = "d", .type = STOA_DECIMAL, .precision = 19 };
	struct scene *s = *state;
	stoa_table t;

	assert_int_equal(STOA_DECIMAL_PRECISION_MAX, 18);
	refused(s, STOA_EINVAL, stoa_table_create(s->txn, "u", &slot, 1, &t, &s->err));
	slot.precision = slot.scale = 18;
	must(stoa_table_create(s->txn, "u", &slot, 1, &t, &s->err), &s->err);
}

/* ---- values ---- */

static void a_string_has_up_to_65535_bytes(void **state)
{
	struct scene *s = *state;
	struct stoa_value v[4] = { { 0 } };

	v[1] = stoa_bytes_value(STOA_STRING, letters(STOA_STRING_MAX + 1), STOA_STRING_MAX + 1);
	refused(s, STOA_ERANGE, stoa_insert(s->txn, s->table, v, 4, NULL, &s->err));
	v[1].len--;
	must(stoa_insert(s->txn, s->table, v, 4, NULL, &s->err), &s->err);
}

/* The bytes are never looked at: there are none behind the address. */
static void a_text_or_blob_has_up_to_a_gibibyte(void **state)
{
	struct scene *s = *state;
	struct stoa_value v[4] = { { 0 } };
	void *p = mmap(NULL, (size_t)STOA_TEXT_MAX + 4096, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	assert_ptr_not_equal(p, MAP_FAILED);
	for (int type = STOA_TEXT; type <= STOA_BLOB; type++) {
		memset(v, 0, sizeof v);
		v[type == STOA_TEXT ? 2 : 3] =
			stoa_bytes_value((enum stoa_type)type, p, STOA_TEXT_MAX + 1u);
		refused(s, STOA_ERANGE, stoa_insert(s->txn, s->table, v, 4, NULL, &s->err));
	}
	munmap(p, (size_t)STOA_TEXT_MAX + 4096);
}

static void a_queue_has_a_name_of_up_to_255_bytes(void **state)
{
	struct stoa_index_options o = STOA_INDEX_OPTIONS_INIT;
	struct scene *s = *state;
	struct stoa_value v[4] = { { 0 } };

	o.kind = STOA_INDEX_DEQUE;
	o.slots = &(uint32_t){ 1 };
	o.n_slots = 1;
	must(stoa_index_create(s->txn, s->table, &o, NULL, &s->err), &s->err);
	v[1] = stoa_bytes_value(STOA_STRING, letters(STOA_QUEUE_NAME_MAX + 1), STOA_QUEUE_NAME_MAX + 1);
	refused(s, STOA_ERANGE, stoa_insert(s->txn, s->table, v, 4, NULL, &s->err));
	v[1].len--;
	must(stoa_insert(s->txn, s->table, v, 4, NULL, &s->err), &s->err);
}

/* ---- SQL ---- */

static char *sql_of(const char *head, const char *piece, const char *between, int n, const char *tail)
{
	size_t size = strlen(head) + (size_t)n * (strlen(piece) + strlen(between)) + strlen(tail) + 1;
	char *sql = malloc(size), *at = stpcpy(sql, head);

	for (int i = 0; i < n; i++)
		at = stpcpy(stpcpy(at, i ? between : ""), piece);
	strcpy(at, tail);
	return sql;
}

static void assert_sql(struct scene *s, char *sql, int code)
{
	if (code < 0)
		refused(s, code, run(s, sql));
	else
		must(run(s, sql), &s->err);
	free(sql);
}

static void a_statement_has_limits(void **state)
{
	struct scene *s = *state;
	stoa_stmt *stmt;

	must(stoa_prepare(s->txn, "SELECT $10000", strlen("SELECT $10000"), &stmt, &s->err), &s->err);
	assert_int_equal(stoa_parameters(stmt), STOA__SQL_PARAMETERS_MAX);
	stoa_stmt_free(stmt);
	refused(s, STOA_ESYNTAX, stoa_prepare(s->txn, "SELECT $10001",
					      strlen("SELECT $10001"), &stmt, &s->err));
	assert_sql(s, sql_of("SELECT count(*) FROM t WHERE i IN (SELECT 1 ", "UNION ALL SELECT i FROM t",
			     " ", STOA__SQL_RELATIONS_MAX, ")"), STOA_EFULL);
	assert_sql(s, sql_of("SELECT ", "(", "", STOA__SQL_DEPTH_MAX + 1, "1"), STOA_ESYNTAX);
	assert_sql(s, sql_of("SELECT ", "1", ", ", (int)(STOA__SQL_BYTES_MAX / 3 + 1), ""), STOA_EFULL);
}

static void what_a_function_makes_has_limits(void **state)
{
	struct scene *s = *state;

	refused(s, STOA_ERANGE, run(s, "SELECT length(repeat('x', 1073741825))"));
	refused(s, STOA_EFULL, run(s, "SELECT repeat('a', 60) || 'b' ~ '^(a+)+$'"));
	must(run(s, "SELECT repeat('a', 60) ~ '^(a+)+$'"), &s->err);
}

/* ---- what is read from text ---- */

static void traces_are_nested_and_large_up_to_a_limit(void **state)
{
	struct scene *s = *state;
	stoa_trace *trace;
	char *json = sql_of("{\"x\":", "[", "", STOA__TRACE_DEPTH_MAX + 1, "");

	assert_int_equal(stoa_trace_parse(json, strlen(json), &trace, &s->err), STOA_ESYNTAX);
	assert_non_null(strstr(s->err.text, "deep"));
	free(json);
}

/* As `stoa import` does; what it reports goes nowhere. */
static int import_text(struct scene *s, const char *text, size_t len)
{
	struct stoa_csv_options options = STOA_CSV_OPTIONS_INIT;
	struct session session = { .path = "bounds", .db = s->db, .txn = s->txn };
	struct progress progress = { 0 };
	struct input in = { .name = "bounds" };
	FILE *before = stderr, *file = tmpfile();
	uint64_t rows;
	int code;

	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fflush(file), 0);
	in.fd = fileno(file);
	stderr = fopen("/dev/null", "w");
	code = import_json(&session, "json", &in, &options, &progress, &rows);
	fclose(stderr);
	stderr = before;
	fclose(file);
	return code;
}

static void json_is_nested_up_to_100_deep_and_has_up_to_1000_keys(void **state)
{
	struct scene *s = *state;
	char *deep = sql_of("{\"a\":", "[", "", 99, ""), *keys;
	size_t len = strlen(deep);

	deep = realloc(deep, 2 * len + 300);
	for (int over = 1; over >= 0; over--) {
		size_t n = len;

		if (over)
			deep[n++] = '[';
		memset(deep + n, ']', 99 + (size_t)over);
		n += 99 + (size_t)over;
		deep[n++] = '}';
		if (over)
			refused(s, CLI_FAILURE, (snprintf(s->err.text, 2, "-"), import_text(s, deep, n)));
		else
			assert_int_equal(import_text(s, deep, n), CLI_OK);
	}
	free(deep);
	must(run(s, "DROP TABLE json"), &s->err);
	for (int n = STOA_SLOTS_MAX + 1; n >= STOA_SLOTS_MAX; n--) {
		char *at = keys = malloc(20 * (size_t)n);

		for (int i = 0; i < n; i++)
			at += sprintf(at, "%s\"k%d\":1", i ? "," : "{", i);
		*at++ = '}';
		if (n > STOA_SLOTS_MAX)
			refused(s, CLI_FAILURE, (snprintf(s->err.text, 2, "-"),
						 import_text(s, keys, (size_t)(at - keys))));
		else
			assert_int_equal(import_text(s, keys, (size_t)(at - keys)), CLI_OK);
		free(keys);
	}
}

static void a_csv_file_has_up_to_1000_columns(void **state)
{
	struct scene *s = *state;

	for (int n = STOA_SLOTS_MAX + 1; n >= STOA_SLOTS_MAX; n--) {
		char *text = malloc(20 * (size_t)n), *at = text;

		for (int i = 0; i < n; i++)
			at += sprintf(at, "%sk%d", i ? "," : "", i);
		for (int i = 0; i < n; i++)
			at += sprintf(at, "%s1", i ? "," : "\n");
		if (n > STOA_SLOTS_MAX)
			refused(s, STOA_EFULL, stoa_import_csv_bytes(s->txn, "csv", text, (size_t)(at - text),
								     NULL, NULL, &s->err));
		else
			must(stoa_import_csv_bytes(s->txn, "csv", text, (size_t)(at - text), NULL, NULL,
						   &s->err), &s->err);
		free(text);
	}
}

/* ---- storage ---- */

/* Sizes are refused before anything is read: the addresses hold nothing. */
static void a_catalog_record_has_up_to_256_mebibytes(void **state)
{
	struct place *p = *state;
	struct stoa__catalog_options options = { .create = true };
	size_t len = ((size_t)256 << 20) + 1;
	void *nothing = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct stoa__catalog *catalog;

	assert_ptr_not_equal(nothing, MAP_FAILED);
	must(stoa__catalog_open(&p->dir, &options, &catalog, &p->err), &p->err);
	must(stoa__catalog_begin(catalog, &p->err), &p->err);
	assert_int_equal(stoa__catalog_put(catalog, "k", 1, nothing, len, &p->err), STOA_EFULL);
	assert_non_null(strstr(p->err.text, "268435456"));
	stoa__catalog_abort(catalog);
	stoa__catalog_close(catalog);
	munmap(nothing, len);
}

static void a_record_of_the_log_has_up_to_4_gibibytes(void **state)
{
	struct place *p = *state;
	size_t len = (size_t)LOG_PAYLOAD_MAX + 1;
	void *nothing = mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct stoa__log_position from = { 1, 1 };
	struct stoa__log *log;

	assert_ptr_not_equal(nothing, MAP_FAILED);
	must(stoa__log_open(&p->dir, false, from, NULL, NULL, &log, &p->err), &p->err);
	assert_int_equal(stoa__log_append(log, 2, nothing, len, &p->err), STOA_EFULL);
	assert_true(p->err.text[0]);
	/* And as if nobody had asked. */
	must(stoa__log_append(log, 2, "x", 1, &p->err), &p->err);
	must(stoa__log_flush(log, 2, true, &p->err), &p->err);
	stoa__log_close(log, false);
	munmap(nothing, len);
}

/* ---- claims ---- */

#define LITTLE_MEMORY ((rlim_t)64 << 20)	/* beyond what the process has */

static uint64_t address_space(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu", &pages), 1);
	fclose(f);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Reads @p as Arrow in a child that may have little memory: what it says of its size is a lie. */
static void assert_costs_little(const uint8_t *p, size_t len)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct rlimit limit = { address_space() + LITTLE_MEMORY, RLIM_INFINITY };
		struct stoa_error err;
		struct stoa_batch batch;
		stoa_cursor *cur;
		int rc;

		if (setrlimit(RLIMIT_AS, &limit) < 0)
			_exit(2);
		rc = stoa_arrow_read_bytes(p, len, &cur, &err);
		while (rc == STOA_OK || rc == STOA_ROW)
			rc = stoa_next_batch(cur, &batch, &err);
		_exit(rc == STOA_ENOMEM ? 3 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int to_bytes(void *ctx, const void *p, size_t len, struct stoa_error *err)
{
	struct stoa__buf *out = ctx;

	(void)err;
	return stoa__buf_put(out, p, len);
}

/* Each run of eight bytes in turn is a large number, whatever it was: length, offset, count. */
static void what_arrow_claims_costs_what_it_is(void **state)
{
	static const uint64_t claims[] = { 1ull << 40, 0x7fffffff, UINT64_MAX / 2 };
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct stoa__buf bytes = STOA__BUF_INIT;
	struct scene *s = *state;
	stoa_cursor *cur;

	o.format = STOA_ARROW_STREAM;
	o.codec = STOA_ARROW_ZSTD;
	must(run(s, "INSERT INTO t (i, s, x) SELECT n, repeat('word ', 100), repeat('text ', 200) "
		    "FROM generate_series(1, 20) g(n)"), &s->err);
	must(stoa_scan(s->txn, s->table, NULL, 0, &cur, &s->err), &s->err);
	must(stoa_arrow_write(cur, &o, to_bytes, &bytes, NULL, &s->err), &s->err);
	for (size_t at = 0, n = 0; at + 8 <= bytes.len; at += testing_long() ? 4 : 36) {
		uint8_t was[8];

		memcpy(was, bytes.p + at, 8);
		memcpy(bytes.p + at, &claims[n++ % 3], 8);
		assert_costs_little(bytes.p, bytes.len);
		memcpy(bytes.p + at, was, 8);
	}
	stoa__buf_release(&bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(names_have_up_to_128_bytes),
		TEST(a_table_has_up_to_1000_slots),
		TEST(a_table_has_had_up_to_a_million_slots),
		TEST(a_table_has_up_to_32_indexes_of_16_slots),
		TEST(decimals_have_up_to_18_digits),
		TEST(a_string_has_up_to_65535_bytes),
		TEST(a_text_or_blob_has_up_to_a_gibibyte),
		TEST(a_queue_has_a_name_of_up_to_255_bytes),
		TEST(a_statement_has_limits),
		TEST(what_a_function_makes_has_limits),
		TEST(traces_are_nested_and_large_up_to_a_limit),
		TEST(json_is_nested_up_to_100_deep_and_has_up_to_1000_keys),
		TEST(a_csv_file_has_up_to_1000_columns),
		TEST(what_arrow_claims_costs_what_it_is),
		cmocka_unit_test_setup_teardown(a_record_of_the_log_has_up_to_4_gibibytes, place_set_up,
						place_tear_down),
		cmocka_unit_test_setup_teardown(a_catalog_record_has_up_to_256_mebibytes, place_set_up,
						place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
