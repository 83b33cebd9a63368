/* SPDX-License-Identifier: MIT */
/*
 * tpch_test.c - the generator of TPC-H against what is published of the qualification database
 */
#include "testing.h"

#include "../bench/tpch.h"

#include <stdio.h>
#include <string.h>

/* Comments are cut from this instead of the pool, which takes long to make. */
static char fake_text[] = "no comma,";
static const struct tpch_text fake = { fake_text };

static const char *csv_line(struct tpch_line line, uint32_t comment_len)
{
	static char row[TPCH_ROW_MAX];

	line.comment = (struct tpch_comment){ 0, comment_len };
	*tpch_csv_line(row, &line, &fake) = 0;
	return row;
}

static void rows_are_those_of_the_qualification_database(void **state)
{
	struct tpch_orders g;
	struct tpch_order o;
	char row[TPCH_ROW_MAX];

	(void)state;
	tpch_orders_init(&g, 1, 0);
	assert_true(tpch_orders_next(&g, &o));
	assert_int_equal(o.n_lines, 6);
	assert_string_equal(csv_line(o.lines[0], 8),
			    "1,155190,7706,1,17,21168.23,0.04,0.02,N,O,1996-03-13,1996-02-12,"
			    "1996-03-22,DELIVER IN PERSON,TRUCK,no comma\n");
	assert_string_equal(csv_line(o.lines[1], 9),
			    "1,67310,7311,2,36,45983.16,0.09,0.06,N,O,1996-04-12,1996-02-28,"
			    "1996-04-20,TAKE BACK RETURN,MAIL,\"no comma,\"\n");
	o.comment = (struct tpch_comment){ 0, 8 };
	*tpch_csv_order(row, &o, &fake) = 0;
	assert_string_equal(row, "1,36901,O,173665.47,1996-01-02,5-LOW,Clerk#000000951,0,no comma\n");
	assert_true(tpch_orders_next(&g, &o));
	assert_true(tpch_orders_next(&g, &o));
	assert_int_equal(o.totalprice, 19384625);
	assert_string_equal(csv_line(o.lines[0], 8),
			    "3,4297,1798,1,45,54058.05,0.06,0.00,R,F,1994-02-02,1994-01-04,"
			    "1994-02-23,NONE,AIR,no comma\n");
}

static uint64_t count_lines(double sf)
{
	struct tpch_orders g;
	struct tpch_order o;
	uint64_t n = 0;

	tpch_orders_init(&g, sf, 0);
	while (tpch_orders_next(&g, &o))
		n += (uint64_t)o.n_lines;
	return n;
}

static void lineitem_has_the_published_number_of_rows(void **state)
{
	(void)state;
	assert_int_equal(count_lines(0.01), 60175);
	assert_int_equal(count_lines(0.1), 600572);
	if (testing_long())
		assert_int_equal(count_lines(1), 6001215);
}

static void any_range_of_orders_can_be_made_by_itself(void **state)
{
	uint64_t random = testing_seed();
	static struct tpch_order all[2000], one;
	struct tpch_orders g;

	(void)state;
	memset(all, 0, sizeof(all));
	tpch_orders_init(&g, 0.01, 0);
	for (size_t i = 0; i < 2000; i++)
		assert_true(tpch_orders_next(&g, &all[i]));
	for (int i = 0; i < 200; i++) {
		uint64_t n = testing_below(&random, 2000);

		memset(&one, 0, sizeof(one));
		tpch_orders_init(&g, 0.01, n);
		assert_true(tpch_orders_next(&g, &one));
		assert_memory_equal(&one, &all[n], offsetof(struct tpch_order, lines));
		for (int k = 0; k < one.n_lines; k++)
			assert_string_equal(csv_line(one.lines[k], 1), csv_line(all[n].lines[k], 1));
	}
}

static void nothing_comes_after_the_last_order(void **state)
{
	struct tpch_orders g;
	struct tpch_order o;

	(void)state;
	tpch_orders_init(&g, 0.001, 1499);
	assert_true(tpch_orders_next(&g, &o));
	assert_false(tpch_orders_next(&g, &o));
	assert_false(tpch_orders_next(&g, &o));
}

static void dates_are_right_around_leap_days(void **state)
{
	static const struct {
		int32_t days;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01" },	 { 789, "1972-02-29" },	 { 8035, "1992-01-01" },
		{ 9298, "1995-06-17" },	 { 11016, "2000-02-29" }, { 11017, "2000-03-01" },
		{ 10956, "1999-12-31" }, { 10591, "1998-12-31" },
	};
	char text[11] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		tpch_date(text, cases[i].days);
		assert_string_equal(text, cases[i].text);
	}
}

static void text_is_made_of_sentences(void **state)
{
	static const char first[] =
		"furiously special foxes haggle furiously blithely ironic deposits. slyly final "
		"theodolites boost slyly even asymptotes. carefully final foxes wake furiously "
		"around the furiously bold deposits. foxes around the pending, special theodolites "
		"believe about the special accounts. ";
	static char text[4096 + 512];

	(void)state;
	tpch_text_fill(text, 4096);
	assert_memory_equal(text, first, sizeof(first) - 1);
	text[4096] = 0;
	assert_null(strstr(text, "  "));
	assert_null(strstr(text, " ."));
}

/* The pool as a whole: the comments that are published lie far apart in it. */
static void comments_are_those_of_the_qualification_database(void **state)
{
	struct tpch_orders g;
	struct tpch_order o;
	struct tpch_text text;

	(void)state;
	if (!testing_long())
		skip();
	assert_true(tpch_text_init(&text));
	tpch_orders_init(&g, 1, 0);
	assert_true(tpch_orders_next(&g, &o));
	assert_memory_equal(text.bytes + o.comment.offset, "nstructions sleep furiously among ",
			    o.comment.len);
	assert_memory_equal(text.bytes + o.lines[0].comment.offset, "egular courts above the",
			    o.lines[0].comment.len);
	assert_memory_equal(text.bytes + o.lines[1].comment.offset,
			    "ly final dependencies: slyly bold ", o.lines[1].comment.len);
	tpch_text_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_those_of_the_qualification_database),
		cmocka_unit_test(lineitem_has_the_published_number_of_rows),
		cmocka_unit_test(any_range_of_orders_can_be_made_by_itself),
		cmocka_unit_test(nothing_comes_after_the_last_order),
		cmocka_unit_test(dates_are_right_around_leap_days),
		cmocka_unit_test(text_is_made_of_sentences),
		cmocka_unit_test(comments_are_those_of_the_qualification_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
