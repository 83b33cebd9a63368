/* SPDX-License-Identifier: MIT */
/*
 * query_test.c - the query engine over tables in arrays: answers, laziness, errors, memory that
 * runs out
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "array_source.h"
#include "show.h"

/* ---- a small table with one of everything ---------------------------------------------------- */

static struct stoa_slot things_slots[] = {
	{ .name = "id", .type = STOA_I32, .flags = STOA_NOT_NULL },
	{ .name = "name", .type = STOA_STRING },
	{ .name = "price", .type = STOA_DECIMAL, .precision = 12, .scale = 2 },
	{ .name = "weight", .type = STOA_F64 },
	{ .name = "made", .type = STOA_DATE },
	{ .name = "sold", .type = STOA_TIMESTAMP },
	{ .name = "fine", .type = STOA_BOOL },
	{ .name = "n8", .type = STOA_U8 },
	{ .name = "big", .type = STOA_U64 },
	{ .name = "note", .type = STOA_TEXT },
};
#define N_SLOTS (sizeof things_slots / sizeof *things_slots)
#define N_ROWS 6

static struct stoa_value typed(unsigned type, int64_t x)
{
	struct stoa_value v = stoa_i64(x);
	v.type = (uint8_t)type;
	return v;
}

static struct stoa_value str(const char *s)
{
	struct stoa_value v = stoa_text(s);
	v.type = STOA_STRING;
	return v;
}

/*
 *  id name   price  weight made        sold                 fine  n8  big   note
 *  1  tea    2.50   0.5    2026-01-31  2026-01-31 10:00:00  true  1   2^63  leaves
 *  2  coffee 7.25   1.5    2026-02-28  NULL                 false 255 0     100% beans
 *  3  NULL   NULL   NULL   NULL        NULL                 NULL  NULL NULL NULL
 *  4  tea    2.75   0.25   2025-12-31  2025-12-31 23:59:59  true  7   1     a_b
 *  5  milk   0.99   NaN    2026-01-01  2026-01-01 00:00:00  false 7   7     ''
 *  6  tea    10.00  -3     2024-02-29  2024-02-29 12:30:15.5 NULL 0   NULL  ünï
 */
static struct stoa_value things_values[N_ROWS * N_SLOTS];
static struct array_table things = { .name = "things", .slots = things_slots, .n_slots = N_SLOTS,
				     .values = things_values, .n_rows = N_ROWS, .group_rows = 4,
				     .batch_rows = 3 };
static struct array_tables tables;

static void put_row(size_t row, const struct stoa_value *v)
{
	memcpy(&things_values[row * N_SLOTS], v, N_SLOTS * sizeof *v);
}

#define DAY INT64_C(86400000000)
static int make_tables(void **state)
{
	const struct stoa_value null = stoa_null();

	(void)state;
	put_row(0, (struct stoa_value[]){ typed(STOA_I32, 1), str("tea"), stoa_decimal(250, 2),
		stoa_f64(0.5), typed(STOA_DATE, 20484), typed(STOA_TIMESTAMP, 20484 * DAY + 36000000000),
		stoa_bool(true), typed(STOA_U8, 1), stoa_u64(UINT64_C(1) << 63), stoa_text("leaves") });
	put_row(1, (struct stoa_value[]){ typed(STOA_I32, 2), str("coffee"), stoa_decimal(725, 2),
		stoa_f64(1.5), typed(STOA_DATE, 20512), null, stoa_bool(false), typed(STOA_U8, 255),
		stoa_u64(0), stoa_text("100% beans") });
	put_row(2, (struct stoa_value[]){ typed(STOA_I32, 3), null, null, null, null, null, null, null,
		null, null });
	put_row(3, (struct stoa_value[]){ typed(STOA_I32, 4), str("tea"), stoa_decimal(275, 2),
		stoa_f64(0.25), typed(STOA_DATE, 20453), typed(STOA_TIMESTAMP, 20454 * DAY - 1000000),
		stoa_bool(true), typed(STOA_U8, 7), stoa_u64(1), stoa_text("a_b") });
	put_row(4, (struct stoa_value[]){ typed(STOA_I32, 5), str("milk"), stoa_decimal(99, 2),
		stoa_f64(__builtin_nan("")), typed(STOA_DATE, 20454), typed(STOA_TIMESTAMP, 20454 * DAY),
		stoa_bool(false), typed(STOA_U8, 7), stoa_u64(7), stoa_text("") });
	put_row(5, (struct stoa_value[]){ typed(STOA_I32, 6), str("tea"), stoa_decimal(1000, 2),
		stoa_f64(-3), typed(STOA_DATE, 19782),
		typed(STOA_TIMESTAMP, 19782 * DAY + 45015500000), null, typed(STOA_U8, 0), null,
		stoa_text("\xc3\xbcn\xc3\xaf") });
	array_tables_init(&tables, &things, 1);
	return 0;
}

/* ---- tables of queries and answers ----------------------------------------------------------- */

/* An example that succeeds ends with its rows: the rest of the struct is zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
struct example {
	const char *sql;
	const char *rows;	/* one line a row; or NULL: then it fails with ... */
	int code;
	unsigned line, column;
};

static void check_example(const struct example *e)
{
	struct stoa_error err;
	char *got = array_query(&tables, e->sql, NULL, 0, &err);

	if (e->rows) {
		if (!got)
			fail_msg("%s\n-> %s (%u:%u)", e->sql, err.text, (unsigned)err.line,
				 (unsigned)err.column);
		if (strcmp(got, e->rows) != 0)
			fail_msg("%s\n-> %s\nnot %s", e->sql, got, e->rows);
	} else {
		if (got)
			fail_msg("%s\n-> %s\nwhere an error is due", e->sql, got);
		if (err.code != e->code || (e->line && err.line != e->line) ||
		    (e->column && err.column != e->column))
			fail_msg("%s\n-> %s at %u:%u: %s", e->sql, stoa_result_name(err.code),
				 (unsigned)err.line, (unsigned)err.column, err.text);
	}
	free(got);
	assert_int_equal(things.n_open, 0);
}

/* Each over several ways to cut the table up. */
static void check_examples(const struct example *e, size_t n)
{
	static const size_t cuts[][2] = { { 4, 3 }, { 6, 6 }, { 1, 1 }, { 6, 2 } };

	for (size_t c = 0; c < 4; c++) {
		things.group_rows = cuts[c][0];
		things.batch_rows = cuts[c][1];
		for (size_t i = 0; i < n; i++)
			check_example(&e[i]);
	}
}
#define CHECK(examples) check_examples(examples, sizeof(examples) / sizeof *(examples))

