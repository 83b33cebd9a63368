/* SPDX-License-Identifier: MIT */
/*
 * dump_text.c - a dump as text
 *
 *     BEGIN;
 *     CREATE TABLE airports (...);                tables whose slots refer to later ones get those by ALTER TABLE
 *     INSERT INTO airports (...) VALUES           a row a line
 *     ('ATL', 33.6),
 *     ...
 *     -- stoa: bytes 'photo' 7 'data' aGVsbG8=    values that are too long for a statement, a part a line
 *     UPDATE airports SET hub = 9 WHERE rowid = 2;    references to rows that come later
 *     DELETE FROM files WHERE rowid BETWEEN 1 AND 3;  rows that live by references alone
 *     CREATE INDEX ...;  CREATE DEQUE ...;            over rows, which are there in the right order
 *     -- stoa: deaths 'orders' 'orders_dead'
 *     -- stoa: freeze 'airports'
 *     COMMIT;
 */
#include "dump.h"

#include <inttypes.h>
#include <nettle/base64.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_BYTES ((size_t)256 << 10)	/* that end an INSERT */
#define STATEMENT_ROWS 1000
#define VALUE_BYTES ((size_t)64 << 10)		/* of a value within it; longer ones are written in parts */
#define ROW_BYTES ((size_t)300 << 10)		/* of a row; then values but for short ones are, too */

/* A reference to be put right when all rows are there. */
struct fix {
	size_t table;	/* position */
	uint32_t slot;
	uint64_t number, target;
};

/* A value that is still to be written. */
struct later {
	uint64_t row, number;
	uint32_t slot;
};

struct rows {
	struct dump *d;
	size_t at;		/* table */
	uint64_t number;	/* of the row that is written */
	uint64_t n;		/* rows of the statement */
	struct text line;
	size_t statement;	/* bytes of it */
	struct later *later;
	size_t n_later, cap_later;
	struct fix **fixes;
	size_t *n_fixes;
};

static int failed(const struct dump *d, const struct stoa_error *err)
{
	return report_error(d->s->path, err);
}

/* ---- rows ---- */

static void add_fix(struct rows *r, uint32_t slot, uint64_t target)
{
	size_t n = (*r->n_fixes)++;

	if ((n & (n - 1)) == 0)
		*r->fixes = xrealloc(*r->fixes, (n ? n * 2 : 1) * sizeof(**r->fixes));
	(*r->fixes)[n] = (struct fix){ r->at, slot, r->number, target };
}

static int put_ref(struct rows *r, uint32_t slot, uint64_t row)
{
	const struct dumped *t = &r->d->tables[r->at];
	const struct stoa_slot *def = &t->info.slots[slot];
	size_t at = dump_position(r->d, def->target);
	uint64_t target = at < r->d->n ? dump_number_of(&r->d->tables[at], row) : 0;
	bool there = at < r->at || (at == r->at && target <= r->number);

	if (target && there) {
		text_printf(&r->line, "%" PRIu64, target);
		return CLI_OK;
	}
	if (target)
		add_fix(r, slot, target);
	if (!(def->flags & STOA_NOT_NULL)) {
		text_puts(&r->line, "NULL");
	} else if (target && at == r->at) {
		text_printf(&r->line, "%" PRIu64, r->number);
	} else {
		report("%s: table %s, slot %s: tables refer to each other by slots that are not null, and no "
		       "row can come first", r->d->s->path, t->name, def->name);
		return CLI_FAILURE;
	}
	return CLI_OK;
}

static bool is_long(const struct rows *r, const struct stoa_value *v)
{
	if (v->type != STOA_STRING && v->type != STOA_TEXT && v->type != STOA_BLOB)
		return false;
	return v->len > VALUE_BYTES || (r->line.len > ROW_BYTES && v->len > 64);
}

