/* SPDX-License-Identifier: MIT */
/* medley.c - see medley.h */
#include "medley.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/core/hash.h"

#define TRY(expr)                   \
	do {                        \
		int rc_ = (expr);   \
		if (rc_ < 0)        \
			return rc_; \
	} while (0)

__attribute__((format(printf, 3, 4))) static int sql(stoa_txn *txn, struct stoa_error *err,
						     const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	return stoa_query(txn, text, NULL, err);
}

int medley_create(stoa_db *db, struct stoa_error *err)
{
	static const char *const statements[] = {
		"CREATE TABLE counter (n i64)",
		"INSERT INTO counter VALUES (0)",
		"CREATE TABLE item (n i64 NOT NULL, name string, body text)",
		"CREATE UNIQUE INDEX item_n ON item (n)",
		"CREATE INDEX item_name ON item (name)",
		"CREATE TABLE note (about REF(item), n i64, twin WEAK REF(item))",
		"CREATE TABLE job (n i64)",
		"CREATE DEQUE jobs ON job",
		"CREATE TABLE csv (a i64, b string)",
		"CREATE TABLE file (size u64, bytes blob, next REF(file))",
		"CREATE TABLE paper (n i64, file REF(file))",
	};
	stoa_txn *txn;

	TRY(stoa_begin(db, STOA_WRITE, &txn, err));
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		int rc = stoa_query(txn, statements[i], NULL, err);

		if (rc < 0) {
			stoa_abort(txn);
			return rc;
		}
	}
	return stoa_commit(txn, err);
}

static int insert_items(stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	stoa_rowid row = 0;
	stoa_table item, note;

	TRY(stoa_table_find(txn, "item", &item, err));
	TRY(stoa_table_find(txn, "note", &note, err));
	for (uint64_t i = 0; i < 3; i++) {
		struct stoa_table_info info;
		char name[24], body[64];
		struct stoa_value v[4];

		snprintf(name, sizeof name, "name %" PRIu64, (n + i) % 7);
		snprintf(body, sizeof body, "the body of %" PRIu64 ".%" PRIu64, n, i);
		v[0] = stoa_i64((int64_t)(n * 10 + i));
		v[1] = stoa_text(name);
		v[2] = stoa_text(body);
		v[3] = stoa_default();
		TRY(stoa_table_info(txn, item, &info, err));
		TRY(stoa_insert(txn, item, v, info.n_slots, &row, err));
	}
	return stoa_insert(txn, note, (struct stoa_value[]){ stoa_ref(row), stoa_i64((int64_t)n),
							      stoa_ref(row - 1) }, 3,
			   NULL, err);
}

#define LONG 36000000	/* milliseconds: longer than anybody runs */

/* Claims jobs: one is done, one comes back much later, one is never heard of again. */
static int claim_jobs(stoa_txn *txn, stoa_table job, struct stoa_error *err)
{
	struct stoa_lease leases[3];
	stoa_index jobs;
	size_t n;

	TRY(stoa_index_find(txn, job, "jobs", &jobs, err));
	TRY(stoa_deque_claim(txn, job, jobs, NULL, NULL, LONG, leases, 3, &n, err));
	if (n > 0)
		TRY(stoa_deque_ack(txn, job, jobs, &leases[0], err));
	return n > 1 ? stoa_deque_nack(txn, job, jobs, &leases[1], STOA_FRONT, LONG, err) : STOA_OK;
}

static int work_on_jobs(stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	struct stoa_value v = stoa_i64((int64_t)n);
	stoa_table job;

	TRY(stoa_table_find(txn, "job", &job, err));
	TRY(stoa_insert(txn, job, &v, 1, NULL, err));
	if (n % 5 == 0)
		TRY(claim_jobs(txn, job, err));
	return n % 2 ? STOA_OK : stoa_query(txn, "DELETE FROM job WHERE rowid = (SELECT min(rowid) FROM job)",
					    NULL, err);
}

