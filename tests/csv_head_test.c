/* SPDX-License-Identifier: MIT */
/* csv_head_test.c - delimiters, headers, names and types of CSV files */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/core/alloc.h"
#include "../lib/core/error.h"
#include "../lib/core/type.h"
#include "../lib/csv/head.h"

/* A file of @len bytes, open, that goes when it is closed. */
static struct stoa__csv_input input_of(const char *text, size_t len)
{
	struct stoa__csv_input in;
	struct stoa_error err;
	char name[] = "/tmp/stoa-csv-XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	close(fd);
	assert_int_equal(stoa__csv_input_open(name, &in, &err), STOA_OK);
	in.path = "file.csv";
	unlink(name);
	return in;
}

static const struct stoa__csv_wishes find_out = { .header = -1, .null_text = "" };

static int read_head(const char *text, size_t len, const struct stoa__csv_wishes *wishes,
		     struct stoa__csv_head *h, struct stoa_error *err)
{
	struct stoa__csv_input in = input_of(text, len);
	int rc = stoa__csv_head_read(&in, wishes, h, err);

	stoa__csv_input_close(&in);
	return rc;
}

/* The head of @text as "delimiter header name:type name:type ...". */
static void assert_head(const char *text, const char *want)
{
	struct stoa__csv_head h;
	struct stoa_error err;
	char got[1000];
	size_t n;

	if (read_head(text, strlen(text), &find_out, &h, &err) != STOA_OK)
		fail_msg("%s", err.text);
	n = (size_t)snprintf(got, sizeof got, "%c %d", h.dialect.delimiter, h.header);
	for (size_t i = 0; i < h.n_columns; i++) {
		struct stoa_slot slot;
		char type[32];

		memset(&slot, 0, sizeof slot);
		stoa__csv_infer_slot(&h.infer, i, &slot);
		stoa__type_print(&slot, type, sizeof type);
		n += (size_t)snprintf(got + n, sizeof got - n, " %s:%s", h.names[i], type);
	}
	assert_string_equal(got, want);
	stoa__csv_head_release(&h);
}

static void types_are_the_narrowest_that_hold_every_value(void **state)
{
	(void)state;
	assert_head("x\n1\n-5\n", ", 1 x:i32");
	assert_head("x\n1\n2147483648\n", ", 1 x:i64");
	assert_head("x\n-9223372036854775808\n1\n", ", 1 x:i64");
	assert_head("x\n1\n18446744073709551615\n", ", 1 x:u64");
	assert_head("x\n-1\n18446744073709551615\n", ", 1 x:string");
	assert_head("x\n1.25\n-0.50\n", ", 1 x:decimal(18,2)");
	assert_head("x\n1.25\n0.5\n", ", 1 x:f64");
	assert_head("x\n1.25\n1\n", ", 1 x:f64");
	assert_head("x\n1.23456\n", ", 1 x:f64");
	assert_head("x\n12345678901234567.89\n", ", 1 x:f64");
	assert_head("x\n1e5\n-inf\nnan\n", ", 1 x:f64");
	assert_head("x\n0.5\n12345678901234567\n", ", 1 x:string");
	assert_head("x\ntrue\nFalse\n", ", 1 x:bool");
	assert_head("x\nt\nf\n", ", 1 x:string");
	assert_head("x\n2024-02-29\n", ", 1 x:date");
	assert_head("x\n2023-02-29\n", ", 1 x:string");
	assert_head("x\n2024-02-29\n2024-02-29 10:00\n", ", 1 x:timestamp");
	assert_head("x\n10:00\n23:59:59.5\n", ", 1 x:time");
	assert_head(
		"x\n550e8400-e29b-41d4-a716-446655440000\nabcdef01-e29b-41d4-a716-446655440000\n",
		", 1 x:uuid");
}