static void arithmetic_is_that_of_postgresql(void **state)
{
	static const struct example e[] = {
		{ "select 1 + 2 * 3 - 4", "3\n" },
		{ "select 7 / 2, -7 / 2, 7 % 3, -7 % 3, 7 % -3", "3|-3|1|-1|1\n" },
		{ "select 1.5 + 1, 2.25 * 2, 0.1 + 0.2, 1.10 * 1.10", "2.5|4.50|0.3|1.2100\n" },
		{ "select 1.0 / 4, 1 / 4.0, 2 ^ 10, 10 % 4.5", "0.25|0.25|1024|1.0\n" },
		{ "select -(-5), +3, - 2.5, 2 - -2", "5|3|-2.5|4\n" },
		{ "select -9223372036854775808, 9223372036854775807",
		  "-9223372036854775808|9223372036854775807\n" },
		{ "select 1e2, 1.5e-1, .5, 5.", "100|0.15|0.5|5\n" },
		{ "select 18446744073709551615", "18446744073709551615\n" },
		{ "select 9223372036854775807 + 1", NULL, STOA_ERANGE, 1, 28 },
		{ "select -9223372036854775808 - 1", NULL, STOA_ERANGE, 0, 0 },
		{ "select 9223372036854775807 * 2", NULL, STOA_ERANGE, 0, 0 },
		{ "select -(-9223372036854775807 - 1)", NULL, STOA_ERANGE, 0, 0 },
		{ "select (-9223372036854775807 - 1) / -1", NULL, STOA_ERANGE, 0, 0 },
		{ "select (-9223372036854775807 - 1) % -1", "0\n" },
		{ "select 1 / 0", NULL, STOA_EDIVZERO, 1, 10 },
		{ "select\n  1.0 / 0", NULL, STOA_EDIVZERO, 2, 7 },
		{ "select 1 % 0", NULL, STOA_EDIVZERO, 0, 0 },
		{ "select 1e308 * 10", NULL, STOA_ERANGE, 0, 0 },
		{ "select 999999999999999999.0 + 1", "1e+18\n" },	/* too long for a decimal */
		{ "select 999999999999999999. + 1.", NULL, STOA_ERANGE, 0, 0 },
		{ "select 0.1234567890 * 0.1234567890", NULL, STOA_ERANGE, 1, 21 },
		{ "select null + 1, 1 / null, -null", "~|~|~\n" },
		{ "select '3' + 4, 4 - '1', 1.5 * '2'", "7|3|3.00\n" },
		{ "select 'x' + 4", NULL, STOA_ETYPE, 1, 12 },
		{ "select true + 1", NULL, STOA_ETYPE, 1, 13 },
		{ "select id * price from things order by id", "2.50\n14.50\n~\n11.00\n4.95\n60.00\n" },
		{ "select price * (1 - price) from things where id = 1", "-3.7500\n" },
		{ "select 10 / (id - 3) from things where id <> 3 order by id", "-5\n-10\n10\n5\n3\n" },
		{ "select 10 / (id - 3) from things", NULL, STOA_EDIVZERO, 1, 11 },
		{ "select id from things where id <> 3 and 10 / (id - 3) > 4 order by 1", "4\n5\n" },
		{ "select id from things where id = 3 or 10 / (id - 3) > 4 order by 1", "3\n4\n5\n" },
		{ "select case when id = 3 then 0 else 10 / (id - 3) end from things order by id",
		  "-5\n-10\n0\n10\n5\n3\n" },
		{ "select coalesce(nullif(id, 3) / id, 10 / (id - 2)) from things order by id",
		  "1\n1\n10\n1\n1\n1\n" },
		{ "select case when false then 1 / 0 end", "~\n" },
		{ "select 1 / 0 from things limit 0", "" },
		{ "select n8 + 1, n8 * n8 from things where id = 2", "256|65025\n" },
		{ "select big from things where id = 1", "9223372036854775808\n" },
		{ "select big + 1 from things where id = 1", NULL, STOA_ERANGE, 0, 0 },
		{ "select big + 1 from things where id = 4", "2\n" },
	};

	(void)state;
	CHECK(e);
}

static void logic_has_three_values(void **state)
{
	static const struct example e[] = {
		{ "select true and null, false and null, null and null", "~|false|~\n" },
		{ "select true or null, false or null, not null", "true|~|~\n" },
		{ "select null = null, null <> 1, null is null, 1 is not null", "~|~|true|true\n" },
		{ "select null is distinct from null, 1 is distinct from null, 1 is distinct from 1",
		  "false|true|false\n" },
		{ "select 1 is not distinct from 1, null is not distinct from 1", "true|false\n" },
		{ "select null is true, true is true, false is not true, null is unknown, false is false",
		  "false|true|true|true|true\n" },
		{ "select 1 in (1, null), 2 in (1, null), 2 not in (1, null), null in (1), 1 in (2, 3)",
		  "true|~|~|~|false\n" },
		{ "select 2 between 1 and 3, 2 not between 1 and 3, 2 between 3 and 1, null between 1 and 2",
		  "true|false|false|~\n" },
		{ "select id from things where fine order by id", "1\n4\n" },
		{ "select id from things where not fine order by id", "2\n5\n" },
		{ "select id from things where fine is null order by id", "3\n6\n" },
		{ "select id from things where fine is not true order by id", "2\n3\n5\n6\n" },
		{ "select fine and id > 1, fine or id > 4 from things order by id",
		  "false|true\nfalse|false\n~|~\ntrue|true\nfalse|true\n~|true\n" },
		{ "select not fine, fine = true, fine <> false from things where id < 4 order by id",
		  "false|true|true\ntrue|false|false\n~|~|~\n" },
		{ "select id from things where name = 'tea' and price > 2.6 order by id", "4\n6\n" },
		{ "select id from things where name <> 'tea' order by id", "2\n5\n" },
		{ "select id from things where name in ('milk', 'coffee') order by id", "2\n5\n" },
		{ "select id from things where name not in ('milk', 'coffee') order by id", "1\n4\n6\n" },
		{ "select id from things where name in ('milk', null) order by id", "5\n" },
		{ "select id from things where name is null", "3\n" },
		{ "select id from things where coalesce(name, 'none') = 'none'", "3\n" },
		{ "select id from things where id in (1, 2.0, '3') order by id", "1\n2\n3\n" },
		{ "select id from things where id in (id, 7) and id not in (1, id + 1) order by id",
		  "2\n3\n4\n5\n6\n" },
		{ "select id from things where null", "" },
		{ "select id from things where 'true' and id = 1", "1\n" },
		{ "select 1 where 1 = 2", "" },
		{ "select id from things where id", NULL, STOA_ETYPE, 1, 29 },
		{ "select 1 and true", NULL, STOA_ETYPE, 1, 8 },
	};

	(void)state;
	CHECK(e);
}

