/* SPDX-License-Identifier: MIT */
/* ledger.c - see ledger.h */
#include "ledger.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP 40         /* commits whose entries are there */
#define CHANGE_AFTER 10 /* commits after which an entry's mark is set again */
#define QUEUED 3	/* links that are members */
#define LINKED 9	/* commits after which a link gives its reference up */
#define BULK_ROWS 65536 /* at least: what an appender writes to a file */
#define BULK_CHANGED 1000
#define BODY_MAX 20000

#define TRY(expr)                   \
	do {                        \
		int rc_ = (expr);   \
		if (rc_ < 0)        \
			return rc_; \
	} while (0)

static int wrong(struct stoa_error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	err->code = STOA_EINVAL;
	vsnprintf(err->text, sizeof err->text, format, ap);
	va_end(ap);
	return STOA_EINVAL;
}

/* ---- what follows from a number ---- */

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint64_t entry_hash(uint64_t n, uint64_t k)
{
	return mix(n * 1000003 + k + 1);
}

static uint64_t n_entries(const struct ledger *l, uint64_t n)
{
	return 1 + mix(n) % l->rows_max;
}

struct entry {
	uint64_t n, k;
	char name[32];
	char body[BODY_MAX];
	struct stoa_value values[6]; /* n, k, mark, name, body, price */
};

/* Entry @k of commit @n as commit @now should show it. */
static void entry_make(struct entry *e, uint64_t n, uint64_t k, uint64_t now)
{
	uint64_t h = entry_hash(n, k);
	size_t len = h % 97 ? h % 300 : BODY_MAX;

	snprintf(e->name, sizeof e->name, "name-%u", (unsigned)(h % 50));
	for (size_t i = 0; i < len; i++)
		e->body[i] = (char)('a' + (h + i * 7) % 26);
	e->values[0] = stoa_i64((int64_t)n);
	e->values[1] = stoa_i64((int64_t)k);
	e->values[2] = stoa_i64((int64_t)(now >= n + CHANGE_AFTER ? n + CHANGE_AFTER : n));
	e->values[3] = h % 11 ? stoa_text(e->name) : stoa_null();
	e->values[4] = stoa_bytes_value(STOA_TEXT, e->body, (uint32_t)len);
	e->values[5] = stoa_decimal((int64_t)(h % 100000), 2);
}

static uint64_t newest(uint64_t n, uint32_t every)
{
	return every ? n / every * every : 0;
}

static uint64_t n_bulk(uint64_t made)
{
	return BULK_ROWS + made % 1000;
}

/* ---- doing ---- */

int ledger_create(stoa_db *db, struct stoa_error *err)
{
	static const struct stoa_slot counter[] = { { .name = "n", .type = STOA_I64 } };
	static const struct stoa_slot entry[] = {
		{ .name = "n", .type = STOA_I64, .flags = STOA_NOT_NULL },
		{ .name = "k", .type = STOA_I32 },
		{ .name = "mark", .type = STOA_I64 },
		{ .name = "name", .type = STOA_STRING },
		{ .name = "body", .type = STOA_TEXT },
		{ .name = "price", .type = STOA_DECIMAL, .precision = 10, .scale = 2 },
	};
	static const struct stoa_slot link[] = { { .name = "n", .type = STOA_I64 },
						 { .name = "prev", .type = STOA_REF } };
	struct stoa_index_options deque = STOA_INDEX_OPTIONS_INIT;
	struct stoa_value zero = stoa_i64(0);
	stoa_txn *txn;
	stoa_table t;
	int rc;

	TRY(stoa_begin(db, STOA_WRITE, &txn, err));
	rc = stoa_table_create(txn, "counter", counter, 1, &t, err);
	if (rc == STOA_OK)
		rc = stoa_insert(txn, t, &zero, 1, NULL, err);
	deque.kind = STOA_INDEX_DEQUE;
	if (rc == STOA_OK)
		rc = stoa_table_create(txn, "link", link, 2, &t, err);
	if (rc == STOA_OK)
		rc = stoa_index_create(txn, t, &deque, NULL, err);
	if (rc == STOA_OK)
		rc = stoa_table_create(txn, "entry", entry, 6, &t, err);
	if (rc == STOA_OK)
		return stoa_commit(txn, err);
	stoa_abort(txn);
	return rc;
}

