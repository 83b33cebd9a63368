/* SPDX-License-Identifier: MIT */
/*
 * rewrite_test.c - a query and what it is rewritten to by a law of SQL have the same answer
 *
 * No second database is asked, so this finds what all of them agree to do wrong, and laws reach
 * where the common ground of dialects ends. Tables, joins and conditions are random
 * (relations.h); a law makes two queries of them:
 *
 *     rows            = those where p, where NOT p, and where p IS NULL
 *     count(*) WHERE p = how often p is true, when all rows are read (nothing to push down)
 *     a JOIN b ON c   = b, a WHERE c          LEFT JOIN = JOIN and the rows without partner
 *     IN, EXISTS      = joins with distinct keys
 *     aggregates      = aggregates of the aggregates of parts
 *     LIMIT           = that part of the whole
 *
 * The first two are Rigger and Su's: Finding bugs in database systems via query partitioning
 * (OOPSLA 2020), Detecting optimization bugs via non-optimizing reference engine construction
 * (FSE 2020). A condition that stoa refuses, since a subquery is correlated in a way that is not
 * supported, is counted: few may be.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relations.h"

/* What a law has to work with. */
struct parts {
	struct relations *w;
	char *from;                      /* " FROM ..." */
	char *p, *q;                     /* conditions on it */
	char key[8], number[8], word[8]; /* columns of it */
	char on[64];                     /* a condition of r1 and r2 alone, which are any tables */
	unsigned few;                    /* a small number */
};

static char *write_out(struct relations *w, void (*write)(struct relations *w))
{
	char *text;
	size_t len;

	w->f = open_memstream(&text, &len);
	write(w);
	fclose(w->f);
	return text;
}

static void write_condition(struct relations *w)
{
	relations_condition(w, 2);
}

static void name_column(struct parts *x, char *out, const char *columns)
{
	struct relations *w = x->w;

	sprintf(out, "r%u.%c", w->visible[relations_below(w, w->n_visible)],
		columns[relations_below(w, (unsigned)strlen(columns))]);
}

static void make_parts(struct parts *x, struct relations *w)
{
	static const char *const equal[] = { "r1.i = r2.i", "r1.j = r2.i", "r1.s = r2.s",
					     "r1.n = r2.j" };
	static const char *const more[] = { "", "", " AND r1.n > r2.n", " AND r1.j = r2.j" };

	x->w = w;
	x->from = write_out(w, relations_from);
	x->p = write_out(w, write_condition);
	x->q = write_out(w, write_condition);
	name_column(x, x->key, "ijns");
	name_column(x, x->number, "ijn");
	name_column(x, x->word, "ss");
	x->few = relations_below(w, 6);
	sprintf(x->on, "%s%s", equal[relations_below(w, 4)], more[relations_below(w, 4)]);
}

static void free_parts(struct parts *x)
{
	free(x->from);
	free(x->p);
	free(x->q);
}

/* ---- laws: each writes two queries ----------------------------------------------------------- */

/* @before, FROM and WHERE, @after; for each truth that p can have. */
static void in_parts(const struct parts *x, FILE *f, const char *before, const char *after)
{
	fprintf(f, "SELECT %s%s WHERE (%s)%s", before, x->from, x->p, after);
	fprintf(f, " UNION ALL SELECT %s%s WHERE NOT (%s)%s", before, x->from, x->p, after);
	fprintf(f, " UNION ALL SELECT %s%s WHERE (%s) IS NULL%s", before, x->from, x->p, after);
}

static void rows_are_split_by_a_condition(const struct parts *x, FILE *a, FILE *b)
{
	char columns[40];

	sprintf(columns, "%s, %s, %s", x->key, x->number, x->word);
	fprintf(a, "SELECT %s%s", columns, x->from);
	in_parts(x, b, columns, "");
}

static void aggregates_are_split(const struct parts *x, FILE *a, FILE *b)
{
	char columns[200];

	snprintf(columns, sizeof columns,
		 "count(*) AS n, count(%s) AS m, sum(%s) AS t, min(%s) AS lo, max(%s) AS hi",
		 x->key, x->number, x->word, x->number);
	fprintf(a, "SELECT %s%s", columns, x->from);
	fputs("SELECT sum(n), sum(m), sum(t), min(lo), max(hi) FROM (", b);
	in_parts(x, b, columns, "");
	fputs(") parts", b);
}