static void comparisons_meet_in_one_type(void **state)
{
	static const struct example e[] = {
		{ "select 1 = 1.0, 1 < 1.5, 1.50 = 1.5, 2 > 1e0, '10' = 10, '1.5' < 2.0",
		  "true|true|true|true|true|true\n" },
		{ "select id from things where price = 2.5", "1\n" },
		{ "select id from things where price > 2.505 and price < 7.2500001 order by id", "2\n4\n" },
		{ "select id from things where price >= 10", "6\n" },
		{ "select id from things where price between 1 and 2.75 order by id", "1\n4\n" },
		{ "select id from things where id < 2.5 order by id", "1\n2\n" },
		{ "select id from things where id = 2.5", "" },
		{ "select id from things where weight > 1 order by id", "2\n5\n" },
		{ "select id from things where weight = 'NaN'", "5\n" },
		{ "select id from things where weight < 'NaN' order by id", "1\n2\n4\n6\n" },
		{ "select id from things where weight in (0.5, 'NaN') order by id", "1\n5\n" },
		{ "select id from things where big > -1 order by id", "1\n2\n4\n5\n" },
		{ "select id from things where big < -1 or big = -1", "" },
		{ "select id from things where big <> -1 order by id", "1\n2\n4\n5\n" },
		{ "select id from things where big = 9223372036854775808", "1\n" },
		{ "select id from things where big in (1, 7, -1, 9223372036854775808) order by id",
		  "1\n4\n5\n" },
		{ "select id from things where id < 18446744073709551615 order by id",
		  "1\n2\n3\n4\n5\n6\n" },
		{ "select id from things where id >= 18446744073709551615", "" },
		{ "select id from things where n8 = 255", "2\n" },
		{ "select id from things where n8 < 1000 and n8 > -5 order by id", "1\n2\n4\n5\n6\n" },
		{ "select id from things where made > date '2026-01-01' order by id", "1\n2\n" },
		{ "select id from things where made = '2026-01-01'", "5\n" },
		{ "select id from things where made < timestamp '2026-01-01 00:00:01' order by id",
		  "4\n5\n6\n" },
		{ "select id from things where sold >= date '2026-01-01' order by id", "1\n5\n" },
		{ "select id from things where made = sold", "5\n" },
		{ "select id from things where name > 'm' order by id", "1\n4\n5\n6\n" },
		{ "select id from things where name = note", "" },
		{ "select 'a' < 'b', 'a' < 'B', 'ab' > 'a', '' < 'a'", "true|false|true|true\n" },
		{ "select id from things where name = 3", NULL, STOA_ETYPE, 1, 34 },
		{ "select id from things where made = 3", NULL, STOA_ETYPE, 1, 34 },
		{ "select id from things where made = '2026-13-01'", NULL, STOA_ETYPE, 1, 34 },
		{ "select true < false, true = true", "false|true\n" },
		{ "select uuid '6ba7b810-9dad-11d1-80b4-00c04fd430c8' < "
		  "'6ba7b811-9dad-11d1-80b4-00c04fd430c8'", "true\n" },
		{ "select x'00ff' = x'00FF', x'01' > x'00ff'", "true|true\n" },
	};

	(void)state;
	CHECK(e);
}

static void strings_have_their_functions(void **state)
{
	static const struct example e[] = {
		{ "select 'a' || 'b' || 1, 'x' || null, 1.50 || 'y'", "ab1|~|1.50y\n" },
		{ "select length('ünï'), octet_length('ünï'), upper('aBü'), lower('ABC')",
		  "3|5|ABÜ|abc\n" },
		{ "select upper('straße, žлω'), lower('ÀÉȺ ŽЛΩ'), octet_length(lower('Ⱥ')), upper('')",
		  "STRAẞE, ŽЛΩ|àéⱥ žлω|3|\n" },
		{ "select initcap('élan VITAL o''NEIL 3d ÎLE-de'), upper('東京')", "Élan Vital O'Neil 3d Île-De|東京\n" },
		{ "select substr('alphabet', 3), substr('alphabet', 3, 2), substring('alphabet' from 3 for 2)",
		  "phabet|ph|ph\n" },
		{ "select substr('ünïx', 2, 2), substr('abc', 0, 2), substr('abc', -1), substr('abc', 5)",
		  "nï|a|abc|\n" },
		{ "select substr('abc', 1, -1)", NULL, STOA_EINVAL, 1, 8 },
		{ "select trim('  a '), ltrim('xxa', 'x'), rtrim('axy', 'yx'), trim(both 'x' from 'xax'), "
		  "trim(leading from '  a')", "a|a|a|a|a\n" },
		{ "select replace('banana', 'an', 'x'), replace('abc', '', 'x'), strpos('ünïn', 'ï'), "
		  "strpos('abc', 'd'), strpos('abc', '')", "bxxa|abc|3|0|1\n" },
		{ "select left('abc', 2), right('abc', 2), left('abc', -1), right('abc', -1), reverse('aü')",
		  "ab|bc|ab|bc|üa\n" },
		{ "select lpad('7', 3, '0'), rpad('ab', 4), lpad('abc', 2), repeat('ab', 3), repeat('a', -1)",
		  "007|ab  |ab|ababab|\n" },
		{ "select repeat('abcdefgh', 1000000000)", NULL, STOA_ERANGE, 1, 8 },
		{ "select concat('a', null, 1, true), concat_ws('-', 'a', null, 'b'), split_part('a,b,c', ',', 2)",
		  "a1true|a-b|b\n" },
		{ "select starts_with('abc', 'ab'), ascii('ü'), chr(252), initcap('hello wORLD')",
		  "true|252|ü|Hello World\n" },
		{ "select 'abc' like 'a%', 'abc' like '_b_', 'abc' like 'b', 'ABC' ilike 'a%', 'abc' not like 'a%'",
		  "true|true|false|true|false\n" },
		{ "select '100%' like '100\\%', '100%' like '100#%' escape '#', 'a\\b' like 'a\\b' escape ''",
		  "true|true|true\n" },
		{ "select 'aXbXc' like '%X%c', '' like '%', '' like '_', 'mississippi' like '%iss%ip%'",
		  "true|true|false|true\n" },
		{ "select 'ü' like '_', null like 'a', 'a' like null", "true|~|~\n" },
		{ "select 'ÉTÉ' ilike 'été', 'été' ilike '_T%', '50% É' ilike '50\\% é', 'ÉTÉ' like 'été', "
		  "'\u212a' ilike 'k'", "true|true|true|false|true\n" },
		{ "select 'a' like 'a\\'", NULL, STOA_EINVAL, 1, 12 },
		{ "select 'a' like 'a' escape 'ab'", NULL, STOA_EINVAL, 1, 12 },
		{ "select id from things where note like '%\\%%'", "2\n" },
		{ "select id from things where note like '%!_%' escape '!'", "4\n" },
		{ "select id from things where name like 't%' or name like '%k' order by id", "1\n4\n5\n6\n" },
		{ "select upper(name) || '!' from things where id < 4 order by id", "TEA!\nCOFFEE!\n~\n" },
		{ "select distinct length(name) from things order by 1", "3\n4\n6\n~\n" },
		{ "select name, nullif(name, 'tea') from things where id in (1, 2) order by id",
		  "tea|~\ncoffee|coffee\n" },
		{ "select case name when 'tea' then 'T' when 'milk' then 'M' else '?' end from things order by id",
		  "T\n?\n?\nT\nM\nT\n" },
		{ "select length(3)", NULL, STOA_ETYPE, 1, 8 },
		{ "select nosuch('a')", NULL, STOA_ENOTFOUND, 1, 8 },
		{ "select substr('a')", NULL, STOA_ETYPE, 1, 8 },
		{ "select 1 || 2", NULL, STOA_ETYPE, 1, 10 },
	};

	(void)state;
	CHECK(e);
}

