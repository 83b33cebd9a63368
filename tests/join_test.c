/* SPDX-License-Identifier: MIT */
/*
 * join_test.c - joins, subqueries and set operations over tables in arrays: each kind with NULL
 * keys, empty sides, equal keys and batches that end anywhere; refusals with their places; memory
 * that runs out
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "array_source.h"
#include "show.h"

/*
 *     l  k  v        r  k  w       u  k (not null)  name         big  i (0 .. 4999), k = i % 100
 *        1  a           1  10         1             one
 *        1  b           2  20         2             two
 *        2  c           2  21         3             three
 *        -  d           -  30
 *        4  -           5  50
 */
static struct stoa_slot l_slots[] = { { .name = "k", .type = STOA_I32 },
				      { .name = "v", .type = STOA_STRING } };
static struct stoa_slot r_slots[] = { { .name = "k", .type = STOA_I64 },
				      { .name = "w", .type = STOA_I16 } };
static struct stoa_slot u_slots[] = { { .name = "k", .type = STOA_I32, .flags = STOA_NOT_NULL },
				      { .name = "name", .type = STOA_TEXT } };
static struct stoa_slot big_slots[] = { { .name = "i", .type = STOA_I32, .flags = STOA_NOT_NULL },
					{ .name = "k", .type = STOA_I32 } };

#define N_BIG 5000
static struct stoa_value l_values[10], r_values[10], u_values[6], big_values[2 * N_BIG];
static struct array_table items[] = {
	{ .name = "l", .slots = l_slots, .n_slots = 2, .values = l_values, .n_rows = 5 },
	{ .name = "r", .slots = r_slots, .n_slots = 2, .values = r_values, .n_rows = 5 },
	{ .name = "u", .slots = u_slots, .n_slots = 2, .values = u_values, .n_rows = 3 },
	{ .name = "empty", .slots = r_slots, .n_slots = 2, .values = r_values, .n_rows = 0 },
	{ .name = "big", .slots = big_slots, .n_slots = 2, .values = big_values, .n_rows = N_BIG },
};
#define N_TABLES (sizeof items / sizeof *items)
static struct array_tables tables;

static struct stoa_value str(const char *s)
{
	struct stoa_value v = stoa_text(s);

	v.type = STOA_STRING;
	return v;
}

static struct stoa_value typed(unsigned type, int64_t x)
{
	struct stoa_value v = stoa_i64(x);

	v.type = (uint8_t)type;
	return v;
}

static int make_tables(void **state)
{
	const struct stoa_value null = stoa_null();
	const struct stoa_value l[] = {
		typed(STOA_I32, 1), str("a"), typed(STOA_I32, 1), str("b"), typed(STOA_I32, 2),
		str("c"), null, str("d"), typed(STOA_I32, 4), null,
	};
	const struct stoa_value r[] = {
		stoa_i64(1), typed(STOA_I16, 10), stoa_i64(2), typed(STOA_I16, 20), stoa_i64(2),
		typed(STOA_I16, 21), null, typed(STOA_I16, 30), stoa_i64(5), typed(STOA_I16, 50),
	};
	const struct stoa_value u[] = { typed(STOA_I32, 1), stoa_text("one"), typed(STOA_I32, 2),
					stoa_text("two"), typed(STOA_I32, 3), stoa_text("three") };

	(void)state;
	memcpy(l_values, l, sizeof l);
	memcpy(r_values, r, sizeof r);
	memcpy(u_values, u, sizeof u);
	for (int i = 0; i < N_BIG; i++) {
		big_values[2 * i] = typed(STOA_I32, i);
		big_values[2 * i + 1] = typed(STOA_I32, i % 100);
	}
	array_tables_init(&tables, items, N_TABLES);
	return 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* @sql gives those rows, in whatever order, however tables are cut. */
static void check(const char *sql, const char *rows)
{
	static const size_t cuts[][2] = { { 2048, 2048 }, { 4, 3 }, { 2, 1 } };
	char want[4000];
	struct stoa_error err;

	snprintf(want, sizeof want, "%s", rows);
	show_sort(want);
	for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
		for (size_t i = 0; i < N_TABLES; i++) {
			items[i].group_rows = cuts[c][0];
			items[i].batch_rows = cuts[c][1];
		}
		char *got = array_query(&tables, sql, NULL, 0, &err);
		if (!got)
			fail_msg("%s\n-> %s (%u:%u)", sql, err.text, (unsigned)err.line,
				 (unsigned)err.column);
		show_sort(got);
		if (strcmp(got, want) != 0)
			fail_msg("%s, cut by %zu and %zu\n-> %s\nnot %s", sql, cuts[c][0], cuts[c][1],
				 got, want);
		free(got);
	}
}