static void groups_are_split(const struct parts *x, FILE *a, FILE *b)
{
	char columns[200], after[40];

	snprintf(columns, sizeof columns, "%s AS k, count(*) AS n, sum(%s) AS t, max(%s) AS hi",
		 x->key, x->number, x->word);
	sprintf(after, " GROUP BY %s", x->key);
	fprintf(a, "SELECT %s%s%s", columns, x->from, after);
	fputs("SELECT k, sum(n), sum(t), max(hi) FROM (", b);
	in_parts(x, b, columns, after);
	fputs(") parts GROUP BY k", b);
}

static void averages_are_sums_by_counts(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT %s, avg(%s)%s WHERE %s GROUP BY 1", x->key, x->number, x->from, x->p);
	fprintf(b,
		"SELECT %s, sum(%s) / CAST(nullif(count(%s), 0) AS double)%s WHERE %s GROUP BY 1",
		x->key, x->number, x->number, x->from, x->p);
}

static void conditions_count_the_same_unpushed(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT count(*), sum(%s)%s WHERE %s", x->number, x->from, x->p);
	fprintf(b, "SELECT count(CASE WHEN %s THEN 1 END), sum(CASE WHEN %s THEN %s END)%s", x->p,
		x->p, x->number, x->from);
}

static void a_filter_is_a_where(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT count(*), min(%s), sum(%s)%s WHERE %s", x->word, x->number, x->from,
		x->p);
	fprintf(b,
		"SELECT count(*) FILTER (WHERE %s), min(%s) FILTER (WHERE %s), "
		"sum(%s) FILTER (WHERE %s)%s",
		x->p, x->word, x->p, x->number, x->p, x->from);
}

static void distinct_rows_are_groups(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT DISTINCT %s, %s%s WHERE %s", x->key, x->word, x->from, x->p);
	fprintf(b, "SELECT %s, %s%s WHERE %s GROUP BY %s, %s", x->key, x->word, x->from, x->p,
		x->key, x->word);
}

static void distinct_counts_are_counts_of_groups(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT count(DISTINCT %s), sum(DISTINCT %s)%s WHERE %s", x->number, x->number,
		x->from, x->p);
	fprintf(b, "SELECT count(k), sum(k) FROM (SELECT %s AS k%s WHERE %s GROUP BY %s) x",
		x->number, x->from, x->p, x->number);
}

static void having_is_a_where_above(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT %s, count(*), max(%s)%s GROUP BY %s HAVING count(*) > %u", x->key,
		x->number, x->from, x->key, x->few);
	fprintf(b,
		"SELECT k, n, hi FROM (SELECT %s AS k, count(*) AS n, max(%s) AS hi%s GROUP BY %s) x "
		"WHERE n > %u",
		x->key, x->number, x->from, x->key, x->few);
}

static void and_is_de_morgans(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT %s, %s%s WHERE (%s) AND (%s)", x->key, x->word, x->from, x->p, x->q);
	fprintf(b, "SELECT %s, %s%s WHERE NOT (NOT (%s) OR NOT (%s))", x->key, x->word, x->from,
		x->p, x->q);
}

static void or_is_one_and_then_the_other(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT %s, %s%s WHERE (%s) OR (%s)", x->key, x->word, x->from, x->p, x->q);
	fprintf(b,
		"SELECT %s, %s%s WHERE %s UNION ALL SELECT %s, %s%s WHERE (%s) AND (%s) IS NOT TRUE",
		x->key, x->word, x->from, x->p, x->key, x->word, x->from, x->q, x->p);
}

static void union_is_distinct(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT %s, %s%s WHERE %s UNION SELECT %s, %s%s WHERE %s", x->number, x->word,
		x->from, x->p, x->number, x->word, x->from, x->q);
	fprintf(b,
		"SELECT DISTINCT k, s FROM (SELECT %s AS k, %s AS s%s WHERE %s "
		"UNION ALL SELECT %s, %s%s WHERE %s) x",
		x->number, x->word, x->from, x->p, x->number, x->word, x->from, x->q);
}

static void with_stands_for_its_query(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT %s, %s%s WHERE %s", x->key, x->number, x->from, x->p);
	fprintf(b, "WITH x AS (SELECT %s AS k, %s AS v%s WHERE %s) SELECT k, v FROM x", x->key,
		x->number, x->from, x->p);
}