static void numbers_have_their_functions(void **state)
{
	static const struct example e[] = {
		{ "select abs(-5), abs(-2.5), abs(-1e1), abs(null)", "5|2.5|10|~\n" },
		{ "select round(2.5), round(-2.5), round(2.345, 2), round(1.5, 3), round(7)",
		  "3|-3|2.35|1.500|7\n" },
		{ "select round(2.5e0), round(3.5e0), round(1.2345e0, 2), trunc(-2.7), trunc(2.79, 1)",
		  "2|4|1.23|-2|2.7\n" },
		{ "select floor(-1.5), ceil(-1.5), floor(1.5e0), ceil(1.2), floor(3)", "-2|-1|1|2|3\n" },
		{ "select sqrt(16), power(2, 3), mod(7, 3), mod(-7.5, 2), sign(-3)", "4|8|1|-1.5|-1\n" },
		{ "select sqrt(-1)", NULL, STOA_ERANGE, 1, 8 },
		{ "select ln(0)", NULL, STOA_ERANGE, 1, 8 },
		{ "select greatest(1, 2.5, null), least('b', 'a'), greatest(null, null)", "2.5|a|~\n" },
		{ "select cast('12' as int), cast(2.5 as int), cast(3.5e0 as int), cast(2.5e0 as bigint)",
		  "12|3|4|2\n" },
		{ "select '1.239'::decimal(5,2), 1.5::text || 'x', true::int, 0::bool, 12::decimal(4,1)",
		  "1.24|1.5x|1|false|12.0\n" },
		{ "select cast(300 as u8)", NULL, STOA_ERANGE, 0, 0 },
		{ "select cast(3000000000 as int)", NULL, STOA_ERANGE, 0, 0 },
		{ "select cast(1000.5 as decimal(4,2))", NULL, STOA_ERANGE, 0, 0 },
		{ "select cast('abc' as int)", NULL, STOA_ETYPE, 1, 8 },
		{ "select cast(name as int) from things where id = 1", NULL, STOA_ETYPE, 1, 8 },
		{ "select cast(1 as nosuch)", NULL, STOA_EINVAL, 1, 18 },
		{ "select cast(made as text), cast(price as f64), cast(id as decimal(9,3)) from things where id = 1",
		  "2026-01-31|2.5|1.000\n" },
		{ "select cast(null as int) is null, cast(1.4999 as decimal(3,0))", "true|1\n" },
		{ "select cast(1 as date)", NULL, STOA_ETYPE, 0, 0 },
	};

	(void)state;
	CHECK(e);
}

static void dates_reckon(void **state)
{
	static const struct example e[] = {
		{ "select date '2026-01-31' + 1, date '2026-03-01' - 1, date '2026-03-01' - date '2026-01-01'",
		  "2026-02-01|2026-02-28|59\n" },
		{ "select date '2026-01-31' + interval '1' month, date '2024-02-29' - interval '1' year",
		  "2026-02-28 00:00:00|2023-02-28 00:00:00\n" },
		{ "select timestamp '2026-01-01 00:00:00' + interval '1 day 02:30', "
		  "timestamp '2026-01-01 00:00:00' - interval '90' second",
		  "2026-01-02 02:30:00|2025-12-31 23:58:30\n" },
		{ "select date '1998-12-01' - interval '90' day = date '1998-09-02'", "true\n" },
		{ "select interval '1' day + date '2026-01-01'", "2026-01-02 00:00:00\n" },
		{ "select extract(year from date '2026-05-17'), extract(month from made), extract(day from made) "
		  "from things where id = 1", "2026|1|31\n" },
		{ "select extract(hour from sold), extract(minute from sold), extract(second from sold) from "
		  "things where id = 6", "12|30|15.500000\n" },
		{ "select extract(dow from date '2026-01-04'), extract(doy from date '2026-02-01'), "
		  "extract(week from date '2026-01-01'), extract(quarter from date '2026-05-01')",
		  "0|32|1|2\n" },
		{ "select extract(epoch from timestamp '1970-01-02 00:00:00.25')", "86400.250000\n" },
		{ "select date_trunc('month', timestamp '2026-05-17 10:11:12'), date_trunc('hour', "
		  "timestamp '2026-05-17 10:11:12')", "2026-05-01 00:00:00|2026-05-17 10:00:00\n" },
		{ "select date_part('year', made), year(made) from things where id = 2", "2026|2026\n" },
		{ "select made::timestamp, sold::date from things where id = 4",
		  "2025-12-31 00:00:00|2025-12-31\n" },
		{ "select date '9999-12-31' + 1", NULL, STOA_ERANGE, 0, 0 },
		{ "select date '2026-02-30'", NULL, STOA_ETYPE, 1, 8 },
		{ "select time '12:30:00' < time '13:00:00', make_date(2026, 2, 28)", "true|2026-02-28\n" },
		{ "select date '2026-01-01' + date '2026-01-01'", NULL, STOA_ETYPE, 1, 26 },
		{ "select interval '1 fortnight' + date '2026-01-01'", NULL, STOA_ETYPE, 1, 8 },
		{ "select interval '1 day'", NULL, STOA_EUNSUPPORTED, 1, 8 },
		{ "select extract(nosuch from date '2026-01-01')", NULL, STOA_EINVAL, 1, 8 },
		{ "select made + 1 from things where id <= 3 order by id", "2026-02-01\n2026-03-01\n~\n" },
		{ "select id from things where made >= date '2026-01-01' and made < date '2026-01-01' + "
		  "interval '1' month order by id", "1\n5\n" },
	};

	(void)state;
	CHECK(e);
}