static void refused(const char *sql, int code, unsigned column, const char *words)
{
	struct stoa_error err;
	char *got = array_query(&tables, sql, NULL, 0, &err);

	if (got)
		fail_msg("%s\n-> %s\nwhere an error is due", sql, got);
	if (err.code != code || err.column != column || !strstr(err.text, words))
		fail_msg("%s\n-> %s %u: %s", sql, stoa_result_name(err.code), (unsigned)err.column,
			 err.text);
}

/* ---- joins ----------------------------------------------------------------------------------- */

static void inner_joins_match_keys_that_are_there(void **state)
{
	(void)state;
	check("select v, w from l join r on l.k = r.k", "a|10\nb|10\nc|20\nc|21\n");
	check("select v, w from l, r where l.k = r.k and w > 10", "c|20\nc|21\n");
	check("select a.v, b.v from l a join l b on a.k = b.k and a.v < b.v", "a|b\n");
	check("select v, name from l join u on u.k = l.k", "a|one\nb|one\nc|two\n");
	check("select l.k, name, w from l, u, r where l.k = u.k and r.k = l.k and v <> 'a'",
	      "1|one|10\n2|two|20\n2|two|21\n");
	check("select count(*) from l join empty on l.k = empty.k", "0\n");
	check("select count(*) from empty join l on l.k = empty.k", "0\n");
	check("select v, w from l join r on v = 'a' and w > 20", "a|21\na|30\na|50\n");
	check("select v from l join r on l.k + 1 = r.k", "a\na\nb\nb\n~\n");
}

static void cross_joins_give_all_pairs(void **state)
{
	(void)state;
	check("select v, name from l cross join u where v in ('a', 'd')",
	      "a|one\na|two\na|three\nd|one\nd|two\nd|three\n");
	check("select count(*) from l, r, u", "75\n");
	check("select count(*), count(v), sum(w) from l, r", "25|20|655\n");
	check("select count(*) from l, empty", "0\n");
	check("select count(*) from big a, u", "15000\n");
	check("select 1 from u, (select 2) x", "1\n1\n1\n");
}

static void left_joins_keep_left_rows(void **state)
{
	(void)state;
	check("select v, w from l left join r on l.k = r.k", "a|10\nb|10\nc|20\nc|21\nd|~\n~|~\n");
	check("select v, w from l left join r on l.k = r.k and w > 20", "a|~\nb|~\nc|21\nd|~\n~|~\n");
	check("select v, w from l left join r on l.k = r.k and v = 'c'",
	      "a|~\nb|~\nc|20\nc|21\nd|~\n~|~\n");
	check("select v, w from l left join r on l.k = r.k where w is null", "d|~\n~|~\n");
	check("select v, w from l left join r on l.k = r.k where w > 20", "c|21\n");
	check("select v, w from l left join empty on l.k = empty.k", "a|~\nb|~\nc|~\nd|~\n~|~\n");
	check("select v from empty left join l on l.k = empty.k", "");
	check("select name, w from u left join r on false", "one|~\ntwo|~\nthree|~\n");
	check("select name, count(w) from u left join r on r.k = u.k group by name",
	      "one|1\ntwo|2\nthree|0\n");
	check("select name, coalesce(x, 'none') from u left join (select k, v as x from l) y "
	      "on y.k = u.k", "one|a\none|b\ntwo|c\nthree|none\n");
}

static void right_and_full_joins_keep_the_others(void **state)
{
	(void)state;
	check("select v, w from l right join r on l.k = r.k",
	      "a|10\nb|10\nc|20\nc|21\n~|30\n~|50\n");
	check("select v, w from l full join r on l.k = r.k",
	      "a|10\nb|10\nc|20\nc|21\nd|~\n~|~\n~|30\n~|50\n");
	check("select v, w from l full join r on l.k = r.k and w = 20",
	      "a|~\nb|~\nc|20\nd|~\n~|~\n~|10\n~|21\n~|30\n~|50\n");
	check("select v, w from l full join empty on l.k = empty.k", "a|~\nb|~\nc|~\nd|~\n~|~\n");
	check("select r.w from empty e full join r on e.k = r.k", "10\n20\n21\n30\n50\n");
}