/* A new paper of a few hundred bytes, written in two pieces. */
static int write_paper(stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	struct stoa_value v[2] = { stoa_i64((int64_t)n) };
	stoa_table file, paper;
	stoa_blob *blob;
	char text[600];
	int rc, closed;

	TRY(stoa_table_find(txn, "paper", &paper, err));
	TRY(stoa_blob_table(txn, "file", &file, err));
	TRY(stoa_blob_create(txn, file, &blob, err));
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * (n + 3) % 251);
	rc = stoa_blob_write(blob, 0, text, sizeof text - n % 50, err);
	if (rc == STOA_OK)
		rc = stoa_blob_write(blob, 100, text, n, err);
	v[1] = stoa_ref(stoa_blob_row(blob));
	if (rc == STOA_OK)
		rc = stoa_insert(txn, paper, v, 2, NULL, err);
	closed = stoa_blob_close(blob, rc == STOA_OK ? err : NULL);
	return rc < 0 ? rc : closed;
}

static int import(stoa_txn *txn, uint64_t n, const char *csv, struct stoa_error *err)
{
	FILE *f = fopen(csv, "w");

	if (!f)
		return STOA_EIO;
	fputs("a,b\n", f);
	for (uint64_t i = 0; i < 40; i++)
		fprintf(f, "%" PRIu64 ",value %" PRIu64 "\n", n * 100 + i, i % 5);
	fclose(f);
	return stoa_import_csv(txn, "csv", csv, NULL, NULL, err);
}

int medley_step(stoa_txn *txn, uint64_t n, const char *csv, struct stoa_error *err)
{
	TRY(sql(txn, err, "UPDATE counter SET n = %" PRIu64, n));
	TRY(insert_items(txn, n, err));
	TRY(work_on_jobs(txn, n, err));
	if (n % 3 == 0)
		TRY(write_paper(txn, n, err));
	if (n % 12 == 0)
		TRY(sql(txn, err, "DELETE FROM paper WHERE n < %" PRIu64, n - 6));
	TRY(sql(txn, err, "UPDATE item SET name = 'changed' WHERE n = %" PRIu64, (n - n % 4) * 10));
	if (n > 6)
		TRY(sql(txn, err, "DELETE FROM item WHERE n >= %" PRIu64 " AND n < %" PRIu64,
			(n - 6) * 10, (n - 5) * 10));
	if (n > 12)
		TRY(sql(txn, err, "DELETE FROM note WHERE n = %" PRIu64, n - 12));
	if (n % 9 == 0)
		TRY(sql(txn, err, "%s", n % 18 ? "ALTER TABLE item ADD COLUMN extra i64 DEFAULT 5" :
						 "ALTER TABLE item DROP COLUMN extra"));
	if (n % 11 == 0)
		TRY(import(txn, n, csv, err));
	return n % 44 ? STOA_OK : stoa_query(txn, "DELETE FROM csv", NULL, err);
}

int medley_commit(stoa_db *db, uint64_t n, int durability, const char *csv, struct stoa_error *err)
{
	stoa_txn *txn;
	int rc;

	TRY(stoa_begin(db, STOA_WRITE, &txn, err));
	rc = stoa_set_durability(txn, durability, err);
	if (rc == STOA_OK)
		rc = medley_step(txn, n, csv, err);
	if (rc == STOA_OK)
		return stoa_commit(txn, err);
	stoa_abort(txn);
	return rc;
}

int medley_after(uint64_t n)
{
	return n % 7 == 0 ? 1 : n % 16 == 0 ? 2 : 0;
}

/* ---- looking ---- */

static uint64_t hash_row(const struct stoa_value *row, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n; i++) {
		char text[128];
		size_t len = stoa_value_print(&row[i], text, sizeof text);

		seed = stoa__hash_seeded(text, len < sizeof text ? len : sizeof text,
					 seed + row[i].type);
	}
	return seed;
}

static int look_at_table(stoa_txn *txn, stoa_table t, uint64_t *n, uint64_t *hash,
			 struct stoa_error *err)
{
	struct stoa_table_info info;
	const struct stoa_value *row;
	stoa_cursor *cur;
	size_t n_columns;
	int rc;

