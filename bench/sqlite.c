/* SPDX-License-Identifier: MIT */
/* sqlite.c - SQLite with errors that end the run */
#include "sqlite.h"

sqlite3 *bench_sqlite_open(const char *path)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		bench_die("SQLite cannot open %s: %s", path, sqlite3_errmsg(db));
	sqlite3_busy_timeout(db, 60000);
	return db;
}

void bench_sqlite_exec(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_die("SQLite: %s: %s", sql, sqlite3_errmsg(db));
}

sqlite3_stmt *bench_sqlite_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		bench_die("SQLite: %s: %s", sql, sqlite3_errmsg(db));
	return stmt;
}

bool bench_sqlite_row(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW)
		return true;
	if (rc != SQLITE_DONE)
		bench_die("SQLite: %s: %s", sqlite3_sql(stmt),
			  sqlite3_errmsg(sqlite3_db_handle(stmt)));
	sqlite3_reset(stmt);
	return false;
}

void bench_sqlite_run(sqlite3_stmt *stmt)
{
	if (bench_sqlite_row(stmt))
		bench_die("SQLite: %s: a row where none was expected", sqlite3_sql(stmt));
}

void bench_sqlite_query(sqlite3 *db, const char *sql, bool answer)
{
	sqlite3_stmt *stmt = bench_sqlite_prepare(db, sql);

	while (bench_sqlite_row(stmt)) {
		for (int i = 0; answer && i < sqlite3_column_count(stmt); i++) {
			if (sqlite3_column_type(stmt, i) == SQLITE_TEXT)
				bench_answer_text((const char *)sqlite3_column_text(stmt, i),
						  (size_t)sqlite3_column_bytes(stmt, i));
			else
				bench_answer_number(sqlite3_column_double(stmt, i));
		}
		if (answer)
			bench_answer_row();
	}
	sqlite3_finalize(stmt);
}

void bench_sqlite_close(sqlite3 *db)
{
	if (sqlite3_close(db) != SQLITE_OK)
		bench_die("SQLite cannot close: %s", sqlite3_errmsg(db));
}

void bench_sqlite_bind_record(sqlite3_stmt *stmt, const struct bench_record *r)
{
	sqlite3_bind_int64(stmt, 1, r->id);
	sqlite3_bind_double(stmt, 2, r->price);
	sqlite3_bind_int(stmt, 3, r->quantity);
	sqlite3_bind_text(stmt, 4, r->name, r->name_len, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 5, r->flag);
}