static void using_merges_columns(void **state)
{
	(void)state;
	check("select * from l join r using (k)", "1|a|10\n1|b|10\n2|c|20\n2|c|21\n");
	check("select k, v, w from l full join r using (k)",
	      "1|a|10\n1|b|10\n2|c|20\n2|c|21\n~|d|~\n4|~|~\n~|~|30\n5|~|50\n");
	check("select k from l right join r using (k) where w >= 30", "~\n5\n");
	check("select l.k, r.* from l left join r using (k) where v = 'd'", "~|~|~\n");
	check("select a.*, name from l a join u using (k) where v = 'c'", "2|c|two\n");
}

/* Chains longer than a batch, on both sides of it; keys beyond a direct table. */
static void long_chains_fill_several_batches(void **state)
{
	(void)state;
	check("select count(*), sum(a.i), sum(b.i) from big a join big b on a.k = b.k",
	      "250000|624875000|624875000\n");
	check("select count(*), sum(b.i) from big a join big b on a.i * 1000000007 = b.i * 1000000007",
	      "5000|12497500\n");
	check("select count(*) from big a left join big b on a.i = b.i + 4990", "5000\n");
	check("select count(*), count(b.i) from big a full join big b on a.i = b.i + 4990",
	      "9990|5000\n");
	check("select count(*) from big a where exists (select 1 from big b where b.k = a.k and "
	      "b.i > a.i)",
	      "4900\n");
	check("select count(*) from big a where not exists (select 1 from big b where b.i = a.i * 2)",
	      "2500\n");
}

/* What the build side's keys rule out is not read, where rows without a partner do not come out. */
static void row_groups_beyond_the_keys_are_passed_over(void **state)
{
	static const struct {
		const char *sql;
		int answer; /* for each row that has a partner; */
		bool all;   /* besides, one for each row */
	} cases[] = {
		{ "select count(*) from big a join (%s) b on a.i = b.i", 1, false },
		{ "select count(*) from (select i + 0 as j, i from big) a join (%s) b on a.i = b.i",
		  1, false },
		{ "select count(*) from big a where a.i in (%s)", 1, false },
		{ "select count(*) from big a left join u on a.k = u.k join (%s) b on a.i = b.i", 1,
		  false },
		{ "select count(*) from big a left join (%s) b on a.i = b.i", 0, true },
		{ "select count(*) from big a full join (%s) b on a.i = b.i", 0, true },
		{ "select count(*) from big a where a.i not in (%s)", -1, true },
		{ "select count(*) from big a where not exists (select 1 from (%s) b where a.i = b.i)",
		  -1, true },
	};
	struct array_table *big = &items[N_TABLES - 1];
	uint64_t rng = testing_seed();
	char sql[300], keys[100], want[20];
	struct stoa_error err;

	(void)state;
	for (size_t c = 0; c < 8 * sizeof cases / sizeof *cases; c++) {
		size_t k = c % (sizeof cases / sizeof *cases);
		int lo = (int)testing_below(&rng, N_BIG - 300),
		    n = 1 + (int)testing_below(&rng, 250);
		snprintf(keys, sizeof keys,
			 "select %d + k * 0 + v as i from (values (0), (%d)) t(v), "
			 "(select 1 as k) x",
			 lo, n);
		snprintf(sql, sizeof sql, cases[k].sql, keys);
		snprintf(want, sizeof want, "%d\n",
			 (cases[k].all ? N_BIG : 0) + 2 * cases[k].answer);
		check(sql, want);
		big->group_rows = big->batch_rows = 100;
		big->n_batches = 0;
		free(array_query(&tables, sql, NULL, 0, &err));
		if (cases[k].all ? big->n_batches != 50 : big->n_batches > 4)
			fail_msg("%s reads %zu row groups", sql, big->n_batches);
	}
}

/* Tables @from to @to as one item of FROM, in parentheses that nest by their logarithm. */
static void put_tables(FILE *f, unsigned from, unsigned to)
{
	if (to - from == 1) {
		fprintf(f, "u u%u", from);
		return;
	}
	fputs("(", f);
	put_tables(f, from, (from + to) / 2);
	fputs(" cross join ", f);
	put_tables(f, (from + to) / 2, to);
	fputs(")", f);
}

/* The hub is in every condition, and what is joined to it makes it larger each time. */
static void a_star_of_hundreds_of_tables_is_one_join_after_another(void **state)
{
	char *sql;
	size_t len;
	FILE *f = open_memstream(&sql, &len);

	(void)state;
	fputs("select hub.v, u0.name, u599.name from l hub cross join ", f);
	put_tables(f, 0, 600);
	for (unsigned i = 0; i < 600; i++)
		fprintf(f, "%su%u.k = hub.k", i ? " and " : " where ", i);
	fclose(f);
	check(sql, "a|one|one\nb|one|one\nc|two|two\n");
	free(sql);
}