static void codes_and_mixtures_stay_text(void **state)
{
	(void)state;
	assert_head("x\n007\n", ", 1 x:string");
	assert_head("x\n1\n01\n", ", 1 x:string");
	assert_head("x\n00.5\n", ", 1 x:string");
	assert_head("x\n+4912345\n", ", 1 x:string");
	assert_head("x\n1\nabc\n", ", 1 x:string");
	assert_head("x\n1.2.3\n", ", 1 x:string");
	assert_head("x\n12-34\n", ", 1 x:string");
	assert_head("x\n2024-01-01\n12\n", ", 1 x:string");
}

static void nulls_say_nothing_of_a_type(void **state)
{
	(void)state;
	assert_head("x,y\n1,\n,\n2,\n", ", 1 x:i32 y:string");
	assert_head("x,y\n\"1\",\"\"\n,2.50\n", ", 1 x:i32 y:decimal(18,2)");
}

static void long_or_mostly_distinct_strings_are_text(void **state)
{
	char *text = malloc(1000000);
	size_t n = (size_t)sprintf(text, "few,many,long\n");

	(void)state;
	for (int i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "v%d,w%d,%s\n", i % 400, i, i == 700 ? "" : "short");
	assert_head(text, ", 1 few:string many:text long:string");
	n += (size_t)sprintf(text + n, "a,b,%0300d\n", 7);
	assert_head(text, ", 1 few:string many:text long:text");
	free(text);
}

static void the_delimiter_is_the_one_that_fits(void **state)
{
	(void)state;
	assert_head("a;b\n1,5;2\n3;4\n", "; 1 a:string b:i32");
	assert_head("a\tb\n1\tx,y\n", "\t 1 a:i32 b:string");
	assert_head("a|b|c\n1|2|3\n", "| 1 a:i32 b:i32 c:i32");
	assert_head("a,b\n\"x;y;z\",1\n\"u;v;w\",2\n", ", 1 a:string b:i32");
	assert_head("alone\n1\n", ", 1 alone:i32");
}

static void a_first_record_of_names_is_a_header(void **state)
{
	(void)state;
	assert_head("name,age\nbob,7\n", ", 1 name:string age:i32");
	assert_head("name,7\nbob,8\n", ", 0 c1:string c2:i32");
	assert_head("name,\nbob,8\n", ", 0 c1:string c2:i32");
	assert_head("a,a\nb,c\n", ", 0 c1:string c2:string");
	assert_head("red,apple\nblue,pear\nred,plum\n", ", 0 c1:string c2:string");
	assert_head("colour,fruit\nred,apple\nred,plum\n", ", 1 colour:string fruit:string");
	assert_head("1,2\n3,4\n", ", 0 c1:i32 c2:i32");
	assert_head("true,x\nfalse,y\n", ", 0 c1:bool c2:string");
	assert_head("a,b\n", ", 1 a:string b:string");
	assert_head("a,b", ", 1 a:string b:string");
}

static void names_lose_their_quotes_and_blanks(void **state)
{
	(void)state;
	assert_head("\"full \"\"name\"\"\", age \r\nbob,7\r\n",
		    ", 1 full \"name\":string age:i32");
	assert_head("\xef\xbb\xbfname,age\nbob,7\n", ", 1 name:string age:i32");
	assert_head("\n\r\n\nname,age\n\nbob,7\n", ", 1 name:string age:i32");
}

static void wishes_settle_what_is_in_doubt(void **state)
{
	static const struct stoa_slot known[] = { { "7", STOA_I32, 0, 0, 0, { 0 }, 0 } };
	struct stoa__csv_wishes w = find_out;
	struct stoa__csv_head h;
	struct stoa_error err;

	(void)state;
	w.header = 0;
	assert_int_equal(read_head("a,b\nc,d\n", 8, &w, &h, &err), STOA_OK);
	assert_false(h.header);
	assert_int_equal(h.offset, 0);
	stoa__csv_head_release(&h);
	w.header = 1;
	assert_int_equal(read_head("1,,3\n4,5,6\n", 11, &w, &h, &err), STOA_OK);
	assert_string_equal(h.names[0], "1");
	assert_string_equal(h.names[1], "c2");
	assert_int_equal(h.offset, 5);
	stoa__csv_head_release(&h);
	w.header = -1;
	w.delimiter = ';';
	assert_int_equal(read_head("a,b\n1,2\n", 8, &w, &h, &err), STOA_OK);
	assert_int_equal(h.n_columns, 1);
	stoa__csv_head_release(&h);
	w = find_out;
	w.known = known;
	w.n_known = 1;
	assert_int_equal(read_head("x,7\ny,8\n", 8, &w, &h, &err), STOA_OK);
	assert_true(h.header);
	stoa__csv_head_release(&h);
}

