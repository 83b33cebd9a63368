/* SPDX-License-Identifier: MIT */
/*
 * join_differential_test.c - random joins, subqueries and set operations must agree with SQLite,
 * and with DuckDB where there is one
 *
 * A subquery that stoa refuses, because it is correlated in a way that is not supported, is
 * counted: few may be.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relations.h"

/* ---- the test -------------------------------------------------------------------------------- */

/* By stoa, or by SQLite, which lets no ON of a RIGHT or FULL JOIN read what it flattened in. */
static bool is_refused(struct relations *w, const char *sql)
{
	struct stoa_error err;
	stoa_stmt *stmt;
	sqlite3_stmt *lite;
	int rc = stoa_prepare(w->txn, sql, strlen(sql), &stmt, &err);

	if (rc == STOA_OK)
		stoa_stmt_free(stmt);
	w->n_refused += rc == STOA_EUNSUPPORTED;
	if (sqlite3_prepare_v2(w->lite, sql, -1, &lite, NULL) != SQLITE_OK)
		return strstr(sqlite3_errmsg(w->lite), "tables to its right") != NULL;
	sqlite3_finalize(lite);
	return rc == STOA_EUNSUPPORTED;
}

static void one_query(struct relations *w)
{
	char *sql;
	size_t len;

	w->f = open_memstream(&sql, &len);
	relations_statement(w);
	fclose(w->f);
	if (!is_refused(w, sql))
		compare_answers(w->txn, w->lite, w->not_duck ? NULL : w->duck, sql, sql, sql,
				false);
	free(sql);
}

static void random_joins_agree_with_sqlite(void **state)
{
	static const struct {
		size_t n_rows, n_queries;
		unsigned spread;
	} plan[] = {
		{ 0, 100, 4 }, { 4, 400, 4 }, { 25, 700, 9 }, { 60, 300, 30 }, { 3000, 12, 3000 }
	};
	struct relations w = { .rng = testing_seed(), .wants_duck = true };
	unsigned factor = testing_long() ? 50 : 1, n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof plan / sizeof *plan; i++) {
		relations_open(&w, plan[i].n_rows, plan[i].spread);
		for (size_t k = 0; k < plan[i].n_queries * factor; k++, n++)
			one_query(&w);
		relations_close(&w);
	}
	printf("%u of %u were refused\n", w.n_refused, n);
	assert_true(w.n_refused < n / 5);
	duck_report();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_joins_agree_with_sqlite),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