/* ---- subqueries ------------------------------------------------------------------------------ */

static void exists_and_in_are_tests(void **state)
{
	(void)state;
	check("select v from l where exists (select 1 from r where r.k = l.k)", "a\nb\nc\n");
	check("select v from l where not exists (select 1 from r where r.k = l.k)", "d\n~\n");
	check("select v from l where exists (select * from empty)", "");
	check("select v from l where not exists (select * from empty)", "a\nb\nc\nd\n~\n");
	check("select v from l where k in (select k from r)", "a\nb\nc\n");
	check("select v from l where k in (select k from u)", "a\nb\nc\n");
	check("select v from l where k in (select k from r where w < 20)", "a\nb\n");
	check("select v from l where exists (select count(*) from empty)", "a\nb\nc\nd\n~\n");
	check("select v from l where v = 'c' or exists (select 1 from r where r.k = l.k and w < 20)",
	      "a\nb\nc\n");
	check("select v, k in (select k from u) from l", "a|true\nb|true\nc|true\nd|~\n~|false\n");
	check("select name, exists (select 1 from l where l.k = u.k) from u",
	      "one|true\ntwo|true\nthree|false\n");
}

/* x NOT IN (...): unknown as soon as a NULL might be x. */
static void not_in_knows_what_it_does_not_know(void **state)
{
	(void)state;
	check("select v from l where k not in (select k from r)", "");
	check("select v from l where k not in (select k from u)", "~\n");
	check("select v from l where k not in (select k from empty)", "a\nb\nc\nd\n~\n");
	check("select v from l where k not in (select k from r where k is not null)", "~\n");
	check("select name from u where k not in (select l.k from l where l.v = u.name)",
	      "one\ntwo\nthree\n");
	check("select v from l where 7 not in (select k from u where u.k = l.k)", "a\nb\nc\nd\n~\n");
	check("select w, k in (select k from l) from r", "10|true\n20|true\n21|true\n30|~\n50|~\n");
	check("select w from r where k not in (select l.k from l where l.v < 'd' and l.k < r.w)",
	      "50\n");
}

static void a_subquery_stands_for_a_value(void **state)
{
	(void)state;
	check("select v from l where k = (select max(k) from u) - 1", "c\n");
	check("select (select max(w) from r)", "50\n");
	check("select name, (select count(*) from l where l.k = u.k) from u",
	      "one|2\ntwo|1\nthree|0\n");
	check("select name, (select sum(w) + 1 from r where r.k = u.k) from u",
	      "one|11\ntwo|42\nthree|~\n");
	check("select name, (select coalesce(sum(w), -1) from r where r.k = u.k) from u",
	      "one|10\ntwo|41\nthree|-1\n");
	check("select name from u where (select count(*) from r where r.k = u.k) = 0", "three\n");
	check("select v from l where (select name from u where u.k = l.k) = 'two'", "c\n");
	check("select v, (select w from empty) from l where k = 1", "a|~\nb|~\n");
	check("select k, (select max(name) from u where u.k = l.k) from l group by k",
	      "1|one\n2|two\n~|~\n4|~\n");
	check("select k from l group by k having count(*) > (select min(k) from u)", "1\n");
	refused("select v, (select w from r where r.k = l.k) from l", STOA_EINVAL, 11,
		"more than one row");
	refused("select (select k from l)", STOA_EINVAL, 8, "more than one row");
}

static void queries_nest(void **state)
{
	(void)state;
	check("select v from l where exists (select 1 from r where r.k = l.k and r.w in "
	      "(select 10 * u.k from u where u.k = r.k))", "a\nb\nc\n");
	check("with x as (select k, count(*) as n from l group by k), y(a) as (select n from x) "
	      "select a, x.k from y join x on x.n = y.a where x.k = 1", "2|1\n");
	check("with x as (select 1 as k), x2 as (with x as (select 2 as k) select k from x) "
	      "select x.k, x2.k from x, x2", "1|2\n");
	check("select a, b from (values (1, 'p'), (2, 'q'), (null, 'r')) as t(a, b) join u on u.k = a",
	      "1|p\n2|q\n");
	check("select max(n) from (select k, count(*) n from (select k from l union all select k from "
	      "r) x group by k) y", "3\n");
}

