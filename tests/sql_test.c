/* SPDX-License-Identifier: MIT */
/*
 * sql_test.c - lexer and parser: what is wrong is said where it is; nothing crashes, however
 * odd, deep or long
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/limits.h"
#include "../query/parse.h"

static int parse(const char *sql, size_t len, struct stoa_error *err)
{
	struct stoa__arena arena = STOA__ARENA_INIT;
	struct stoa__statement *q;
	uint32_t n_params;

	memset(err, 0, sizeof *err);
	int rc = stoa__parse(sql, len, &arena, &q, &n_params, err);
	stoa__arena_release(&arena);
	return rc;
}

static void errors_say_where(void **state)
{
	static const struct {
		const char *sql;
		int code;
		unsigned line, column;
		const char *word;	/* in the text */
	} e[] = {
		{ "", STOA_ESYNTAX, 1, 1, "empty" },
		{ "  -- nothing\n ", STOA_ESYNTAX, 2, 2, "empty" },
		{ "select", STOA_ESYNTAX, 1, 7, "too early" },
		{ "select 1 from", STOA_ESYNTAX, 1, 14, "too early" },
		{ "select 1,\n  from t", STOA_ESYNTAX, 2, 3, "'from'" },
		{ "selec 1", STOA_ESYNTAX, 1, 1, "'selec'" },
		{ "select 1 +", STOA_ESYNTAX, 1, 11, "too early" },
		{ "select (1", STOA_ESYNTAX, 1, 10, "too early" },
		{ "select 1)", STOA_ESYNTAX, 1, 9, "')'" },
		{ "select 'abc", STOA_ESYNTAX, 1, 8, "never closed" },
		{ "select \"abc", STOA_ESYNTAX, 1, 8, "never closed" },
		{ "select /* abc", STOA_ESYNTAX, 1, 8, "never closed" },
		{ "select /* a /* b */", STOA_ESYNTAX, 1, 8, "never closed" },
		{ "select 1abc", STOA_ESYNTAX, 1, 8, "space" },
		{ "select #", STOA_ESYNTAX, 1, 8, "'#'" },
		{ "select 1 ! 2", STOA_ESYNTAX, 1, 10, "'!'" },
		{ "select 1 : 2", STOA_ESYNTAX, 1, 10, "':'" },
		{ "select $", STOA_ESYNTAX, 1, 8, "$1" },
		{ "select ?0", STOA_ESYNTAX, 1, 8, "numbered" },
		{ "select $99999999999", STOA_ESYNTAX, 1, 8, "numbered" },
		{ "select x'1'", STOA_ESYNTAX, 1, 8, "hexadecimal" },
		{ "select x'zz'", STOA_ESYNTAX, 1, 8, "hexadecimal" },
		{ "select 1\n\n\tfrom t wher x", STOA_ESYNTAX, 3, 14, "'x'" },
		{ "select \xff", STOA_ESYNTAX, 1, 8, "UTF-8" },
		{ "select 'a\n\xc3'", STOA_ESYNTAX, 2, 1, "UTF-8" },
		{ "select 1; select 2", STOA_ESYNTAX, 1, 11, "'select'" },
		{ "select a.b..c from t", STOA_ESYNTAX, 1, 12, "'.'" },
		{ "INSERT INTO t VALUE (1)", STOA_ESYNTAX, 1, 15, "'VALUE'" },
		{ " update t set a == 1, = 2", STOA_ESYNTAX, 1, 23, "'='" },
		{ "update t a = 1", STOA_ESYNTAX, 1, 12, "'='" },
		{ "delete t", STOA_ESYNTAX, 1, 8, "'t'" },
		{ "delete from t limit 1", STOA_ESYNTAX, 1, 15, "'limit'" },
		{ "Create table t (a int,)", STOA_ESYNTAX, 1, 23, "')'" },
		{ "create table t ()", STOA_ESYNTAX, 1, 17, "')'" },
		{ "create table t (a int default b)", STOA_ESYNTAX, 1, 32, "')'" },
		{ "create index i on t", STOA_ESYNTAX, 1, 20, "too early" },
		{ "create view v as select 1", STOA_EUNSUPPORTED, 1, 8, "views" },
		{ "alter table t", STOA_ESYNTAX, 1, 14, "too early" },
		{ "drop table if t", STOA_ESYNTAX, 1, 15, "'t'" },
		{ "begin read", STOA_ESYNTAX, 1, 11, "too early" },
		{ "rollback to", STOA_ESYNTAX, 1, 12, "too early" },
		{ "explain explain select 1", STOA_EUNSUPPORTED, 1, 9, "EXPLAIN of such" },
		{ "with recursive a as (select 1) select 1", STOA_EUNSUPPORTED, 1, 6, "RECURSIVE" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof e / sizeof *e; i++) {
		struct stoa_error err;
		int rc = parse(e[i].sql, strlen(e[i].sql), &err);
		if (rc != e[i].code || err.line != e[i].line || err.column != e[i].column ||
		    !strstr(err.text, e[i].word))
			fail_msg("%s\n-> %s at %u:%u: %s", e[i].sql, stoa_result_name(rc),
				 (unsigned)err.line, (unsigned)err.column, err.text);
	}
}

