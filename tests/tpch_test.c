/* SPDX-License-Identifier: MIT */
/*
 * tpch_test.c - the generator of TPC-H against what is published of the qualification database
 */
#include "testing.h"

#include "../bench/tpch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---- the other six tables ---- */

static const char *rows_csv(enum tpch_table table, uint64_t number, const struct tpch_text *text)
{
	static char csv[TPCH_ROW_MAX];
	struct tpch_rows g;
	struct tpch_row row;

	tpch_rows_init(&g, table, 1, number, text);
	assert_true(tpch_rows_next(&g, &row));
	if (text == &fake)
		row.n_fields--; /* all but the comment */
	*tpch_csv_row(csv, &row) = 0;
	return csv;
}

static void rows_of_small_tables_are_those_of_the_qualification_database(void **state)
{
	static const struct {
		enum tpch_table table;
		uint64_t number;
		const char *csv;
	} rows[] = {
		{ TPCH_REGION, 4, "4,MIDDLE EAST\n" },
		{ TPCH_NATION, 24, "24,UNITED STATES,1\n" },
		{ TPCH_PART, 0,
		  "1,goldenrod lavender spring chocolate lace,Manufacturer#1,Brand#13,"
		  "PROMO BURNISHED COPPER,7,JUMBO PKG,901.00\n" },
		{ TPCH_PART, 1,
		  "2,blush thistle blue yellow saddle,Manufacturer#1,Brand#13,"
		  "LARGE BRUSHED BRASS,1,LG CASE,902.00\n" },
		{ TPCH_SUPPLIER, 0,
		  "1,Supplier#000000001,\" N kD4on9OM Ipw3,gf0JBoQDd7tgrzrddZ\",17,"
		  "27-918-335-1736,5755.94\n" },
		{ TPCH_PARTSUPP, 1, "1,2502,8076,993.49\n" },
		{ TPCH_CUSTOMER, 0,
		  "1,Customer#000000001,\"IVhzIApeRb ot,c,E\",15,25-989-741-2988,711.56,"
		  "BUILDING\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(rows_csv(rows[i].table, rows[i].number, &fake), rows[i].csv);
}

static void a_table_ends_after_its_number_of_rows(void **state)
{
	static const uint64_t counts[TPCH_N_TABLES] = {
		[TPCH_REGION] = 5,    [TPCH_NATION] = 25,     [TPCH_PART] = 2000,
		[TPCH_SUPPLIER] = 100, [TPCH_PARTSUPP] = 8000, [TPCH_CUSTOMER] = 1500,
	};
	/* Points into the pool are not followed. */
	struct tpch_text nowhere = { fake_text };
	struct tpch_rows g;
	struct tpch_row row;

	(void)state;
	for (int t = 0; t < TPCH_N_TABLES; t++) {
		uint64_t n = 0;

		if (t == TPCH_SUPPLIER)
			continue; /* some of its comments are read: in the long form */
		tpch_rows_init(&g, (enum tpch_table)t, 0.01, 0, &nowhere);
		while (tpch_rows_next(&g, &row))
			n++;
		assert_int_equal(n, counts[t]);
		assert_int_equal(tpch_rows_count((enum tpch_table)t, 0.01), counts[t]);
	}
	tpch_rows_init(&g, TPCH_SUPPLIER, 0.01, 100, &nowhere);
	assert_false(tpch_rows_next(&g, &row));
}

/* MD5 of rows in the form of the specification's generator: a bar after each field. */
static void checksum(enum tpch_table table, double sf, uint64_t first, uint64_t n,
		     const struct tpch_text *text, char md5[33])
{
	char path[] = "tpch_test.md5.XXXXXX", command[64];
	int fd = mkstemp(path);
	struct tpch_rows g;
	struct tpch_row row;

	assert_true(fd >= 0);
	snprintf(command, sizeof(command), "md5sum >%s", path);
	FILE *sum = popen(command, "w");
	assert_non_null(sum);
	tpch_rows_init(&g, table, sf, first, text);
	for (uint64_t i = 0; i < n && tpch_rows_next(&g, &row); i++) {
		for (int k = 0; k < row.n_fields; k++) {
			fwrite(row.fields[k].text, 1, row.fields[k].len, sum);
			putc('|', sum);
		}
		putc('\n', sum);
	}
	assert_int_equal(pclose(sum), 0);
	assert_int_equal(read(fd, md5, 32), 32);
	md5[32] = 0;
	close(fd);
	unlink(path);
}

/*
 * Those that the Trino project publishes with its generator (trinodb/tpch, Apache 2.0), which were
 * made with the specification's own: the rows of a part of the table, by its number among @parts.
 */
static void small_tables_have_the_published_checksums(void **state)
{
	static const struct {
		enum tpch_table table;
		double sf;
		uint64_t part, parts;
		const char *md5;
	} sums[] = {
		{ TPCH_REGION, 1, 1, 1, "c235841b00d29ad4f817771fcc851207" },
		{ TPCH_NATION, 1, 1, 1, "2f588e0b7fa72939b498c2abecd9fbbe" },
		{ TPCH_PART, 1, 1, 2000, "27b15018efa5a4df3c634c2479001474" },
		{ TPCH_PART, 1, 666, 2000, "b8ac268c84833599e0ec8a3e6e2a4d0c" },
		{ TPCH_PART, 1, 2000, 2000, "c1368b797ba0db13e354943b27c6fd6b" },
		{ TPCH_PART, 1000, 1333332, 2000000, "1b22868e076d192e79e0f8f97bd63ac4" },
		{ TPCH_SUPPLIER, 1, 1, 100, "56e0621c472064c2a998757c70b44043" },
		{ TPCH_SUPPLIER, 1, 32, 100, "b204aa1b70ee6afb0255d3ee3009dbc7" },
		{ TPCH_SUPPLIER, 1, 64, 100, "2794af79b950dd584343060a8da35c31" },
		{ TPCH_SUPPLIER, 1, 96, 100, "f723456dc2c6e2787d088896dd5fee3d" },
		{ TPCH_SUPPLIER, 1, 100, 100, "1c94e08eb316a3a6295b52362b558f26" },
		{ TPCH_SUPPLIER, 100, 3332, 10000, "b612bd669b3604f06f30068621a73d6b" },
		{ TPCH_SUPPLIER, 100, 6664, 10000, "9b546c441fcb23feefff457692c8d316" },
		{ TPCH_SUPPLIER, 100, 9996, 10000, "552b0582f45fc57c46b185a6e3250729" },
		{ TPCH_PARTSUPP, 1, 1, 8000, "b18d9663a9f6316c73040c131299be01" },
		{ TPCH_PARTSUPP, 1, 5332, 8000, "5b74231816342343d1a9b3e61d49539a" },
		{ TPCH_PARTSUPP, 100, 533332, 800000, "7e91c159eb8f3eed31291b186e2cbaf5" },
		{ TPCH_CUSTOMER, 1, 1, 1500, "899926b535e47a5c3ae6096bfe29d210" },
		{ TPCH_CUSTOMER, 1, 998, 1500, "4b9debf0a7933b13d496a9f6ab4f59cf" },
		{ TPCH_CUSTOMER, 1000, 1499997, 1500000, "5223171ceda654330b35e46f3ce6eefd" },
	};
	struct tpch_text text;
	char md5[33];

	(void)state;
	if (!testing_long())
		skip();
	assert_true(tpch_text_init(&text));
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
		uint64_t n = tpch_rows_count(sums[i].table, sums[i].sf) / sums[i].parts;

		checksum(sums[i].table, sums[i].sf, n * (sums[i].part - 1), n, &text, md5);
		if (strcmp(md5, sums[i].md5) != 0)
			print_message("%s, part %d\n", tpch_names[sums[i].table], (int)sums[i].part);
		assert_string_equal(md5, sums[i].md5);
	}
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
		cmocka_unit_test(rows_of_small_tables_are_those_of_the_qualification_database),
		cmocka_unit_test(a_table_ends_after_its_number_of_rows),
		cmocka_unit_test(small_tables_have_the_published_checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