static void an_inner_join_is_a_where(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT r1.i, r1.n, r2.j, r2.s FROM ta r1 JOIN tb r2 ON %s WHERE r2.n > %u",
		x->on, x->few);
	fprintf(b,
		"SELECT r1.i, r1.n, r2.j, r2.s FROM tb r2 CROSS JOIN ta r1 WHERE r2.n > %u AND %s",
		x->few, x->on);
}

static void an_outer_join_is_an_inner_one_and_the_rest(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT r1.i, r1.n, r2.j, r2.s FROM ta r1 LEFT JOIN tb r2 ON %s", x->on);
	fprintf(b,
		"SELECT r1.i, r1.n, r2.j, r2.s FROM ta r1 JOIN tb r2 ON %s UNION ALL SELECT r1.i, "
		"r1.n, NULL, NULL FROM ta r1 WHERE NOT EXISTS (SELECT 1 FROM tb r2 WHERE %s)",
		x->on, x->on);
}

static void a_full_join_is_a_left_one_and_the_rest(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT r1.i, r1.n, r2.j, r2.s FROM td r1 FULL JOIN tb r2 ON %s", x->on);
	fprintf(b,
		"SELECT r1.i, r1.n, r2.j, r2.s FROM tb r2 RIGHT JOIN td r1 ON %s UNION ALL SELECT "
		"NULL, NULL, r2.j, r2.s FROM tb r2 WHERE NOT EXISTS (SELECT 1 FROM td r1 WHERE %s)",
		x->on, x->on);
}

static void in_is_a_join_with_distinct_keys(const struct parts *x, FILE *a, FILE *b)
{
	static const char *const columns[] = { "i", "j", "n", "s" };
	const char *c = columns[x->few % 4], *d = x->few % 4 == 3 ? "s" : columns[x->few % 3];

	fprintf(a,
		"SELECT r1.i, r1.n, r1.s FROM ta r1 WHERE r1.%s IN (SELECT r2.%s FROM tb r2 "
		"WHERE r2.n > %u)",
		c, d, x->few * 9);
	fprintf(b,
		"SELECT r1.i, r1.n, r1.s FROM ta r1 JOIN (SELECT DISTINCT r2.%s AS d FROM tb r2 "
		"WHERE r2.n > %u) x ON x.d = r1.%s",
		d, x->few * 9, c);
}

static void exists_is_a_count(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a,
		"SELECT r1.i, r1.n FROM ta r1 WHERE %sEXISTS (SELECT 1 FROM tb r2 WHERE "
		"r2.i = r1.j AND r2.n > %u)",
		x->few % 2 ? "NOT " : "", x->few * 9);
	fprintf(b,
		"SELECT r1.i, r1.n FROM ta r1 WHERE (SELECT count(*) FROM tb r2 WHERE "
		"r2.i = r1.j AND r2.n > %u) %s 0",
		x->few * 9, x->few % 2 ? "=" : ">");
}

static void not_in_is_no_row_that_might_be_equal(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a,
		"SELECT r1.i, r1.n FROM ta r1 WHERE r1.j NOT IN (SELECT r2.i FROM td r2 WHERE "
		"r2.n > %u)",
		x->few * 15);
	fprintf(b,
		"SELECT r1.i, r1.n FROM ta r1 WHERE (SELECT count(*) FROM td r2 WHERE r2.n > %u) "
		"= 0 OR (r1.j IS NOT NULL AND NOT EXISTS (SELECT 1 FROM td r2 WHERE r2.n > %u AND "
		"r2.i = r1.j) AND NOT EXISTS (SELECT 1 FROM td r2 WHERE r2.n > %u AND r2.i IS NULL))",
		x->few * 15, x->few * 15, x->few * 15);
}