static void aggregates_aggregate(void **state)
{
	static const struct example e[] = {
		{ "select count(*), count(name), count(distinct name), sum(id), avg(id) from things",
		  "6|5|3|21|3.5\n" },
		{ "select sum(price), avg(price), min(price), max(price) from things",
		  "23.49|4.698|0.99|10.00\n" },
		{ "select min(weight), max(weight), min(name), max(name), min(made), max(sold) from things",
		  "-3|NaN|coffee|tea|2024-02-29|2026-01-31 10:00:00\n" },
		{ "select count(*), sum(id), min(id), avg(id) from things where id > 100", "0|~|~|~\n" },
		{ "select sum(big) from things where id > 1", "8\n" },
		{ "select max(big), min(big) from things", "9223372036854775808|0\n" },
		{ "select stddev_pop(id), var_samp(id), variance(id), stddev(id) from things where id < 3",
		  "0.5|0.5|0.5|0.7071067811865476\n" },
		{ "select var_samp(id), var_pop(id) from things where id = 1", "~|0\n" },
		{ "select bool_and(fine), bool_or(fine), every(id > 0) from things", "false|true|true\n" },
		{ "select count(*) filter (where name = 'tea'), sum(price) filter (where fine) from things",
		  "3|5.25\n" },
		{ "select name, count(*) from things group by name order by name nulls first",
		  "~|1\ncoffee|1\nmilk|1\ntea|3\n" },
		{ "select name, sum(price) s from things group by 1 having sum(price) > 1 order by s desc",
		  "tea|15.25\ncoffee|7.25\n" },
		{ "select upper(name) u, count(*) from things where name is not null group by u order by u",
		  "COFFEE|1\nMILK|1\nTEA|3\n" },
		{ "select name, fine, count(*) from things group by name, fine order by name, fine",
		  "coffee|false|1\nmilk|false|1\ntea|true|2\ntea|~|1\n~|~|1\n" },
		{ "select n8, count(*) from things group by n8 order by 2 desc, 1", "7|2\n0|1\n1|1\n255|1\n~|1\n" },
		{ "select weight > 0, count(*) from things group by weight > 0 order by 1",
		  "false|1\ntrue|4\n~|1\n" },
		{ "select made, count(*) from things group by made having made is not null order by made desc limit 1",
		  "2026-02-28|1\n" },
		{ "select extract(year from made) y, sum(id) from things group by y order by y", 
		  "2024|6\n2025|4\n2026|8\n~|3\n" },
		{ "select sum(distinct n8), count(distinct n8), avg(distinct n8) from things", "263|4|65.75\n" },
		{ "select name, count(distinct price) filter (where id > 1) from things group by name order by 1",
		  "coffee|1\nmilk|1\ntea|2\n~|0\n" },
		{ "select sum(id) + count(*) * 2, sum(id + 1) from things", "33|27\n" },
		{ "select count(*) from things having count(*) > 10", "" },
		{ "select 1 from things having true", "1\n" },
		{ "select 1 from things group by name", "1\n1\n1\n1\n" },
		{ "select sum(null), count(null), max(null)", "~|0|~\n" },
		{ "select count(*)", "1\n" },
		{ "select sum(9223372036854775807) from things", NULL, STOA_ERANGE, 1, 8 },
		{ "select sum(900000000000000000.) from things", NULL, STOA_ERANGE, 1, 8 },
		{ "select avg(9223372036854775807) from things", "9.223372036854776e+18\n" },
		{ "select name, id from things group by name", NULL, STOA_EINVAL, 1, 14 },
		{ "select * from things group by id", NULL, STOA_EINVAL, 1, 8 },
		{ "select id from things where count(*) > 1", NULL, STOA_EINVAL, 1, 29 },
		{ "select sum(count(*)) from things", NULL, STOA_EINVAL, 1, 12 },
		{ "select count(*) from things group by count(*)", NULL, STOA_EINVAL, 1, 38 },
		{ "select sum(name) from things", NULL, STOA_ETYPE, 1, 8 },
		{ "select count(*) from things group by 2", NULL, STOA_EINVAL, 1, 38 },
		{ "select sum(id, id) from things", NULL, STOA_EINVAL, 1, 8 },
		{ "select abs(distinct id) from things", NULL, STOA_EINVAL, 1, 8 },
	};

	(void)state;
	CHECK(e);
}