	TRY(stoa_table_info(txn, t, &info, err));
	TRY(stoa_scan(txn, t, NULL, 0, &cur, err));
	(void)stoa_columns(cur, &n_columns);
	*hash = stoa__hash_seeded(info.name, strlen(info.name), *hash + info.frozen);
	for (size_t i = 0; i < info.n_slots; i++)
		*hash = stoa__hash_seeded(info.slots[i].name, strlen(info.slots[i].name), *hash);
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW) {
		if (strcmp(info.name, "counter") == 0)
			*n = (uint64_t)row[0].i;
		*hash = hash_row(row, n_columns, *hash + stoa_cursor_rowid(cur));
	}
	stoa_cursor_close(cur);
	return rc < 0 ? rc : STOA_OK;
}

static int look_at_queue(stoa_txn *txn, uint64_t *hash, struct stoa_error *err)
{
	const struct stoa_value *row;
	stoa_cursor *cur;
	stoa_index jobs;
	stoa_table job;
	int rc;

	TRY(stoa_table_find(txn, "job", &job, err));
	TRY(stoa_index_find(txn, job, "jobs", &jobs, err));
	TRY(stoa_deque_scan(txn, job, jobs, NULL, STOA_FRONT, NULL, 0, &cur, err));
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW)
		*hash = hash_row(row, 1, *hash);
	stoa_cursor_close(cur);
	return rc < 0 ? rc : STOA_OK;
}

/* What the index of items by name finds. */
static int look_at_set(stoa_txn *txn, uint64_t *hash, struct stoa_error *err)
{
	stoa_index by_name;
	stoa_table item;

	TRY(stoa_table_find(txn, "item", &item, err));
	TRY(stoa_index_find(txn, item, "item_name", &by_name, err));
	for (int i = 0; i < 7; i++) {
		char text[24];
		uint32_t len = (uint32_t)sprintf(text, "name %d", i);
		struct stoa_value name = stoa_bytes_value(STOA_STRING, text, len);
		stoa_rowid rows[20];
		size_t n;

		TRY(stoa_set_rows(txn, item, by_name, &name, 1, rows, 20, &n, err));
		*hash = stoa__hash_seeded(rows, (n < 20 ? n : 20) * sizeof *rows, *hash + n);
	}
	return STOA_OK;
}

static int look_at_blob(stoa_txn *txn, stoa_table file, stoa_rowid row, uint64_t *hash,
			struct stoa_error *err)
{
	stoa_blob *blob;
	char text[600];
	size_t n;
	int rc;

	TRY(stoa_blob_open(txn, file, row, 0, &blob, err));
	rc = stoa_blob_read(blob, 0, text, sizeof text, &n, err);
	if (rc >= 0)
		*hash = stoa__hash_seeded(text, n, *hash + stoa_blob_size(blob));
	(void)stoa_blob_close(blob, NULL);
	return rc;
}

static int look_at_papers(stoa_txn *txn, uint64_t *hash, struct stoa_error *err)
{
	const struct stoa_value *row;
	stoa_table paper, file;
	stoa_cursor *cur;
	int rc;

	TRY(stoa_table_find(txn, "paper", &paper, err));
	TRY(stoa_table_find(txn, "file", &file, err));
	TRY(stoa_scan(txn, paper, NULL, 0, &cur, err));
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW) {
		rc = look_at_blob(txn, file, row[1].u, hash, err);
		if (rc < 0)
			break;
	}
	stoa_cursor_close(cur);
	return rc < 0 ? rc : STOA_OK;
}

int medley_look(stoa_db *db, uint64_t *n, uint64_t *hash, struct stoa_error *err)
{
	stoa_table t = 0;
	stoa_txn *txn;
	int rc;

	*n = *hash = 0;
	TRY(stoa_begin(db, STOA_READ, &txn, err));
	while ((rc = stoa_table_next(txn, t, &t, err)) == STOA_ROW) {
		rc = look_at_table(txn, t, n, hash, err);
		if (rc < 0)
			break;
	}
	if (rc >= 0)
		rc = look_at_queue(txn, hash, err);
	if (rc >= 0)
		rc = look_at_set(txn, hash, err);
	if (rc >= 0)
		rc = look_at_papers(txn, hash, err);
	stoa_abort(txn);
	return rc < 0 ? rc : STOA_OK;
}