/* Drops the slot that entry had, gives it another. */
static int change_schema(const struct ledger *l, stoa_txn *txn, stoa_table t, uint64_t n,
			 struct stoa_error *err)
{
	char old[32], name[32];
	struct stoa_slot slot = { .name = name, .type = STOA_I64, .value = stoa_i64((int64_t)n) };

	snprintf(old, sizeof old, "extra_%" PRIu64, n - l->schema_every);
	snprintf(name, sizeof name, "extra_%" PRIu64, n);
	if (n > l->schema_every)
		TRY(stoa_slot_drop(txn, t, old, err));
	return stoa_slot_add(txn, t, &slot, err);
}

static int insert_entries(stoa_txn *txn, stoa_table t, uint64_t n, uint64_t how_many,
			  struct stoa_error *err)
{
	struct stoa_table_info info;
	struct entry *e;
	int rc = STOA_OK;

	TRY(stoa_table_info(txn, t, &info, err));
	e = malloc(sizeof *e);
	for (uint64_t k = 0; k < how_many && rc == STOA_OK; k++) {
		struct stoa_value v[7];

		entry_make(e, n, k, n);
		memcpy(v, e->values, sizeof e->values);
		v[6] = stoa_default();
		rc = stoa_insert(txn, t, v, info.n_slots, NULL, err);
	}
	free(e);
	return rc;
}

/* Changes the entries of commit @of, or deletes them. */
static int visit_entries(stoa_txn *txn, stoa_table t, uint64_t of, bool delete,
			 struct stoa_error *err)
{
	static const uint32_t slots[] = { 0 }, mark[] = { 2 };
	struct stoa_value now = stoa_i64((int64_t)(of + CHANGE_AFTER));
	const struct stoa_value *row;
	stoa_cursor *cur;
	int rc;

	TRY(stoa_scan(txn, t, slots, 1, &cur, err));
	while ((rc = stoa_next(cur, &row, err)) == STOA_ROW) {
		stoa_rowid id = stoa_cursor_rowid(cur);

		if (row[0].i != (int64_t)of)
			continue;
		rc = delete ? stoa_delete(txn, t, id, err) :
			      stoa_update(txn, t, id, mark, &now, 1, err);
		if (rc < 0)
			break;
	}
	stoa_cursor_close(cur);
	return rc < 0 ? rc : STOA_OK;
}

/* Something that is taken back. */
static int go_astray(stoa_txn *txn, stoa_table t, uint64_t n, struct stoa_error *err)
{
	uint32_t mark;

	TRY(stoa_savepoint(txn, &mark, err));
	TRY(insert_entries(txn, t, n + 1000000, 3, err));
	if (n > 1)
		TRY(visit_entries(txn, t, n - 1, true, err));
	return stoa_rollback_to(txn, mark, err);
}

static int step_entry(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	stoa_table t;

	TRY(stoa_table_find(txn, "entry", &t, err));
	if (l->schema_every && n % l->schema_every == 0)
		TRY(change_schema(l, txn, t, n, err));
	if (n % 3 == 0)
		TRY(go_astray(txn, t, n, err));
	TRY(insert_entries(txn, t, n, n_entries(l, n), err));
	if (n > CHANGE_AFTER)
		TRY(visit_entries(txn, t, n - CHANGE_AFTER, false, err));
	return n > KEEP ? visit_entries(txn, t, n - KEEP, true, err) : STOA_OK;
}

static int find_links(stoa_txn *txn, stoa_table *t, stoa_index *index, struct stoa_error *err)
{
	int rc;

	TRY(stoa_table_find(txn, "link", t, err));
	TRY(rc = stoa_index_next(txn, *t, 0, index, err));
	return rc == STOA_ROW ? STOA_OK : wrong(err, "link has no deque");
}