static void order_and_limits_hold(void **state)
{
	static const struct example e[] = {
		{ "select id from things order by price", "5\n1\n4\n2\n6\n3\n" },
		{ "select id from things order by price desc", "3\n6\n2\n4\n1\n5\n" },
		{ "select id from things order by price nulls first", "3\n5\n1\n4\n2\n6\n" },
		{ "select id from things order by price desc nulls last limit 2 offset 1", "2\n4\n" },
		{ "select id from things order by weight, id", "6\n4\n1\n2\n5\n3\n" },
		{ "select id from things order by name, price desc", "2\n5\n6\n4\n1\n3\n" },
		{ "select id from things order by id desc limit 3", "6\n5\n4\n" },
		{ "select id from things order by 1 limit 2", "1\n2\n" },
		{ "select id as x from things order by x desc limit 1", "6\n" },
		{ "select name from things order by id limit 1", "tea\n" },
		{ "select id from things order by -id limit 1", "6\n" },
		{ "select id from things limit 0", "" },
		{ "select id from things offset 5", "6\n" },
		{ "select id from things offset 100", "" },
		{ "select id from things limit 2 offset 3", "4\n5\n" },
		{ "select id from things offset 3 rows limit 2", "4\n5\n" },
		{ "select id from things limit all offset 4", "5\n6\n" },
		{ "select id from things limit null", "1\n2\n3\n4\n5\n6\n" },
		{ "select id from things limit 1 + 1", "1\n2\n" },
		{ "select distinct name from things order by name", "coffee\nmilk\ntea\n~\n" },
		{ "select distinct name, fine from things order by 1 desc, 2 limit 2", "~|~\ntea|true\n" },
		{ "select distinct 1 from things", "1\n" },
		{ "select name from things order by name nulls first, id limit 2", "~\ncoffee\n" },
		{ "select rowid, id from things where rowid > 4 order by rowid", "5|5\n6|6\n" },
		{ "select t.id from things t where t.id = 1", "1\n" },
		{ "select things.* from things where id = 3", "3|~|~|~|~|~|~|~|~|~\n" },
		{ "select \"id\" as \"a b\" from \"things\" where ID = 1", "1\n" },
		{ "select id from things -- comment\n where /* a /* nested */ one */ id = 2", "2\n" },
		{ "select id from things order by 2", NULL, STOA_EINVAL, 1, 32 },
		{ "select distinct name from things order by id", NULL, STOA_EINVAL, 1, 43 },
		{ "select id from things limit -1", NULL, STOA_ERANGE, 1, 29 },
		{ "select id from things limit id", NULL, STOA_ENOTFOUND, 1, 29 },
		{ "select x.id from things t", NULL, STOA_ENOTFOUND, 1, 8 },
		{ "select things.id from things t", NULL, STOA_ENOTFOUND, 1, 8 },
	};

	(void)state;
	CHECK(e);
}

/* ---- parameters ----------------------------------------------------------------------------- */

static void check_params(const char *sql, const struct stoa_value *params, uint32_t n,
			 const char *rows)
{
	struct stoa_error err;
	char *got = array_query(&tables, sql, params, n, &err);

	if (!got)
		fail_msg("%s: %s", sql, err.text);
	assert_string_equal(got, rows);
	free(got);
}

static void parameters_are_values_of_their_types(void **state)
{
	struct stoa_value two[2] = { stoa_i64(4), stoa_text("tea") };
	struct stoa_value date = stoa_text("2026-01-01"), dec = stoa_decimal(25, 1);
	struct stoa_value u8 = typed(STOA_U8, 255), null = stoa_null();
	struct stoa_value month = stoa_text("month");
	struct stoa_value month_of[2] = { stoa_i64(4), stoa_text("2026-01-31") };

	(void)state;
	check_params("select id from things where id >= ? and name = ? order by id", two, 2, "4\n6\n");
	check_params("select id from things where name = $2 and id < $1", two, 2, "1\n");
	check_params("select ?1 + ?1, ?2 || '!'", two, 2, "8|tea!\n");
	check_params("select id from things where made = ?", &date, 1, "5\n");
	check_params("select id from things where price = ?", &dec, 1, "1\n");
	check_params("select id from things where n8 = ?", &u8, 1, "2\n");
	check_params("select id from things where id = ?", &null, 1, "");
	check_params("select id from things order by id limit ?", two, 1, "1\n2\n3\n4\n");
	check_params("select round(2.123456, ?)", two, 1, "2.1235\n");
	check_params("select date_trunc(?, date '2026-05-17')", &month, 1, "2026-05-01 00:00:00\n");
	check_params("select substr('abcdef', ?, 2), extract(month from ?2::date)", month_of, 2, "de|1\n");
	check_params("select count(*) from things where name in (?2, 'milk') and id > ?1", two, 2, "2\n");
}

static void a_statement_runs_again_with_other_values(void **state)
{
	struct stoa_error err;
	stoa_stmt *stmt;
	stoa_cursor *a, *b;
	struct stoa_value v = stoa_text("tea");
	const char *sql = "select id from things where name = ? order by id";
	char *text;
	int rc;

	(void)state;
	assert_int_equal(stoa__engine_prepare(&tables.tables, sql, strlen(sql), &stmt, &err), 0);
	assert_int_equal(stoa_parameters(stmt), 1);
	assert_int_equal(stoa_bind(stmt, 2, &v, &err), STOA_EINVAL);
	assert_int_equal(stoa_bind(stmt, 0, &v, &err), STOA_EINVAL);
	assert_int_equal(stoa_bind(stmt, 1, &v, &err), 0);
	assert_int_equal(stoa__engine_execute(stmt, &tables.tables, &a, &err), 0);
	v = stoa_text("milk");
	assert_int_equal(stoa_bind(stmt, 1, &v, &err), 0);
	assert_int_equal(stoa__engine_execute(stmt, &tables.tables, &b, &err), 0);
	stoa_stmt_free(stmt);	/* cursors keep what they need */
	text = show_cursor(a, false, &rc, &err);
	assert_string_equal(text, "1\n4\n6\n");
	free(text);
	text = show_cursor(b, false, &rc, &err);
	assert_string_equal(text, "5\n");
	free(text);
}

/* ---- cursors -------------------------------------------------------------------------------- */

static stoa_cursor *open_cursor(const char *sql)
{
	struct stoa_error err;
	stoa_stmt *stmt;
	stoa_cursor *cur;

	assert_int_equal(stoa__engine_prepare(&tables.tables, sql, strlen(sql), &stmt, &err), 0);
	assert_int_equal(stoa__engine_execute(stmt, &tables.tables, &cur, &err), 0);
	stoa_stmt_free(stmt);
	return cur;
}