/* Remembers a value, and writes what holds its place. */
static void put_later(struct rows *r, uint32_t slot, uint64_t row)
{
	const struct stoa_slot *def = &r->d->tables[r->at].info.slots[slot];

	if (r->n_later == r->cap_later) {
		r->cap_later = r->cap_later ? r->cap_later * 2 : 16;
		r->later = xrealloc(r->later, r->cap_later * sizeof(*r->later));
	}
	r->later[r->n_later++] = (struct later){ row, r->number, slot };
	text_puts(&r->line, !(def->flags & STOA_NOT_NULL) ? "NULL" :
			    def->type == STOA_BLOB	  ? "X''" : "''");
}

static void begin_statement(struct rows *r)
{
	const struct dumped *t = &r->d->tables[r->at];

	text_puts(&r->line, r->number > 1 ? ";\nINSERT INTO " : "INSERT INTO ");
	text_put_name(&r->line, t->name);
	for (size_t i = 0; i < t->info.n_slots; i++) {
		text_puts(&r->line, i ? ", " : " (");
		text_put_name(&r->line, t->info.slots[i].name);
	}
	text_puts(&r->line, ") VALUES\n");
	r->n = r->statement = 0;
}

static int put_row(struct rows *r, uint64_t row, const struct stoa_value *values)
{
	const struct dumped *t = &r->d->tables[r->at];
	int code = CLI_OK;

	r->number++;
	r->line.len = 0;
	if (r->number == 1 || r->n == STATEMENT_ROWS || r->statement > STATEMENT_BYTES)
		begin_statement(r);
	else
		text_puts(&r->line, ",\n");
	for (uint32_t i = 0; i < t->info.n_slots && code == CLI_OK; i++) {
		const struct stoa_value *v = &values[i];

		text_puts(&r->line, i ? ", " : "(");
		if (v->type == STOA_REF || v->type == STOA_WEAK_REF)
			code = put_ref(r, i, v->u);
		else if (is_long(r, v))
			put_later(r, i, row);
		else
			text_put_literal(&r->line, v);
	}
	text_puts(&r->line, ")");
	fwrite(r->line.p, 1, r->line.len, r->d->out);
	r->n++;
	r->statement += r->line.len;
	if (r->number % 4096 == 0)
		progress_show(r->d->progress, -1, r->number, 0, seconds_now() - r->d->progress->began);
	return code == CLI_OK && interrupted() ? CLI_INTERRUPTED : code;
}

static int put_listed(struct rows *r, const struct dumped *t)
{
	struct stoa_value *values = xrealloc(NULL, t->info.n_slots * sizeof(*values));
	struct stoa_error err;
	int code = CLI_OK;

	for (uint64_t i = 0; i < t->n_rows && code == CLI_OK; i++) {
		if (stoa_get(r->d->s->txn, t->table, t->rows[i], values, t->info.n_slots, &err) < 0)
			code = failed(r->d, &err);
		else
			code = put_row(r, t->rows[i], values);
	}
	free(values);
	return code;
}

static int put_scanned(struct rows *r, const struct dumped *t)
{
	const struct stoa_value *row;
	struct stoa_error err;
	stoa_cursor *cur;
	int rc, code = CLI_OK;

	if (stoa_scan(r->d->s->txn, t->table, NULL, 0, &cur, &err) < 0)
		return failed(r->d, &err);
	while (code == CLI_OK && (rc = stoa_next(cur, &row, &err)) != STOA_END)
		code = rc < 0 ? failed(r->d, &err) : put_row(r, stoa_cursor_rowid(cur), row);
	stoa_cursor_close(cur);
	return code;
}

/* ---- long values ---- */