static void an_empty_file_has_no_columns(void **state)
{
	struct stoa__csv_head h;
	struct stoa_error err;

	(void)state;
	assert_int_equal(read_head("", 0, &find_out, &h, &err), STOA_OK);
	assert_int_equal(h.n_columns, 0);
	stoa__csv_head_release(&h);
	assert_int_equal(read_head("\n\r\n", 3, &find_out, &h, &err), STOA_OK);
	assert_int_equal(h.n_columns, 0);
	stoa__csv_head_release(&h);
}

static void assert_error(const char *text, size_t len, int code, uint64_t line, uint64_t column,
			 const char *words)
{
	struct stoa__csv_wishes w = find_out;
	struct stoa__csv_head h;
	struct stoa_error err;

	w.header = 1;
	assert_int_equal(read_head(text, len, &w, &h, &err), code);
	if (!strstr(err.text, words) || !strstr(err.text, "file.csv"))
		fail_msg("%s", err.text);
	assert_int_equal(err.line, line);
	assert_int_equal(err.column, column);
	assert_null(h.names);
}

static void what_is_wrong_is_told_with_line_and_column(void **state)
{
	static char wide[5000];

	(void)state;
	assert_error("a,b\n1,2\n3\n", 10, STOA_ESYNTAX, 3, 1, "has 1 field and should have 2");
	assert_error("a,b\n\"x\ny\",2\n3,4,5\n", 18, STOA_ESYNTAX, 4, 1, "3 fields");
	assert_error("a,b\n1,\"2\n", 9, STOA_ESYNTAX, 2, 3, "never closed");
	assert_error("a,\"b\n1,2\n", 9, STOA_ESYNTAX, 1, 3, "never closed");
	assert_error("a,b\n1,2\"3\"\n", 11, STOA_ESYNTAX, 2, 4, "quote inside");
	assert_error("a,\"b\"c\n1,2\n", 11, STOA_ESYNTAX, 1, 3, "closing quote");
	assert_error("a,A\n1,2\n", 8, STOA_ESYNTAX, 1, 1, "two columns are called \"A\"");
	assert_error("a,\xff\n1,2\n", 8, STOA_ESYNTAX, 1, 3, "UTF-8");
	assert_error("\xff\xfe""a\0\n\0", 6, STOA_ESYNTAX, 1, 1, "UTF-16");
	memset(wide, ',', 4000);
	assert_error(wide, 4000, STOA_EFULL, 1, 1, "1000 columns");
}

static void further_pieces_of_the_file_are_looked_at(void **state)
{
	size_t n = 0, cap = 12 << 20;
	char *text = malloc(cap + 100);
	struct stoa__csv_head h;
	struct stoa_error err;
	struct stoa_slot slot;

	(void)state;
	assert_non_null(text);
	n += (size_t)sprintf(text, "a,b,c\n");
	while (n < cap)
		n += (size_t)sprintf(text + n, "1,%s,2\n", n < (7 << 20) ? "3" : "4.5");
	n += (size_t)sprintf(text + n, "1,2,last\n");
	assert_int_equal(read_head(text, n, &find_out, &h, &err), STOA_OK);
	stoa__csv_infer_slot(&h.infer, 0, &slot);
	assert_int_equal(slot.type, STOA_I32);
	stoa__csv_infer_slot(&h.infer, 1, &slot);
	assert_int_equal(slot.type, STOA_F64);
	stoa__csv_infer_slot(&h.infer, 2, &slot);
	assert_int_equal(slot.type, STOA_STRING);
	stoa__csv_head_release(&h);
	free(text);
}