static void all_of_select_parses(void **state)
{
	static const char *const sqls[] = {
		"select 1;;",
		("SELECT DISTINCT a, t.b AS c, t.* FROM t WHERE a = 1 GROUP BY a, 2 HAVING count(*) > 1 "
		 "ORDER BY a DESC NULLS LAST, 2 ASC LIMIT 10 OFFSET 5"),
		"select a from t join u on t.x = u.y left outer join v using (x, y) cross join w, z",
		"with a as (select 1), b (x, y) as (select 2, 3) select * from a, b",
		"select 1 union all select 2 intersect select 3 except select 4 order by 1",
		"values (1, 2), (3, 4)",
		"select (select 1), exists (select 2), a in (select 3) from (select 4) as q",
		"select count(*) over (partition by a order by b), sum(x) filter (where y > 1)",
		"select case a when 1 then 2 else 3 end, case when a then b end",
		"select a between 1 and 2 and b not between 3 and 4 or c not in (1, 2)",
		"select a like b escape c, a not ilike b, a ~ b, a !~* b",
		"select cast(a as decimal(10, 2)), a::double precision, a::character varying",
		"select date '2026-01-01', interval '3' day, interval '3 days', timestamp '2026-01-01 00:00:00'",
		"select year, month, day, first, last, filter, over from t",
		"select extract(year from d), substring(a from 1 for 2), trim(leading 'x' from y), left(a, 1)",
		"select -a + +b * c / d % e ^ f || g, not a and b",
		"select a is null, a is not distinct from b, a isnull, a notnull, a is not unknown",
		"select ?, ?2, $3, \"a\"\"b\", 'it''s', x'00ff', .5, 1.e5, 1e-5",
		"select a from 'file.csv' f",
		"select (1, 2) = (3, 4)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof sqls / sizeof *sqls; i++) {
		struct stoa_error err;
		if (parse(sqls[i], strlen(sqls[i]), &err) != STOA_OK)
			fail_msg("%s\n-> %u:%u: %s", sqls[i], (unsigned)err.line, (unsigned)err.column,
				 err.text);
	}
}

/* @prefix, then @n times @open, then @middle, then @n times @close. */
static char *nested(const char *prefix, const char *open, const char *middle, const char *close,
		    size_t n, size_t *len)
{
	size_t cap = strlen(prefix) + n * (strlen(open) + strlen(close)) + strlen(middle) + 1;
	char *sql = malloc(cap), *p = sql;

	p += sprintf(p, "%s", prefix);
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s", open);
	p += sprintf(p, "%s", middle);
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%s", close);
	*len = (size_t)(p - sql);
	return sql;
}

static void check_nested(const char *open, const char *close, size_t n, bool fine)
{
	struct stoa_error err;
	size_t len;
	char *sql = nested("select ", open, "1", close, n, &len);
	int rc = parse(sql, len, &err);

	if (fine && rc != STOA_OK)
		fail_msg("%zu times %s: %s", n, open, err.text);
	if (!fine && (rc != STOA_EFULL || err.line != 1 || err.column == 0))
		fail_msg("%zu times %s: %s: %s", n, open, stoa_result_name(rc), err.text);
	free(sql);
}

static void depth_is_limited_and_length_is_not(void **state)
{
	(void)state;
	check_nested("- ", "", STOA__SQL_DEPTH_MAX - 1, true);
	check_nested("- ", "", STOA__SQL_DEPTH_MAX, false);
	check_nested("(", ")", 500, true);
	check_nested("(", ")", 100000, false);
	check_nested("not ", "", 100000, false);
	check_nested("", " + 1", 100000, false);
	check_nested("", " and 1", 50000, true);
	check_nested("", " or 1", 50000, true);
	check_nested("", ", 1", 50000, true);
	check_nested("case when 1 then ", " end", 100000 / 2, false);
	check_nested("(select ", ")", 10000, false);
	check_nested("1 in (", ")", 10000, false);
}