/* ---- set operations -------------------------------------------------------------------------- */

static void set_operations_count(void **state)
{
	(void)state;
	check("select k from l union select k from r", "1\n2\n~\n4\n5\n");
	check("select k from l union all select k from r", "1\n1\n2\n~\n4\n1\n2\n2\n~\n5\n");
	check("select k from l intersect select k from r", "1\n2\n~\n");
	check("select k from l except select k from r", "4\n");
	check("select k from l intersect all select k from r", "1\n2\n~\n");
	check("select k from l except all select k from r", "1\n4\n");
	check("select k from r except all select k from l", "2\n5\n");
	check("select k, v from l intersect select k, name from u", "");
	check("select v from l union all select name from u where k < 3", "a\nb\nc\nd\n~\none\ntwo\n");
	check("select 1 union select null union select 1.5", "1.0\n~\n1.5\n");
	check("select k from l union select k from u order by 1 desc limit 2", "~\n4\n");
	check("select k as x from u except select 2 order by x limit 1 offset 1", "3\n");
	check("values (1, 'a'), (2, null) order by column1 desc limit 1", "2|~\n");
	check("select k from empty union select k from empty", "");
	check("select s from (select v s from l union all select name from u) x where s in ('a', 'two')",
	      "a\ntwo\n");
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void what_cannot_be_says_where(void **state)
{
	(void)state;
	refused("select k from l, r", STOA_EINVAL, 8, "say which");
	refused("select l.v from l, l", STOA_EINVAL, 20, "stands twice");
	refused("select x.v from l, r", STOA_ENOTFOUND, 8, "no table 'x'");
	refused("select nope from l, r", STOA_ENOTFOUND, 8, "in any table");
	refused("select 1 from l join r using (w)", STOA_ENOTFOUND, 31, "'w'");
	refused("select 1 from l join r on l.k", STOA_ETYPE, 27, "condition");
	refused("select k from l union select k, w from r", STOA_EINVAL, 17, "as many columns");
	refused("select v from l union select w from r", STOA_ETYPE, 17, "");
	refused("select k from l union select k from r order by k + 1", STOA_EINVAL, 50, "ORDER BY");
	refused("values (1), (2, 3)", STOA_EINVAL, 13, "2 values");
	refused("select v from l where k in (select k, w from r)", STOA_EINVAL, 25, "2 columns");
	refused("select * from (values (1)) t(a, b)", STOA_EINVAL, 15, "names");
	refused("with x as (select 1) select * from x, x", STOA_EINVAL, 39, "stands twice");
	refused("select v from l where k = (select max(w) from r where r.w < l.k)",
		STOA_EUNSUPPORTED, 27, "around it");
	refused("select v from l where exists (select 1 from r where r.k = l.k limit 0)",
		STOA_EUNSUPPORTED, 23, "around it");
	refused("select max(v), (select 1 from r where r.k = l.k) from l", STOA_EUNSUPPORTED, 45, "");
}

/* A WITH that doubles at each step ends with an error, and not with all memory. */
static void growth_without_end_has_a_limit(void **state)
{
	char sql[4000], *p = sql;

	(void)state;
	p += sprintf(p, "with a0 as (select 1 as x)");
	for (int i = 1; i < 30; i++)
		p += sprintf(p, ", a%d as (select a.x from a%d a, a%d b)", i, i - 1, i - 1);
	sprintf(p, " select * from a29");
	struct stoa_error err;
	assert_null(array_query(&tables, sql, NULL, 0, &err));
	assert_int_equal(err.code, STOA_EFULL);
}

/* ---- nonsense -------------------------------------------------------------------------------- */

static const char *const sentences[] = {
	"select v , w from l full join r on l.k = r.k and w > 10 left join u using ( k ) order by 1 , 2",
	"select v from l where k not in ( select k from r where r.w < 50 and r.k = l.k ) or exists ( "
	"select 1 from u where u.k = l.k and u.name < l.v )",
	"select name , ( select count ( * ) from l where l.k = u.k ) from u group by name , u.k having "
	"count ( * ) > ( select min ( k ) from r ) order by 2 limit 3",
	"select k from l intersect all select k from r union select k from u order by k limit 2",
	"with x as ( select v , name from l join u using ( k ) ) , y ( a ) as ( values ( 1 ) , ( 2 ) ) "
	"select a.v , b.name , y.a from x a , x b , y where a.v = b.v or ( a.v = 'a' and y.a = 1 )",
	"select * from ( select k , sum ( w ) as n from r group by k ) t right join l on t.k = l.k where "
	"t.n in ( select w from r ) is not true",
};
#define N_SENTENCES (sizeof sentences / sizeof *sentences)

/* A word of some sentence. */
static const char *some_word(uint64_t *rng, char out[64])
{
	const char *s = sentences[testing_below(rng, N_SENTENCES)];
	const char *p = s + testing_below(rng, strlen(s));

	while (p > s && p[-1] != ' ')
		p--;
	snprintf(out, 64, "%.*s", (int)strcspn(p, " "), p);
	return out;
}

/* A sentence with words lost, doubled and exchanged. */
static void mangle(uint64_t *rng, char *out)
{
	const char *p = sentences[testing_below(rng, N_SENTENCES)];
	unsigned damage = 1 + (unsigned)testing_below(rng, 12);
	char word[64];

	for (*out = 0; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");
		uint64_t what = testing_below(rng, 100);
		if (what >= damage || what % 3 == 1)
			out += sprintf(out, "%.*s ", (int)len, p);
		if (what < damage && what % 3)
			out += sprintf(out, "%s ", some_word(rng, word));
		p += len;
	}
}

/* Most are errors, and none may be more than that. */
static void nonsense_gets_an_answer_or_an_error(void **state)
{
	uint64_t rng = testing_seed();
	size_t rounds = testing_long() ? 1000000 : 6000, n_answers = 0;
	struct stoa_error err;
	char sql[4000];

	(void)state;
	for (size_t i = 0; i < rounds; i++) {
		mangle(&rng, sql);
		char *text = array_query(&tables, sql, NULL, 0, &err);
		n_answers += text != NULL;
		if (!text && (err.code >= 0 || err.code == STOA_ENOMEM || !err.text[0]))
			fail_msg("%s: %d %s", sql, err.code, err.text);
		free(text);
		for (size_t k = 0; k < N_TABLES; k++)
			assert_int_equal(items[k].n_open, 0);
	}
	assert_true(n_answers > rounds / 50);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void joins_survive_every_allocation_that_fails(void **state)
{
	static const char *const sqls[] = {
		"select v, w from l full join r on l.k = r.k and w > 10 order by 1, 2",
		"select v from l where k not in (select k from r where r.w < 50 and k is not null) or "
		"exists (select 1 from u where u.k = l.k) order by 1",
		"select name, (select count(*) from l where l.k = u.k) from u order by 1",
		"select k from l intersect all select k from r order by 1",
		"with x as (select v, name from l join u using (k)) select a.v, b.name from x a, x b "
		"where a.v = b.v union select 'z', 'y' order by 1, 2",
	};
	struct stoa_error err;

	(void)state;
	for (size_t q = 0; q < sizeof sqls / sizeof *sqls; q++) {
		char *want = array_query(&tables, sqls[q], NULL, 0, &err);
		if (!want)
			fail_msg("%s: %s", sqls[q], err.text);
		for (long nth = 0;; nth++) {
			stoa__fault_arm(nth, nth % 2);
			char *got = array_query(&tables, sqls[q], NULL, 0, &err);
			bool fired = stoa__fault_disarm();
			for (size_t i = 0; i < N_TABLES; i++)
				assert_int_equal(items[i].n_open, 0);
			if (got)
				assert_string_equal(got, want);
			else
				assert_int_equal(err.code, STOA_ENOMEM);
			free(got);
			if (!fired)
				break;
		}
		free(want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inner_joins_match_keys_that_are_there),
		cmocka_unit_test(cross_joins_give_all_pairs),
		cmocka_unit_test(left_joins_keep_left_rows),
		cmocka_unit_test(right_and_full_joins_keep_the_others),
		cmocka_unit_test(using_merges_columns),
		cmocka_unit_test(long_chains_fill_several_batches),
		cmocka_unit_test(row_groups_beyond_the_keys_are_passed_over),
		cmocka_unit_test(a_star_of_hundreds_of_tables_is_one_join_after_another),
		cmocka_unit_test(exists_and_in_are_tests),
		cmocka_unit_test(not_in_knows_what_it_does_not_know),
		cmocka_unit_test(a_subquery_stands_for_a_value),
		cmocka_unit_test(queries_nest),
		cmocka_unit_test(set_operations_count),
		cmocka_unit_test(what_cannot_be_says_where),
		cmocka_unit_test(growth_without_end_has_a_limit),
		cmocka_unit_test(nonsense_gets_an_answer_or_an_error),
		cmocka_unit_test(joins_survive_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, make_tables, NULL);
}