static int step_link(stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	struct stoa_value v[] = { stoa_i64((int64_t)n), n > 1 ? stoa_ref(n - 1) : stoa_null() };
	struct stoa_value null = stoa_null();
	uint32_t prev = 1;
	stoa_index index;
	stoa_rowid row;
	stoa_table t;

	TRY(find_links(txn, &t, &index, err));
	TRY(stoa_deque_push(txn, t, index, STOA_BACK, v, 2, &row, err));
	if (row != n)
		return wrong(err, "link %" PRIu64 " is row %" PRIu64, n, row);
	if (n > QUEUED) {
		TRY(stoa_deque_pop(txn, t, index, NULL, STOA_FRONT, v, 2, &row, err));
		if (row != n - QUEUED)
			return wrong(err, "link %" PRIu64 " pops row %" PRIu64, n, row);
	}
	return n > LINKED ? stoa_update(txn, t, n - LINKED, &prev, &null, 1, err) : STOA_OK;
}

static int append_bulk(stoa_appender *app, uint64_t n, struct stoa_error *err)
{
	static const char *const tags[] = { "red", "green", "blue" };
	size_t rows = n_bulk(n);
	int64_t *numbers = malloc(rows * sizeof *numbers);
	int32_t *v = malloc(rows * sizeof *v);
	struct stoa_bytes *tag = malloc(rows * sizeof *tag);
	struct stoa_array columns[] = { { STOA_I64, 0, numbers, NULL },
					{ STOA_I32, 0, v, NULL },
					{ STOA_STRING, 0, tag, NULL } };
	int rc;

	for (size_t i = 0; i < rows; i++) {
		numbers[i] = (int64_t)n;
		v[i] = (int32_t)i;
		tag[i].p = tags[i % 3];
		tag[i].len = (uint32_t)strlen(tags[i % 3]);
	}
	rc = stoa_append(app, columns, 3, rows, err);
	free(numbers);
	free(v);
	free(tag);
	return rc;
}

static int make_bulk(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	static const struct stoa_slot slots[] = { { .name = "n", .type = STOA_I64 },
						  { .name = "v", .type = STOA_I32 },
						  { .name = "tag", .type = STOA_STRING } };
	stoa_appender *app;
	stoa_table t;
	int rc;

	if (n > l->bulk_every) {
		TRY(stoa_table_find(txn, "bulk", &t, err));
		TRY(stoa_table_drop(txn, t, err));
	}
	TRY(stoa_table_create(txn, "bulk", slots, 3, &t, err));
	TRY(stoa_appender_open(txn, t, &app, err));
	rc = append_bulk(app, n, err);
	if (rc < 0) {
		stoa_appender_abort(app);
		return rc;
	}
	return stoa_appender_close(app, err);
}

static int step_bulk(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	uint64_t made = newest(n, l->bulk_every), since = n - made;
	uint32_t slot = 2;
	char text[32];
	struct stoa_value tag;
	stoa_table t;

	if (!made)
		return STOA_OK;
	if (made == n)
		return make_bulk(l, txn, n, err);
	snprintf(text, sizeof text, "since %" PRIu64, since);
	tag = stoa_text(text);
	TRY(stoa_table_find(txn, "bulk", &t, err));
	TRY(stoa_delete(txn, t, since, err));
	return stoa_update(txn, t, BULK_CHANGED + since, &slot, &tag, 1, err);
}

int ledger_step(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	struct stoa_value v = stoa_i64((int64_t)n);
	uint32_t slot = 0;
	stoa_table t;

	TRY(stoa_table_find(txn, "counter", &t, err));
	TRY(stoa_update(txn, t, 1, &slot, &v, 1, err));
	TRY(step_entry(l, txn, n, err));
	TRY(step_link(txn, n, err));
	return step_bulk(l, txn, n, err);
}

int ledger_commit(const struct ledger *l, stoa_db *db, uint64_t n, int durability,
		  struct stoa_error *err)
{
	stoa_txn *txn;
	int rc;