static void joining_is_looking_at_both(void **state)
{
	static const char *const values[] = {
		"1",   "-3000000000",          "1.25", "0.5", "2024-01-01", "x", "", "true",
		"007", "18446744073709551615", "1e3"
	};
	const struct stoa__csv_dialect d = { ',', '"', "", 0 };
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct stoa__csv_infer both, a, b;
		struct stoa__csv_fault fault;
		struct stoa_slot want, got;

		memset(&want, 0, sizeof want);
		got = want;
		assert_int_equal(stoa__csv_infer_init(&both, &d, 2), STOA_OK);
		assert_int_equal(stoa__csv_infer_init(&a, &d, 2), STOA_OK);
		assert_int_equal(stoa__csv_infer_init(&b, &d, 2), STOA_OK);
		for (int i = 0; i < 3; i++) {
			struct stoa__csv_infer *part = i == 0 ? &a : &b;
			char room[64 + 100] = { 0 }, *text = room + 64;
			int n = sprintf(text, "%s,\n", values[testing_below(&seed, 11)]);

			assert_int_equal(stoa__csv_infer_text(part, text, (size_t)n, &fault),
					 STOA_OK);
			assert_int_equal(stoa__csv_infer_text(&both, text, (size_t)n, &fault),
					 STOA_OK);
		}
		stoa__csv_infer_join(&a, &b);
		stoa__csv_infer_join(&a, &b);	/* twice is once */
		stoa__csv_infer_slot(&a, 0, &got);
		stoa__csv_infer_slot(&both, 0, &want);
		assert_memory_equal(&got, &want, sizeof got);
		stoa__csv_infer_release(&a);
		stoa__csv_infer_release(&b);
		stoa__csv_infer_release(&both);
	}
}

static void reading_a_head_reports_when_memory_runs_out(void **state)
{
	static const char text[] = "name,age\nbob,7\nann,8\n";
	struct stoa__csv_input in = input_of(text, sizeof text - 1);

	(void)state;
	for (long nth = 0;; nth++) {
		struct stoa__csv_head h;
		struct stoa_error err;
		bool fired;
		int rc;

		stoa__fault_arm(nth, false);
		rc = stoa__csv_head_read(&in, &find_out, &h, &err);
		fired = stoa__fault_disarm();
		assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
		if (!fired) {
			stoa__csv_head_release(&h);
			break;
		}
	}
	stoa__csv_input_close(&in);
}

/* Any bytes at all: a head or an error, never a crash. */
static void random_files_do_no_harm(void **state)
{
	uint64_t seed = testing_seed();

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct stoa__csv_wishes w = find_out;
		struct stoa__csv_head h;
		char text[300];
		size_t len = testing_below(&seed, sizeof text);

		for (size_t i = 0; i < len; i++)
			text[i] = testing_below(&seed, 30) ?
					  ",;|\n\"1a.-\r"[testing_below(&seed, 10)] :
					  (char)testing_random(&seed);
		w.header = (int)testing_below(&seed, 3) - 1;
		if (read_head(text, len, &w, &h, NULL) == STOA_OK)
			stoa__csv_head_release(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(types_are_the_narrowest_that_hold_every_value),
		cmocka_unit_test(codes_and_mixtures_stay_text),
		cmocka_unit_test(nulls_say_nothing_of_a_type),
		cmocka_unit_test(long_or_mostly_distinct_strings_are_text),
		cmocka_unit_test(the_delimiter_is_the_one_that_fits),
		cmocka_unit_test(a_first_record_of_names_is_a_header),
		cmocka_unit_test(names_lose_their_quotes_and_blanks),
		cmocka_unit_test(wishes_settle_what_is_in_doubt),
		cmocka_unit_test(an_empty_file_has_no_columns),
		cmocka_unit_test(what_is_wrong_is_told_with_line_and_column),
		cmocka_unit_test(further_pieces_of_the_file_are_looked_at),
		cmocka_unit_test(joining_is_looking_at_both),
		cmocka_unit_test(reading_a_head_reports_when_memory_runs_out),
		cmocka_unit_test(random_files_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