static void put_bytes(struct rows *r, const struct dumped *t, const struct later *l,
		      const struct stoa_value *v)
{
	static char coded[BASE64_ENCODE_RAW_LENGTH(BYTES_PER_LINE)];

	for (size_t at = 0, n; at < v->len; at += n) {
		n = v->len - at < BYTES_PER_LINE ? v->len - at : BYTES_PER_LINE;
		r->line.len = 0;
		text_puts(&r->line, DIRECTIVE "bytes ");
		text_put_quoted(&r->line, t->name);
		text_printf(&r->line, " %" PRIu64 " ", l->number);
		text_put_quoted(&r->line, t->info.slots[l->slot].name);
		text_puts(&r->line, " ");
		base64_encode_raw(coded, n, (const uint8_t *)v->p + at);
		text_put(&r->line, coded, BASE64_ENCODE_RAW_LENGTH(n));
		text_puts(&r->line, "\n");
		fwrite(r->line.p, 1, r->line.len, r->d->out);
	}
}

static int put_all_later(struct rows *r, const struct dumped *t)
{
	struct stoa_value *values = xrealloc(NULL, t->info.n_slots * sizeof(*values));
	struct stoa_error err;
	int code = CLI_OK;

	for (size_t i = 0; i < r->n_later && code == CLI_OK; i++) {
		const struct later *l = &r->later[i];

		if (stoa_get(r->d->s->txn, t->table, l->row, values, t->info.n_slots, &err) < 0)
			code = failed(r->d, &err);
		else
			put_bytes(r, t, l, &values[l->slot]);
	}
	free(values);
	return code;
}

/* ---- tables ---- */

static int put_table(struct dump *d, size_t at, struct fix **fixes, size_t *n_fixes)
{
	const struct dumped *t = &d->tables[at];
	struct rows r = { .d = d, .at = at, .fixes = fixes, .n_fixes = n_fixes };
	int code = t->listed ? put_listed(&r, t) : put_scanned(&r, t);

	if (r.number)
		fputs(";\n", d->out);
	if (code == CLI_OK)
		code = put_all_later(&r, t);
	free(r.later);
	text_release(&r.line);
	return code;
}

/*
 * Slots that refer to tables which come later. A table has one slot at least: one is made for a
 * moment.
 */
#define PLACEHOLDER "\"for a moment\""

static int put_create(struct dump *d, const struct dumped *t, struct text *out)
{
	out->len = 0;
	if (t->n_early)
		return text_put_create(out, d->s, t->table, t->n_early, !t->late_keys);
	text_puts(out, "CREATE TABLE ");
	text_put_name(out, t->name);
	text_puts(out, " (" PLACEHOLDER " bool);\n");
	return CLI_OK;
}

static void put_late_slots(struct dump *d, const struct dumped *t, struct text *out)
{
	for (size_t i = t->n_early; i < t->info.n_slots; i++) {
		text_puts(out, "ALTER TABLE ");
		text_put_name(out, t->name);
		text_puts(out, " ADD COLUMN ");
		text_put_slot(out, d->s, &t->info.slots[i]);
		text_puts(out, ";\n");
	}
	if (t->n_early)
		return;
	text_puts(out, "ALTER TABLE ");
	text_put_name(out, t->name);
	text_puts(out, " DROP COLUMN " PLACEHOLDER ";\n");
}

static int put_tables(struct dump *d, struct text *out, struct fix **fixes, size_t *n_fixes)
{
	bool any_late = false;
	int code = CLI_OK;

	for (size_t i = 0; i < d->n; i++)
		any_late |= d->tables[i].n_early < d->tables[i].info.n_slots;
	/* Rows follow their table, unless that has to wait for the others. */
	for (size_t i = 0; i < d->n && code == CLI_OK; i++) {
		code = put_create(d, &d->tables[i], out);
		fwrite(out->p, 1, out->len, d->out);
		if (code == CLI_OK && !any_late)
			code = put_table(d, i, fixes, n_fixes);
	}
	for (size_t i = 0; i < d->n && any_late && code == CLI_OK; i++) {
		out->len = 0;
		if (d->tables[i].n_early < d->tables[i].info.n_slots)
			put_late_slots(d, &d->tables[i], out);
		fwrite(out->p, 1, out->len, d->out);
	}
	for (size_t i = 0; i < d->n && any_late && code == CLI_OK; i++)
		code = put_table(d, i, fixes, n_fixes);
	return code;
}