	TRY(stoa_begin(db, STOA_WRITE, &txn, err));
	rc = stoa_set_durability(txn, durability, err);
	if (rc == STOA_OK)
		rc = ledger_step(l, txn, n, err);
	if (rc == STOA_OK)
		return stoa_commit(txn, err);
	stoa_abort(txn);
	return rc;
}

/* ---- verifying ---- */

static bool same(const struct stoa_value *a, const struct stoa_value *b)
{
	if (a->type == STOA_NULL || b->type == STOA_NULL)
		return a->type == b->type;
	if (a->type == STOA_STRING || a->type == STOA_TEXT)
		return a->len == b->len && !memcmp(a->p, b->p, a->len);
	return a->i == b->i && a->scale == b->scale;
}

/* Compares the row of a cursor with entry @e, whose values it has @n_slots of. */
static int compare_entry(const struct ledger *l, const struct entry *e,
			 const struct stoa_value *row, size_t n_slots, uint64_t n,
			 struct stoa_error *err)
{
	uint64_t extra = newest(n, l->schema_every);

	for (int i = 0; i < 6; i++)
		if (!same(&row[i], &e->values[i]))
			return wrong(err,
				     "commit %" PRIu64 ": slot %d of entry %" PRId64 ".%" PRId64
				     " is not what it should be",
				     n, i, e->values[0].i, e->values[1].i);
	if (n_slots != (extra ? 7 : 6))
		return wrong(err, "commit %" PRIu64 ": entry has %zu slots", n, n_slots);
	if (extra && row[6].i != (int64_t)extra)
		return wrong(err, "commit %" PRIu64 ": extra is %" PRId64, n, row[6].i);
	return STOA_OK;
}

static int compare_entries(const struct ledger *l, stoa_cursor *cur, uint64_t n, struct entry *e,
			   struct stoa_error *err)
{
	const struct stoa_value *row;
	size_t n_slots;
	int rc;

	(void)stoa_columns(cur, &n_slots);
	for (uint64_t j = n > KEEP ? n - KEEP + 1 : 1; j <= n; j++) {
		for (uint64_t k = 0; k < n_entries(l, j); k++) {
			TRY(rc = stoa_next(cur, &row, err));
			if (rc == STOA_END)
				return wrong(err,
					     "commit %" PRIu64 ": entries end before %" PRIu64
					     ".%" PRIu64,
					     n, j, k);
			entry_make(e, j, k, n);
			TRY(compare_entry(l, e, row, n_slots, n, err));
		}
	}
	TRY(rc = stoa_next(cur, &row, err));
	return rc == STOA_END ? STOA_OK :
				wrong(err, "commit %" PRIu64 ": there is one entry too many", n);
}

static int verify_entry(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	struct entry *e;
	stoa_cursor *cur;
	stoa_table t;
	int rc;

	TRY(stoa_table_find(txn, "entry", &t, err));
	TRY(stoa_scan(txn, t, NULL, 0, &cur, err));
	e = malloc(sizeof *e);
	rc = compare_entries(l, cur, n, e, err);
	free(e);
	stoa_cursor_close(cur);
	return rc;
}

static int compare_bulk_row(const struct stoa_value *row, uint64_t v, uint64_t made, uint64_t n,
			    struct stoa_error *err)
{
	static const char *const tags[] = { "red", "green", "blue" };
	uint64_t rowid = v + 1;
	char text[32];

	snprintf(text, sizeof text, "%s", tags[v % 3]);
	if (rowid > BULK_CHANGED && rowid <= BULK_CHANGED + n - made)
		snprintf(text, sizeof text, "since %" PRIu64, rowid - BULK_CHANGED);
	if (row[0].i != (int64_t)made || row[1].i != (int64_t)v || row[2].len != strlen(text) ||
	    memcmp(row[2].p, text, strlen(text)) != 0)
		return wrong(err,
			     "commit %" PRIu64 ": row %" PRIu64 " of bulk is (%" PRId64 ", %" PRId64
			     ", %.*s)",
			     n, v, row[0].i, row[1].i, (int)row[2].len, row[2].p);
	return STOA_OK;
}