static void columns_keep_their_types(void **state)
{
	static const struct stoa_column want[] = {
		{ "id", STOA_I32, 0, 0 },	 { "name", STOA_STRING, 0, 0 },
		{ "price", STOA_DECIMAL, 12, 2 }, { "w", STOA_F64, 0, 0 },
		{ "made", STOA_DATE, 0, 0 },	 { "n8", STOA_U8, 0, 0 },
		{ "?column?", STOA_I64, 0, 0 },	 { "?column?", STOA_DECIMAL, 18, 4 },
		{ "upper", STOA_TEXT, 0, 0 },	 { "?column?", STOA_BOOL, 0, 0 },
	};
	stoa_cursor *cur = open_cursor("select id, name, price, weight as w, made, n8, id + 1, "
				       "price * price, upper(name), id > 1 from things");
	size_t n;
	const struct stoa_column *c = stoa_columns(cur, &n);
	struct stoa_batch b;

	(void)state;
	assert_int_equal(n, 10);
	for (size_t i = 0; i < n; i++) {
		assert_string_equal(c[i].name, want[i].name);
		assert_int_equal(c[i].type, want[i].type);
		assert_int_equal(c[i].precision, want[i].precision);
		assert_int_equal(c[i].scale, want[i].scale);
	}
	assert_int_equal(stoa_next_batch(cur, &b, NULL), STOA_ROW);
	assert_int_equal(((const int32_t *)b.columns[0].values)[1], 2);
	assert_int_equal(((const uint8_t *)b.columns[5].values)[1], 255);
	assert_int_equal(((const int32_t *)b.columns[4].values)[0], 20484);
	stoa_cursor_close(cur);
}

static void rows_and_batches_do_not_mix(void **state)
{
	stoa_cursor *cur = open_cursor("select id from things");
	const struct stoa_value *row;
	struct stoa_batch b;
	struct stoa_error err;

	(void)state;
	assert_int_equal(stoa_next(cur, &row, &err), STOA_ROW);
	assert_int_equal(stoa_next_batch(cur, &b, &err), STOA_ESTATE);
	assert_int_equal(stoa_cursor_rowid(cur), 0);
	while (stoa_next(cur, &row, &err) == STOA_ROW)
		;
	assert_int_equal(stoa_next(cur, &row, &err), STOA_END);
	assert_int_equal(stoa_next(cur, &row, &err), STOA_END);
	stoa_cursor_close(cur);
	cur = open_cursor("select 1 / (id - 3) from things");
	int rc;
	do
		rc = stoa_next_batch(cur, &b, &err);
	while (rc == STOA_ROW);
	assert_int_equal(rc, STOA_EDIVZERO);
	assert_int_equal(stoa_next_batch(cur, &b, &err), STOA_ESTATE);
	stoa_cursor_close(cur);
	stoa_cursor_close(NULL);
}

/* ---- laziness ------------------------------------------------------------------------------- */

#define LONG_ROWS 100000
static struct stoa_slot long_slots[] = {
	{ .name = "i", .type = STOA_I64, .flags = STOA_NOT_NULL },
	{ .name = "s", .type = STOA_STRING },
	{ .name = "x", .type = STOA_F64 },
};
static struct array_table long_table = { .name = "long", .slots = long_slots, .n_slots = 3,
					 .n_rows = LONG_ROWS, .group_rows = 10000,
					 .batch_rows = 2048 };

static int make_long(void **state)
{
	static const char *const words[] = { "red", "green", "blue", "white", "black" };

	make_tables(state);
	long_table.values = malloc(LONG_ROWS * 3 * sizeof *long_table.values);
	for (size_t i = 0; i < LONG_ROWS; i++) {
		long_table.values[3 * i] = stoa_i64((int64_t)i);
		long_table.values[3 * i + 1] = str(words[i * 7 % 5]);
		long_table.values[3 * i + 2] = i % 10 == 3 ? stoa_null() : stoa_f64((double)(i % 1000));
	}
	array_tables_init(&tables, &long_table, 1);
	return 0;
}

static int free_long(void **state)
{
	free(long_table.values);
	return make_tables(state);
}

static void reset_counts(void)
{
	long_table.n_batches = long_table.n_skipped = long_table.n_decoded = 0;
}

static void a_query_reads_no_more_than_it_needs(void **state)
{
	struct stoa_error err;
	char *text;

	(void)state;
	reset_counts();
	text = array_query(&tables, "select i from long limit 3", NULL, 0, &err);
	assert_string_equal(text, "0\n1\n2\n");
	free(text);
	assert_int_equal(long_table.n_batches, 1);
	assert_int_equal(long_table.n_decoded, 1);

	reset_counts();
	text = array_query(&tables, "select count(*) from long", NULL, 0, &err);
	assert_string_equal(text, "100000\n");
	free(text);
	assert_int_equal(long_table.n_decoded, 0);

	/* Where the filter leaves nothing, the other columns are not read. */
	reset_counts();
	text = array_query(&tables, "select sum(x) from long where i % 1000 = 1000", NULL, 0, &err);
	assert_string_equal(text, "~\n");
	free(text);
	assert_int_equal(long_table.n_decoded, long_table.n_batches);
}

static void zone_maps_skip_row_groups(void **state)
{
	static const struct {
		const char *where;
		size_t n_skipped;
		const char *count;
	} cases[] = {
		{ "i between 25000 and 25009", 9, "10\n" },
		{ "i = 99999", 9, "1\n" },
		{ "i > 99999", 10, "0\n" },
		{ "i < 0", 10, "0\n" },
		{ "i in (5, 15000)", 8, "2\n" },
		{ "i < 10000 and i >= 5000 and s = 'red'", 9, "1000\n" },
		{ "i < 20000 or i > 90000", 0, "29999\n" },
		{ "x is null", 0, "10000\n" },
		{ "i is null", 10, "0\n" },
		{ "i is not null", 0, "100000\n" },
		{ "x > 999.5", 10, "0\n" },
		{ "i = null", 10, "0\n" },
		{ "i <> 5", 0, "99999\n" },
		{ "rowid = 12345", 9, "1\n" },
		{ "rowid in (1, 100000)", 8, "2\n" },
		{ "rowid > 95000 and i < 95005", 9, "5\n" },
	};
	struct stoa_error err;
	char sql[200];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		reset_counts();
		snprintf(sql, sizeof sql, "select count(*) from long where %s", cases[i].where);
		char *text = array_query(&tables, sql, NULL, 0, &err);
		if (!text)
			fail_msg("%s: %s", sql, err.text);
		assert_string_equal(text, cases[i].count);
		if (long_table.n_skipped != cases[i].n_skipped)
			fail_msg("%s skips %zu", cases[i].where, long_table.n_skipped);
		free(text);
	}
}

