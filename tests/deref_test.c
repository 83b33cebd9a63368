/* SPDX-License-Identifier: MIT */
/*
 * deref_test.c - references followed by a dot in SQL, and joins on a rowid
 *
 * What queries say of random graphs, which change, are committed, sealed, compacted and reopened,
 * against rows that are got one by one; each query against an equal one that is planned otherwise;
 * and examples.
 */
#include "testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/stoa.h"
#include "show.h"

struct fixture {
	char *dir;
	stoa_db *db;
	stoa_txn *txn;
	stoa_table city, person;
	stoa_rowid n_cities, n_people;	/* ever inserted */
	struct stoa_error err;
};
enum { NAME, CITY, BOSS, FRIEND, N_PERSON };
enum { C_NAME, C_SIZE, C_WARM, C_NOTE, C_ID, N_CITY };

static uint64_t rng;

static void ok(const struct fixture *f, int rc)
{
	must(rc, &f->err);
}

static void open_db(struct fixture *f)
{
	ok(f, stoa_open(testing_path(f->dir, "db.stoa"), NULL, &f->db, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

static int set_up(void **state)
{
	static struct fixture f;
	static const struct stoa_slot city[N_CITY] = {
		{ .name = "name", .type = STOA_STRING }, { .name = "size", .type = STOA_U16 },
		{ .name = "warm", .type = STOA_BOOL },	 { .name = "note", .type = STOA_TEXT },
		{ .name = "id", .type = STOA_UUID },
	};
	struct stoa_slot person[N_PERSON] = {
		{ .name = "name", .type = STOA_TEXT }, { .name = "city", .type = STOA_REF },
		{ .name = "boss", .type = STOA_REF },  { .name = "friend", .type = STOA_WEAK_REF },
	};

	testing_in_memory();
	f = (struct fixture){ .dir = testing_tempdir() };
	open_db(&f);
	ok(&f, stoa_table_create(f.txn, "city", city, N_CITY, &f.city, &f.err));
	person[CITY].target = f.city;
	ok(&f, stoa_table_create(f.txn, "person", person, N_PERSON, &f.person, &f.err));
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stoa_abort(f->txn);
	ok(f, stoa_close(f->db, &f->err));
	testing_rmtree(f->dir);
	return 0;
}

/* ---- a graph that changes -------------------------------------------------------------------- */

static void add_city(struct fixture *f)
{
	uint64_t x = testing_random(&rng);
	char name[40], note[80];
	struct stoa_value v[N_CITY] = { stoa_null(), stoa_null(), stoa_null(), stoa_null(), stoa_null() };

	snprintf(name, sizeof name, "city %d", (int)(x % 7));
	snprintf(note, sizeof note, "a note about %llx, which is longer than a name",
		 (unsigned long long)x);
	v[C_NAME] = stoa_bytes_value(STOA_STRING, name, (uint32_t)strlen(name));
	if (x % 5)
		v[C_SIZE] = stoa_i64((int64_t)(x >> 8 & 0xffff));
	if (x % 3)
		v[C_WARM] = stoa_bool(x >> 32 & 1);
	if (x % 4)
		v[C_NOTE] = stoa_text(note);
	if (x % 6) {
		v[C_ID].type = STOA_UUID;
		memcpy(v[C_ID].uuid, &x, sizeof x);
	}
	ok(f, stoa_insert(f->txn, f->city, v, N_CITY, &f->n_cities, &f->err));
}

/* A row of @table that exists, or NULL. */
static struct stoa_value any_row(struct fixture *f, stoa_table table, stoa_rowid n)
{
	struct stoa_value v[N_CITY];
	stoa_rowid row = 1 + testing_below(&rng, n + 1);

	if (stoa_get(f->txn, table, row, v, table == f->city ? N_CITY : N_PERSON, &f->err) < 0)
		return stoa_null();
	return stoa_ref(row);
}

static void person_values(struct fixture *f, char *name, size_t size, struct stoa_value *v)
{
	snprintf(name, size, "person %llu", (unsigned long long)(testing_random(&rng) % 1000));
	v[NAME] = stoa_text(name);
	v[CITY] = any_row(f, f->city, f->n_cities);
	v[BOSS] = any_row(f, f->person, f->n_people);
	v[FRIEND] = any_row(f, f->person, f->n_people);
}

static void change(struct fixture *f)
{
	static const uint32_t slots[N_PERSON] = { NAME, CITY, BOSS, FRIEND };
	stoa_rowid row = 1 + testing_below(&rng, f->n_people + 1);
	struct stoa_value v[N_PERSON];
	char name[40];
	int rc = STOA_OK;

	switch (testing_below(&rng, 8)) {
	case 0: add_city(f); break;
	case 1: rc = stoa_delete(f->txn, f->city, 1 + testing_below(&rng, f->n_cities + 1), &f->err); break;
	case 2: rc = stoa_delete(f->txn, f->person, row, &f->err); break;
	case 3:
		person_values(f, name, sizeof name, v);
		rc = stoa_update(f->txn, f->person, row, slots, v, N_PERSON, &f->err);
		break;
	default:
		person_values(f, name, sizeof name, v);
		rc = stoa_insert(f->txn, f->person, v, N_PERSON, &f->n_people, &f->err);
		break;
	}
	if (rc != STOA_ENOTFOUND)
		ok(f, rc);
}

static void disturb(struct fixture *f)
{
	ok(f, stoa_commit(f->txn, &f->err));
	switch (testing_below(&rng, 4)) {
	case 0: ok(f, stoa_checkpoint(f->db, &f->err)); break;
	case 1: ok(f, stoa_gc_collect(f->db, 2, NULL, &f->err)); break;
	case 2: ok(f, stoa_close(f->db, &f->err)); open_db(f); return;
	default: break;
	}
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
}

/* ---- what it should say ---------------------------------------------------------------------- */

/* The row that @v refers to, in @out; false if there is none. Bytes are good until the next. */
static bool follow(struct fixture *f, const struct stoa_value *v, bool is_city, struct stoa_value *out)
{
	for (int i = 0; i < N_CITY; i++)
		out[i] = stoa_null();
	if (v->type == STOA_NULL)
		return false;
	int rc = stoa_get(f->txn, is_city ? f->city : f->person, v->u, out,
			  is_city ? N_CITY : N_PERSON, &f->err);
	return rc == STOA_OK;
}

static void print(FILE *f, const struct stoa_value *v, char end)
{
	char text[200];
	size_t n = stoa_value_print(v, text, sizeof text);

	fprintf(f, "%.*s%c", v->type == STOA_NULL ? 1 : (int)n, v->type == STOA_NULL ? "~" : text, end);
}

#define QUERY                                                                                   \
	"SELECT p.rowid, p.city.name, city.size, p.city.warm, city.note, city.id, p.boss.name, " \
	"p.boss.city.note, boss.boss.boss.name, p.friend.name, friend.city.size, boss.friend.name "

static void print_person(struct fixture *f, FILE *out, stoa_rowid row)
{
	struct stoa_value me[N_CITY], boss[N_CITY], a[N_CITY], ref = stoa_ref(row);

	follow(f, &ref, false, me);
	fprintf(out, "%llu|", (unsigned long long)row);
	follow(f, &me[CITY], true, a);
	for (int i = 0; i < N_CITY; i++)
		print(out, &a[i], '|');
	follow(f, &ref, false, me);
	follow(f, &me[BOSS], false, boss);
	print(out, &boss[NAME], '|');
	follow(f, &boss[CITY], true, a);
	print(out, &a[C_NOTE], '|');
	follow(f, &ref, false, me);
	follow(f, &me[BOSS], false, boss);
	follow(f, &boss[BOSS], false, a);
	struct stoa_value up = a[BOSS];
	follow(f, &up, false, a);
	print(out, &a[NAME], '|');
	follow(f, &ref, false, me);
	follow(f, &me[FRIEND], false, boss);
	print(out, &boss[NAME], '|');
	follow(f, &boss[CITY], true, a);
	print(out, &a[C_SIZE], '|');
	follow(f, &ref, false, me);
	follow(f, &me[BOSS], false, boss);
	follow(f, &boss[FRIEND], false, a);
	print(out, &a[NAME], '\n');
}

/* The members among the people, by the table itself. */
static char *expected(struct fixture *f)
{
	char *text, *rows = show_query(f->txn, "SELECT rowid FROM person ORDER BY rowid", &f->err);
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(rows);
	for (char *line = strtok(rows, "\n"); line; line = strtok(NULL, "\n"))
		print_person(f, out, strtoull(line, NULL, 10));
	fclose(out);
	free(rows);
	return text;
}

static void assert_same(struct fixture *f, const char *a, const char *b)
{
	char *x = show_query(f->txn, a, &f->err);
	if (!x)
		fail_msg("%s\n-> %s", a, f->err.text);
	char *y = show_query(f->txn, b, &f->err);
	if (!y)
		fail_msg("%s\n-> %s", b, f->err.text);
	if (strcmp(x, y) != 0)
		fail_msg("%s\n-> %s\nbut %s\n-> %s", a, x, b, y);
	free(x);
	free(y);
}

static void compare(struct fixture *f)
{
	char *want = expected(f), *got = show_query(f->txn, QUERY "FROM person p", &f->err);

	if (!got)
		fail_msg("%s", f->err.text);
	if (strcmp(got, want) != 0)
		fail_msg("%s\nnot %s", got, want);
	free(got);
	/* What few rows ask for is read one by one. */
	assert_same(f, QUERY "FROM person p WHERE p.rowid % 40 = 3",
		    "SELECT * FROM (" QUERY "FROM person p LIMIT 100000) x WHERE x.rowid % 40 = 3");
	assert_same(f, "SELECT name FROM person p WHERE p.city.size > 20000 AND boss.city.warm",
		    "SELECT name FROM (SELECT p.*, p.city.size AS s, boss.city.warm AS w FROM person p) x "
		    "WHERE s > 20000 AND w");
	assert_same(f, "SELECT count(*), sum(n) FROM (SELECT p.city.name, count(*) AS n FROM person p "
		       "GROUP BY p.city.name) x",
		    "SELECT count(DISTINCT coalesce(p.city.name, 'none')), count(*) FROM person p");
	free(want);
}

static void dots_say_what_rows_got_one_by_one_say(void **state)
{
	struct fixture *f = *state;
	int rounds = testing_long() ? 200 : 12;

	for (int round = 0; round < rounds; round++) {
		for (uint64_t i = 20 + testing_below(&rng, 300); i > 0; i--)
			change(f);
		compare(f);
		disturb(f);
		compare(f);
	}
}

static void memory_may_run_out_anywhere(void **state)
{
	struct fixture *f = *state;
	static const char sql[] = "SELECT p.city.note, count(*), min(boss.city.id) FROM person p "
				  "WHERE p.boss.friend.name > 'p' GROUP BY p.city.note ORDER BY 1";

	for (int i = 0; i < 300; i++)
		change(f);
	char *want = show_query(f->txn, sql, &f->err);
	if (!want)
		fail_msg("%s", f->err.text);
	for (long nth = 0;; nth++) {
		stoa__fault_arm(nth, nth % 2);
		char *got = show_query(f->txn, sql, &f->err);
		bool fired = stoa__fault_disarm();
		if (got)
			assert_string_equal(got, want);
		else if (!fired || f->err.code != STOA_ENOMEM)
			fail_msg("%ld: %s", nth, f->err.text);
		free(got);
		if (!fired)
			break;
	}
	free(want);
}

/* ---- joins ----------------------------------------------------------------------------------- */

static const char *const joins[][2] = {
	{ "SELECT s.n, b.y FROM small s JOIN big b ON s.r = b.rowid",
	  "SELECT s.n, b.y FROM small s JOIN big b ON s.r + 0 = b.rowid" },
	{ "SELECT s.n, b.y, b.rowid FROM big b JOIN small s ON s.r = b.rowid AND b.x > s.n",
	  "SELECT s.n, b.y, b.rowid FROM big b JOIN small s ON s.r + 0 = b.rowid AND b.x > s.n" },
	{ "SELECT s.n, b.y FROM small s LEFT JOIN big b ON s.r = b.rowid",
	  "SELECT s.n, b.y FROM small s LEFT JOIN big b ON s.r + 0 = b.rowid" },
	{ "SELECT s.n, b.y FROM small s LEFT JOIN big b ON s.r = b.rowid AND b.x % 2 = 0",
	  "SELECT s.n, b.y FROM small s LEFT JOIN big b ON s.r + 0 = b.rowid AND b.x % 2 = 0" },
	{ "SELECT s.n, b.y, c.x FROM small s JOIN big b ON s.r = b.rowid JOIN big c ON c.rowid = s.r "
	  "WHERE b.x < 3000 AND s.n > 1",
	  "SELECT s.n, s.r.y, s.r.x FROM small s WHERE s.r.x < 3000 AND s.n > 1 AND "
	  "s.r IN (SELECT rowid FROM big)" },
	{ "SELECT count(*) FROM small s WHERE s.r IN (SELECT rowid FROM big WHERE x > 500)",
	  "SELECT count(*) FROM small s JOIN big b ON s.r = b.rowid WHERE b.x > 500" },
};

static void joins_on_a_rowid_give_what_other_joins_give(void **state)
{
	struct fixture *f = *state;
	char a[400], b[400];

	for (int i = 0; i < 2; i++) {
		for (size_t k = 0; k < sizeof joins / sizeof *joins; k++) {
			snprintf(a, sizeof a, "SELECT * FROM (%s) x ORDER BY 1", joins[k][0]);
			snprintf(b, sizeof b, "SELECT * FROM (%s) x ORDER BY 1", joins[k][1]);
			assert_same(f, a, b);
		}
		/* Kept rows are no members. */
		free(show_query(f->txn, "DELETE FROM big WHERE x % 3 = 0", &f->err));
	}
}

static void run(struct fixture *f, const char *sql)
{
	char *rows = show_query(f->txn, sql, &f->err);

	if (!rows)
		fail_msg("%s\n-> %s", sql, f->err.text);
	free(rows);
}

static int set_up_joins(void **state)
{
	set_up(state);
	run(*state, "CREATE TABLE big (x int, y text)");
	run(*state, "CREATE TABLE small (r REF(big), n int)");
	run(*state, "INSERT INTO big SELECT *, 'text ' || generate_series FROM generate_series(1, 5000)");
	run(*state, "INSERT INTO small SELECT generate_series * 37, generate_series FROM generate_series(1, 120)");
	run(*state, "INSERT INTO small VALUES (NULL, 121), (37, 122)");
	return 0;
}

/* Batches of references that go to and fro between frames of cold columns, and stay in one. */
static void cold_rows_say_what_they_said(void **state)
{
	static const char *const sqls[] = {
		"SELECT s.n, s.r.x, s.r.y FROM small s",
		"SELECT m.n, m.r.y, m.r.x, m.other.y FROM mixed m",
	};
	struct fixture *f = *state;
	char *before[2], *after;

	run(f, "CREATE TABLE mixed (r REF(big), other REF(big), n int)");
	run(f, "INSERT INTO mixed SELECT 1 + i * 1801 % 5000, 5001 - i, i "
	       "FROM generate_series(1, 5000) i");
	run(f, "UPDATE big SET x = -1 WHERE rowid % 97 = 0");
	for (int i = 0; i < 2; i++)
		before[i] = show_query(f->txn, sqls[i], &f->err);
	ok(f, stoa_commit(f->txn, &f->err));
	ok(f, stoa_gc_cool(f->db, NULL, &f->err));
	ok(f, stoa_begin(f->db, STOA_WRITE, &f->txn, &f->err));
	for (int i = 0; i < 2; i++) {
		after = show_query(f->txn, sqls[i], &f->err);
		assert_string_equal(after, before[i]);
		free(after);
		free(before[i]);
	}
}

static void a_plan_shows_what_is_looked_up(void **state)
{
	struct fixture *f = *state;

	show_expect(f->txn, "EXPLAIN SELECT p.boss.city.name FROM person p WHERE p.boss.city.warm AND name > 'a'",
		    "project city.name\n"
		    "└─ filter city.warm\n"
		    "   └─ look up city (warm, name) by person.city\n"
		    "      └─ look up person (city) by boss\n"
		    "         └─ filter name > 'a'\n"
		    "            └─ scan person (boss, name)\n");
	show_expect(f->txn, "EXPLAIN SELECT s.n, b.y FROM big b JOIN small s ON s.r = b.rowid",
		    "project n, y\n"
		    "└─ filter rowid IS NOT NULL\n"
		    "   └─ look up big (rowid, y) by r\n"
		    "      └─ scan small (r, n)\n");
}

static void what_is_no_reference_has_nothing_behind_its_dot(void **state)
{
	static const struct {
		const char *sql;
		int code;
		unsigned column;
	} wrong[] = {
		{ "SELECT p.name.x FROM person p", STOA_EINVAL, 15 },
		{ "SELECT p.city.x FROM person p", STOA_ENOTFOUND, 15 },
		{ "SELECT p.city.name.x FROM person p", STOA_EINVAL, 20 },
		{ "SELECT q.city.name FROM person p", STOA_ENOTFOUND, 8 },
		{ "SELECT city.name FROM person p, person q", STOA_EINVAL, 0 },
		{ "SELECT (p.city).name FROM person p", STOA_ESYNTAX, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		char *got = show_query(f->txn, wrong[i].sql, &f->err);
		if (got || f->err.code != wrong[i].code ||
		    (wrong[i].column && f->err.column != wrong[i].column))
			fail_msg("%s\n-> %s, column %u", wrong[i].sql, got ? got : f->err.text,
				 (unsigned)f->err.column);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(dots_say_what_rows_got_one_by_one_say, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(joins_on_a_rowid_give_what_other_joins_give, set_up_joins,
						tear_down),
		cmocka_unit_test_setup_teardown(cold_rows_say_what_they_said, set_up_joins, tear_down),
		cmocka_unit_test_setup_teardown(a_plan_shows_what_is_looked_up, set_up_joins, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_reference_has_nothing_behind_its_dot, set_up,
						tear_down),
	};

	rng = testing_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