/* As a value, so that false and NULL differ, and as a condition of WHERE. */
static void quantifiers_ask_for_what_holds_and_what_may(const struct parts *x, FILE *a, FILE *b)
{
	static const char *const ops[] = { "=", "<>", "<", "<=", ">", ">=" };
	const char *op = ops[x->few % 6], *column = relations_below(x->w, 2) ? "i" : "n";
	bool any = relations_below(x->w, 2), correlated = relations_below(x->w, 2);
	char rows[100], test[300], value[600];

	sprintf(rows, "tb r2 WHERE r2.n > %u%s", x->few * 5, correlated ? " AND r2.j = r1.i" : "");
	sprintf(test, "r1.j %s %s (SELECT r2.%s FROM %s)", op, any ? "ANY" : "ALL", column, rows);
	sprintf(value,
		"CASE WHEN EXISTS (SELECT 1 FROM %s AND %s(r1.j %s r2.%s)) THEN %s WHEN EXISTS "
		"(SELECT 1 FROM %s AND (r1.j %s r2.%s) IS NULL) THEN NULL ELSE %s END",
		rows, any ? "" : "NOT ", op, column, any ? "true" : "false", rows, op, column,
		any ? "false" : "true");
	fprintf(a, "SELECT r1.i, r1.n, r1.j, %s FROM ta r1 UNION ALL SELECT r1.i, r1.n, r1.j, true "
		   "FROM ta r1 WHERE %s", test, test);
	fprintf(b, "SELECT r1.i, r1.n, r1.j, %s FROM ta r1 UNION ALL SELECT r1.i, r1.n, r1.j, true "
		   "FROM ta r1 WHERE %s", value, value);
}

static void a_row_is_in_a_query_if_one_is_equal(const struct parts *x, FILE *a, FILE *b)
{
	const char *not = x->few % 2 ? "NOT " : "";

	fprintf(a,
		"SELECT r1.i, r1.n, r1.s FROM ta r1 WHERE %s(r1.j, r1.s) IN (SELECT r2.i, r2.s FROM "
		"tb r2 WHERE r2.n > %u)", not, x->few * 9);
	if (x->few % 2)
		fprintf(b,
			"SELECT r1.i, r1.n, r1.s FROM ta r1 WHERE NOT EXISTS (SELECT 1 FROM tb r2 WHERE "
			"r2.n > %u AND ((r1.j = r2.i AND r1.s = r2.s) IS NULL OR (r1.j = r2.i AND r1.s = "
			"r2.s)))", x->few * 9);
	else
		fprintf(b,
			"SELECT r1.i, r1.n, r1.s FROM ta r1 WHERE EXISTS (SELECT 1 FROM tb r2 WHERE "
			"r2.n > %u AND r1.j = r2.i AND r1.s = r2.s)", x->few * 9);
}

static void set_operations_are_joins(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a, "SELECT r1.i, r1.s FROM ta r1 %s SELECT r2.i, r2.s FROM tb r2",
		x->few % 2 ? "INTERSECT" : "EXCEPT");
	fprintf(b,
		"SELECT DISTINCT r1.i, r1.s FROM ta r1 WHERE %sEXISTS (SELECT 1 FROM tb r2 WHERE "
		"r2.i IS NOT DISTINCT FROM r1.i AND r2.s IS NOT DISTINCT FROM r1.s)",
		x->few % 2 ? "" : "NOT ");
}

static void joins_are_made_in_any_order(const struct parts *x, FILE *a, FILE *b)
{
	fprintf(a,
		"SELECT r1.n, r2.n, r3.n FROM ta r1, tb r2, td r3 WHERE %s AND r2.i = r3.i AND "
		"r3.n > r1.n",
		x->on);
	fprintf(b,
		"SELECT r1.n, r2.n, r3.n FROM td r3 JOIN (tb r2 JOIN ta r1 ON %s) ON "
		"r2.i = r3.i AND r3.n > r1.n",
		x->on);
}

typedef void law(const struct parts *x, FILE *a, FILE *b);
static law *const laws[] = {
	rows_are_split_by_a_condition,
	aggregates_are_split,
	groups_are_split,
	averages_are_sums_by_counts,
	conditions_count_the_same_unpushed,
	a_filter_is_a_where,
	distinct_rows_are_groups,
	distinct_counts_are_counts_of_groups,
	having_is_a_where_above,
	and_is_de_morgans,
	or_is_one_and_then_the_other,
	union_is_distinct,
	with_stands_for_its_query,
	an_inner_join_is_a_where,
	an_outer_join_is_an_inner_one_and_the_rest,
	a_full_join_is_a_left_one_and_the_rest,
	in_is_a_join_with_distinct_keys,
	exists_is_a_count,
	not_in_is_no_row_that_might_be_equal,
	quantifiers_ask_for_what_holds_and_what_may,
	a_row_is_in_a_query_if_one_is_equal,
	set_operations_are_joins,
	joins_are_made_in_any_order,
};
#define N_LAWS (sizeof laws / sizeof *laws)