static void many_rows_group_and_sort(void **state)
{
	struct stoa_error err;
	char *text;

	(void)state;
	text = array_query(&tables, "select s, count(*), sum(i), min(x), max(x), count(x) from long "
				    "group by s order by s", NULL, 0, &err);
	assert_string_equal(text, "black|20000|999990000|2|997|20000\nblue|20000|999970000|1|996|20000\n"
				  "green|20000|1000010000|8|998|10000\nred|20000|999950000|0|995|20000\n"
				  "white|20000|1000030000|4|999|20000\n");
	free(text);
	text = array_query(&tables, "select i from long order by x desc nulls last, i desc limit 3 offset 1",
			   NULL, 0, &err);
	assert_string_equal(text, "98999\n97999\n96999\n");
	free(text);
	text = array_query(&tables, "select count(*), sum(n) from (select 1) t", NULL, 0, &err);
	assert_null(text);
	assert_int_equal(err.code, STOA_ENOTFOUND);
	text = array_query(&tables, "select i % 50000 k, count(*) from long group by k "
				    "having count(*) <> 2", NULL, 0, &err);
	assert_string_equal(text, "");
	free(text);
	text = array_query(&tables, "select i from long order by s, i desc offset 99998", NULL, 0, &err);
	assert_string_equal(text, "9\n4\n");
	free(text);
}

/* ---- odd queries ---------------------------------------------------------------------------- */

static const char *const vocabulary[] = {
	"id", "name", "price", "weight", "made", "sold", "fine", "n8", "big", "note", "rowid", "nosuch",
	"1", "0", "2.5", "1e3", "-1", "9223372036854775807", "18446744073709551615", "''", "'tea'", "'2026-01-01'",
	"null", "true", "false", "date '2026-01-31'", "interval '1' month", "timestamp '2026-01-01 10:00:00'",
	"x'00'", "+", "-", "*", "/", "%", "^", "||", "=", "<>", "<", ">=", "and", "or", "not", "is null",
	"is distinct from", "in (1, 2, null)", "in ('tea', name)", "between 1 and 3", "like '%e%'", "ilike note",
	"::int", "::text", "::decimal(4,1)", "::date", "::u8", "::f32", "(", ")", ",", "case when", "then", "else",
	"end", "coalesce(", "nullif(", "greatest(", "round(", "substr(", "length(", "upper(", "abs(", "extract(year from",
	"date_trunc('month',", "count(*)", "count(distinct", "sum(", "avg(", "min(", "stddev(", "filter (where",
	"from things", "where", "group by", "having", "order by", "desc", "nulls first", "limit", "offset", "distinct",
	"select", "as x", "?", "*",
};
#define N_WORDS (sizeof vocabulary / sizeof *vocabulary)

/*
 * Sentences that start like queries and go on like nothing: most are errors, none may be more
 * than that.
 */
static void nonsense_gets_an_answer_or_an_error(void **state)
{
	uint64_t rng = testing_seed();
	size_t rounds = testing_long() ? 1000000 : 15000, n_answers = 0;
	struct stoa_error err;

	(void)state;
	for (size_t i = 0; i < rounds; i++) {
		static const char *const ends[] = { "from things", "from things where fine", "",
						    "from things group by name", "from things order by 1 limit 2" };
		char sql[2000], *p = sql;
		p += sprintf(p, "select ");
		for (size_t n = 1 + testing_below(&rng, 1 + i % 9); n; n--)
			p += sprintf(p, "%s ", vocabulary[testing_below(&rng, N_WORDS)]);
		sprintf(p, "%s", ends[testing_below(&rng, 5)]);
		char *text = array_query(&tables, sql, NULL, 0, &err);
		n_answers += text != NULL;
		if (!text && (err.code >= 0 || err.code == STOA_ENOMEM || !err.text[0]))
			fail_msg("%s: %d %s", sql, err.code, err.text);
		free(text);
		assert_int_equal(things.n_open, 0);
	}
	assert_true(n_answers > rounds / 100);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void a_query_survives_every_allocation_that_fails(void **state)
{
	static const char *const sqls[] = {
		"select id, name || '!', price * 2, case when id > 2 then 'x' else upper(name) end from things "
		"where id > 1 and name like '%e%' order by 2",
		"select name, count(distinct id), sum(price), min(note), avg(weight) from things group by name "
		"having count(*) > 0 order by name limit 3",
		"select distinct fine, n8 in (1, 7), coalesce(name, 'a') from things where made > date '2025-01-01' "
		"or name in ('tea', 'milk')",
		"select fine, median(price), mode() within group (order by name), approx_count_distinct(id), "
		"string_agg(name, ', ' order by made desc), string_agg(distinct note, '') from things group by fine",
	};
	struct stoa_error err;

	(void)state;
	for (size_t q = 0; q < sizeof sqls / sizeof *sqls; q++) {
		char *want = array_query(&tables, sqls[q], NULL, 0, &err);
		assert_non_null(want);
		for (long nth = 0;; nth++) {
			stoa__fault_arm(nth, nth % 2);
			char *got = array_query(&tables, sqls[q], NULL, 0, &err);
			bool fired = stoa__fault_disarm();
			assert_int_equal(things.n_open, 0);
			if (!fired) {
				assert_string_equal(got, want);
				free(got);
				break;
			}
			if (got)	/* a fold that could not be tried, perhaps */
				assert_string_equal(got, want);
			else
				assert_int_equal(err.code, STOA_ENOMEM);
			free(got);
		}
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_is_that_of_postgresql),
		cmocka_unit_test(logic_has_three_values),
		cmocka_unit_test(comparisons_meet_in_one_type),
		cmocka_unit_test(strings_have_their_functions),
		cmocka_unit_test(numbers_have_their_functions),
		cmocka_unit_test(dates_reckon),
		cmocka_unit_test(aggregates_aggregate),
		cmocka_unit_test(order_and_limits_hold),
		cmocka_unit_test(parameters_are_values_of_their_types),
		cmocka_unit_test(a_statement_runs_again_with_other_values),
		cmocka_unit_test(columns_keep_their_types),
		cmocka_unit_test(rows_and_batches_do_not_mix),
		cmocka_unit_test_setup_teardown(a_query_reads_no_more_than_it_needs, make_long, free_long),
		cmocka_unit_test_setup_teardown(zone_maps_skip_row_groups, make_long, free_long),
		cmocka_unit_test_setup_teardown(many_rows_group_and_sort, make_long, free_long),
		cmocka_unit_test(nonsense_gets_an_answer_or_an_error),
		cmocka_unit_test(a_query_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, make_tables, NULL);
}