static void put_fixes(struct dump *d, struct text *out, const struct fix *fixes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct dumped *t = &d->tables[fixes[i].table];

		out->len = 0;
		text_puts(out, "UPDATE ");
		text_put_name(out, t->name);
		text_puts(out, " SET ");
		text_put_name(out, t->info.slots[fixes[i].slot].name);
		text_printf(out, " = %" PRIu64 " WHERE rowid = %" PRIu64 ";\n", fixes[i].target,
			    fixes[i].number);
		fwrite(out->p, 1, out->len, d->out);
	}
}

/* Runs of numbers that are to be deleted. */
static void put_deletes(struct dump *d, const struct dumped *t, struct text *out)
{
	uint64_t *numbers = xrealloc(NULL, (t->n_kept + 1) * sizeof(*numbers));

	for (uint64_t i = 0; i < t->n_kept; i++)
		numbers[i] = dump_number_of(t, t->kept[i]);
	qsort(numbers, t->n_kept, sizeof(*numbers), dump_by_number);
	for (uint64_t i = 0, n; i < t->n_kept; i += n) {
		for (n = 1; i + n < t->n_kept && numbers[i + n] == numbers[i] + n; n++)
			;
		out->len = 0;
		text_puts(out, "DELETE FROM ");
		text_put_name(out, t->name);
		if (n == 1)
			text_printf(out, " WHERE rowid = %" PRIu64 ";\n", numbers[i]);
		else
			text_printf(out, " WHERE rowid BETWEEN %" PRIu64 " AND %" PRIu64 ";\n",
				    numbers[i], numbers[i] + n - 1);
		fwrite(out->p, 1, out->len, d->out);
	}
	free(numbers);
}

/* A line for restore; @b may be NULL. */
static void put_directive(struct dump *d, struct text *out, const char *verb, const char *a,
			  const char *b)
{
	out->len = 0;
	text_printf(out, DIRECTIVE "%s ", verb);
	text_put_quoted(out, a);
	if (b) {
		text_puts(out, " ");
		text_put_quoted(out, b);
	}
	text_puts(out, "\n");
	fwrite(out->p, 1, out->len, d->out);
}

static int put_ends(struct dump *d, struct text *out)
{
	int code = CLI_OK;

	for (size_t i = 0; i < d->n; i++)
		put_deletes(d, &d->tables[i], out);
	for (size_t i = 0; i < d->n && code == CLI_OK; i++) {
		out->len = 0;
		code = text_put_indexes(out, d->s, d->tables[i].table, d->tables[i].late_keys);
		fwrite(out->p, 1, out->len, d->out);
	}
	for (size_t i = 0; i < d->n && code == CLI_OK; i++) {
		size_t queue = dump_position(d, d->tables[i].info.deaths);

		if (queue < d->n)
			put_directive(d, out, "deaths", d->tables[i].name, d->tables[queue].name);
	}
	for (size_t i = 0; i < d->n && code == CLI_OK; i++)
		if (d->tables[i].info.frozen)
			put_directive(d, out, "freeze", d->tables[i].name, NULL);
	return code;
}

int dump_write(struct dump *d)
{
	struct text out = { 0 };
	struct fix *fixes = NULL;
	size_t n_fixes = 0;
	int code;

	fputs("BEGIN;\n", d->out);
	code = put_tables(d, &out, &fixes, &n_fixes);
	if (code == CLI_OK) {
		put_fixes(d, &out, fixes, n_fixes);
		code = put_ends(d, &out);
	}
	fputs("COMMIT;\n", d->out);
	if (code == CLI_OK && ferror(d->out)) {
		report("the dump cannot be written: %m");
		code = CLI_FAILURE;
	}
	progress_end(d->progress);
	free(fixes);
	text_release(&out);
	return code;
}