static int compare_bulk(stoa_cursor *cur, uint64_t made, uint64_t n, struct stoa_error *err)
{
	const struct stoa_value *row;
	int rc;

	for (uint64_t v = n - made; v < n_bulk(made); v++) {
		TRY(rc = stoa_next(cur, &row, err));
		if (rc == STOA_END)
			return wrong(err, "commit %" PRIu64 ": bulk ends before %" PRIu64, n, v);
		TRY(compare_bulk_row(row, v, made, n, err));
	}
	TRY(rc = stoa_next(cur, &row, err));
	return rc == STOA_END ? STOA_OK : wrong(err, "commit %" PRIu64 ": bulk is too long", n);
}

static int verify_bulk(const struct ledger *l, stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	uint64_t made = newest(n, l->bulk_every);
	stoa_cursor *cur;
	stoa_table t;
	int rc = stoa_table_find(txn, "bulk", &t, err);

	if (!made)
		return rc == STOA_ENOTFOUND ? STOA_OK : wrong(err, "there is a table bulk");
	TRY(rc);
	TRY(stoa_scan(txn, t, NULL, 0, &cur, err));
	rc = compare_bulk(cur, made, n, err);
	stoa_cursor_close(cur);
	return rc;
}

static int verify_link(stoa_txn *txn, stoa_table t, uint64_t k, uint64_t n, struct stoa_error *err)
{
	uint64_t prev = k > 1 && (n <= LINKED || k > n - LINKED) ? k - 1 : 0, count;
	struct stoa_value v[2];
	int rc = stoa_get(txn, t, k, v, 2, err);

	if (n > LINKED && k < n - LINKED)
		return rc == STOA_ENOTFOUND ? STOA_OK : wrong(err, "link %" PRIu64 " lives", k);
	TRY(rc);
	TRY(stoa_row_refcount(txn, t, k, &count, err));
	if (v[0].i != (int64_t)k || (v[1].type == STOA_NULL ? 0 : v[1].u) != prev ||
	    count != (k < n))
		return wrong(err,
			     "commit %" PRIu64 ": link %" PRIu64 " is (%" PRId64 ", %" PRIu64
			     ") and has %" PRIu64 " references",
			     n, k, v[0].i, v[1].u, count);
	return STOA_OK;
}

static int verify_links(stoa_txn *txn, uint64_t n, struct stoa_error *err)
{
	uint64_t members = n < QUEUED ? n : QUEUED, len;
	stoa_rowid row = 0;
	stoa_index index;
	stoa_table t;

	TRY(find_links(txn, &t, &index, err));
	for (uint64_t k = n > LINKED + 3 ? n - LINKED - 3 : 1; k <= n; k++)
		TRY(verify_link(txn, t, k, n, err));
	TRY(stoa_deque_len(txn, t, index, NULL, &len, err));
	TRY(stoa_deque_at(txn, t, index, NULL, 0, &row, err));
	if (len != members || (n && row != n + 1 - members))
		return wrong(err,
			     "commit %" PRIu64 ": %" PRIu64 " links are queued from row %" PRIu64
			     " on",
			     n, len, row);
	return STOA_OK;
}

int ledger_verify(const struct ledger *l, stoa_txn *txn, uint64_t *n, struct stoa_error *err)
{
	struct stoa_value v;
	stoa_table t;

	TRY(stoa_table_find(txn, "counter", &t, err));
	TRY(stoa_get(txn, t, 1, &v, 1, err));
	*n = (uint64_t)v.i;
	TRY(verify_entry(l, txn, *n, err));
	TRY(verify_links(txn, *n, err));
	return verify_bulk(l, txn, *n, err);
}

int ledger_verify_db(const struct ledger *l, stoa_db *db, uint64_t *n, struct stoa_error *err)
{
	stoa_txn *txn;
	int rc;

	TRY(stoa_begin(db, STOA_READ, &txn, err));
	rc = ledger_verify(l, txn, n, err);
	stoa_abort(txn);
	return rc;
}