/* ---- the tests ------------------------------------------------------------------------------- */

/* False, and counted: stoa does not take it. */
static bool ask(struct relations *w, const char *sql, struct answer *out)
{
	struct stoa_error err;
	int rc = ask_stoa(w->txn, sql, out, &err);

	if (rc < 0 && rc != STOA_EUNSUPPORTED)
		fail_msg("%s\n%s at column %u: %s", sql, stoa_result_name(err.code),
			 (unsigned)err.column, err.text);
	w->n_refused += rc < 0;
	return rc >= 0;
}

static void try_law(struct relations *w, law *make)
{
	struct answer a = { 0 }, b = { 0 };
	struct parts x;
	char *one, *two;
	size_t len;

	make_parts(&x, w);
	FILE *f = open_memstream(&one, &len), *g = open_memstream(&two, &len);
	make(&x, f, g);
	fclose(f);
	fclose(g);
	if (ask(w, one, &a) && ask(w, two, &b))
		same_answers(one, &a, "rewritten", two, &b, false);
	answer_release(&a);
	answer_release(&b);
	free(one);
	free(two);
	free_parts(&x);
}

/* ORDER BY all columns, so that there is one answer. */
static void try_limit(struct relations *w)
{
	struct answer all = { 0 }, some = { 0 }, want = { 0 };
	unsigned limit = relations_below(w, 20), offset = relations_below(w, 8);
	const char *how = relations_chance(w, 50) ? " DESC" : " NULLS FIRST";
	struct parts x;
	char *whole = NULL, *part = NULL;

	make_parts(&x, w);
	if (asprintf(&whole, "SELECT %s, %s, %s%s WHERE %s ORDER BY 1%s, 2, 3 DESC", x.key,
		     x.number, x.word, x.from, x.p, how) < 0 ||
	    asprintf(&part, "%s LIMIT %u OFFSET %u", whole, limit, offset) < 0)
		fail_msg("no memory");
	if (ask(w, whole, &all) && ask(w, part, &some)) {
		want = all;
		want.items += offset < all.n ? offset : all.n;
		want.n -= offset < all.n ? offset : all.n;
		want.n = want.n < limit ? want.n : limit;
		same_answers(part, &some, "the part of the whole", whole, &want, true);
	}
	answer_release(&all);
	answer_release(&some);
	free(whole);
	free(part);
	free_parts(&x);
}

static void queries_and_their_rewrites_agree(void **state)
{
	static const struct {
		size_t n_rows;
		unsigned spread, n;
	} plan[] = { { 0, 4, 5 }, { 3, 4, 40 }, { 25, 9, 80 }, { 60, 30, 40 }, { 1000, 1000, 1 } };
	struct relations w = { .rng = testing_seed() };
	unsigned factor = testing_long() ? 50 : 1, n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
		relations_open(&w, plan[i].n_rows, plan[i].spread);
		for (size_t k = 0; k < plan[i].n * factor; k++) {
			for (size_t l = 0; l < N_LAWS; l++)
				try_law(&w, laws[l]);
			try_limit(&w);
			n += 2 * (N_LAWS + 1);
		}
		relations_close(&w);
	}
	printf("%u of %u were refused\n", w.n_refused, n);
	assert_true(w.n_refused < n / 5);
}

/* That a law which does not hold would be noticed. */
static void a_wrong_law_is_seen(void **state)
{
	struct relations w = { .rng = 1 };
	bool seen = false;

	(void)state;
	relations_open(&w, 25, 9);
	for (int i = 0; i < 20 && !seen; i++) {
		struct answer all = { 0 }, some = { 0 };
		struct parts x;
		char sql[8000];
		make_parts(&x, &w);
		snprintf(sql, sizeof sql, "SELECT %s%s", x.key, x.from);
		seen = ask(&w, sql, &all);
		snprintf(sql, sizeof sql, "SELECT %s%s WHERE %s", x.key, x.from, x.p);
		seen = ask(&w, sql, &some) && seen && some.n < all.n;
		answer_release(&all);
		answer_release(&some);
		free_parts(&x);
	}
	relations_close(&w);
	assert_true(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_and_their_rewrites_agree),
		cmocka_unit_test(a_wrong_law_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