static void a_statement_too_long_is_refused(void **state)
{
	struct stoa_error err;
	size_t len;
	char *sql = nested("select ", " ", "1", "", STOA__SQL_BYTES_MAX - 8, &len);

	(void)state;
	assert_int_equal(len, STOA__SQL_BYTES_MAX);
	assert_int_equal(parse(sql, len, &err), STOA_OK);
	free(sql);
	sql = nested("select ", " ", "1", "", STOA__SQL_BYTES_MAX - 7, &len);
	assert_int_equal(parse(sql, len, &err), STOA_EFULL);
	free(sql);
}

/* ---- odd input ------------------------------------------------------------------------------ */

static const char *const seeds[] = {
	"select a, b + 1.5 * c as d from t where a like '%x_' escape '!' and b in (1, 2, null) or not c",
	"select distinct case when a is not null then b::int else cast(c as decimal(5, 2)) end from t",
	"select count(*) filter (where a > 1), sum(distinct b) from t group by 1 having max(c) < 3 order by 2 desc",
	"select date '2026-01-01' + interval '3' month, extract(year from d), \"q\"\"q\", 'it''s', x'00', ?1 limit 3",
};
static const char *const pieces[] = {
	"select", "(", ")", ",", "from", "'", "\"", "/*", "*/", "--", "case", "when", "end", "null", ".", "1",
	"e", "in", "between", "and", "$", "?", "::", "||", "\0", "\xff", "over", "union", "is", "not", "x'",
};
#define N_PIECES (sizeof pieces / sizeof *pieces)

/* Puts a random byte or piece at a random place, or takes some bytes out. */
static size_t mutate(uint64_t *rng, char *sql, size_t len, size_t cap)
{
	size_t at = testing_below(rng, len + 1);

	switch (testing_below(rng, 3)) {
	case 0:
		if (at < len)
			sql[at] = (char)testing_below(rng, 256);
		return len;
	case 1: {
		size_t n = testing_below(rng, 9);
		if (n > len - at)
			n = len - at;
		memmove(sql + at, sql + at + n, len - at - n);
		return len - n;
	}
	default: {
		const char *piece = pieces[testing_below(rng, N_PIECES)];
		size_t n = strlen(piece) ? strlen(piece) : 1;
		if (len + n > cap)
			return len;
		memmove(sql + at + n, sql + at, len - at);
		memcpy(sql + at, piece, n);
		return len + n;
	}
	}
}

static void mutated_statements_never_crash(void **state)
{
	uint64_t rng = testing_seed();
	size_t rounds = testing_long() ? 2000000 : 40000;
	char sql[1024];

	(void)state;
	for (size_t i = 0; i < rounds; i++) {
		struct stoa_error err;
		const char *seed = seeds[i % 4];
		size_t len = strlen(seed), n = testing_below(&rng, 6);
		memcpy(sql, seed, len);
		for (size_t k = 0; k <= n; k++)
			len = mutate(&rng, sql, len, sizeof sql);
		/* In a block of its own size, so that a sanitizer sees a byte too far. */
		char *exact = malloc(len ? len : 1);
		memcpy(exact, sql, len);
		int rc = parse(exact, len, &err);
		free(exact);
		assert_true(rc == STOA_OK || rc == STOA_ESYNTAX || rc == STOA_EUNSUPPORTED);
		if (rc < 0)
			assert_true(err.line >= 1 && err.column >= 1 && err.text[0]);
	}
}

static void random_bytes_never_crash(void **state)
{
	uint64_t rng = testing_seed() + 1;

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		struct stoa_error err;
		size_t len = testing_below(&rng, 64);
		char *sql = malloc(len ? len : 1);
		for (size_t k = 0; k < len; k++)
			sql[k] = (char)(testing_below(&rng, 4) ? 32 + testing_below(&rng, 95) :
								  testing_below(&rng, 256));
		assert_true(parse(sql, len, &err) < 0);
		free(sql);
	}
}

static void parsing_survives_every_allocation_that_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (long nth = 0;; nth++) {
			struct stoa_error err;
			stoa__fault_arm(nth, false);
			int rc = parse(seeds[i], strlen(seeds[i]), &err);
			bool fired = stoa__fault_disarm();
			assert_int_equal(rc, fired ? STOA_ENOMEM : STOA_OK);
			if (!fired)
				break;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_say_where),
		cmocka_unit_test(all_of_select_parses),
		cmocka_unit_test(depth_is_limited_and_length_is_not),
		cmocka_unit_test(a_statement_too_long_is_refused),
		cmocka_unit_test(mutated_statements_never_crash),
		cmocka_unit_test(random_bytes_never_crash),
		cmocka_unit_test(parsing_survives_every_allocation_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
