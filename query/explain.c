/* SPDX-License-Identifier: MIT */
/*
 * explain.c - EXPLAIN: the tree of a plan as lines of text, with what a run cost beside it
 *
 *     limit 5
 *     └─ sort by count DESC, first 5
 *        └─ project origin, count
 *           └─ group by origin: count(*)
 *              └─ filter delay >= 300
 *                 └─ scan flights (origin, delay)
 *
 * Operators are built for EXPLAIN, too, and only not asked for rows: which index names the rows of
 * a scan is found out when it is.
 *
 * EXPLAIN ANALYZE runs the statement, a change with all it changes, and says of each node how many
 * rows it made and how long it took: itself, without those below it. Of a scan it also says how
 * many row groups were read and passed over, and what its columns weigh as vectors: what nobody
 * asked for was not decoded and does not count. Of a join: how many rows of its probe side were
 * dropped for their keys alone, before a row was looked at. Where several threads share a node, its time is
 * theirs added up.
 */
#include "explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../lib/core/alloc.h"
#include "../lib/core/clock.h"
#include "../lib/core/error.h"
#include "change.h"

#define LINE_MAX_BYTES 240	/* of a node's own words; then it is cut */

void stoa__text_put(struct stoa__text *t, const char *format, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, format);
	int n = vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	if (n < 0 || t->rc < 0)
		return;
	t->rc = stoa__buf_put(&t->buf, words,
			      (size_t)n < sizeof words ? (size_t)n : sizeof words - 1);
}

/*
 * ---- a node -------------------------------------------------------------------------------------
 */

static void put_scan(struct stoa__text *t, const struct stoa__node *n,
		     const struct stoa__node_counts *counts)
{
	stoa__text_put(t, "scan %s (", n->table_name);
	for (size_t i = 0; i < n->n_columns; i++)
		stoa__text_put(t, "%s%s", i ? ", " : "", n->columns[i].name);
	stoa__text_put(t, ")");
	for (size_t i = 0; i < n->n_columns; i++)
		if (n->slots[i] == STOA__SLOT_ROWID &&
		    stoa__row_list_possible(n->exprs, n->n_exprs, i))
			stoa__text_put(t, ", going to the rows");
	if (counts->index)
		stoa__text_put(t, ", going to the rows by index %s", counts->index);
}

static void put_group(struct stoa__text *t, const struct stoa__node *n,
		      const struct stoa__node *const *in)
{
	stoa__text_put(t, n->n_aggs ? "group" : "distinct");
	if (n->n_exprs) {
		stoa__text_put(t, n->n_aggs ? " by " : " ");
		stoa__text_put_exprs(t, n->exprs, n->n_exprs, ", ", in, 1);
	}
	for (size_t i = 0; i < n->n_aggs; i++) {
		stoa__text_put(t, i ? ", " : ": ");
		stoa__text_put_aggregate(t, &n->aggs[i], in[0]);
	}
}

static void put_sort(struct stoa__text *t, const struct stoa__node *n)
{
	stoa__text_put(t, n->kind == STOA__NODE_SORT ? "sort by " : "first of each ");
	for (size_t i = 0; i < n->n_order; i++) {
		const struct stoa__node *in = n->input[0];
		size_t at = n->order[i].output;
		stoa__text_put(t, "%s", i ? ", " : "");
		if (*in->columns[at].name)
			stoa__text_put(t, "%s", in->columns[at].name);
		else
			stoa__text_put_column(t, in, at);
		stoa__text_put(t, "%s", n->order[i].descending ? " DESC" : "");
	}
	if (n->limit != UINT64_MAX)
		stoa__text_put(t, ", first %llu", (unsigned long long)n->limit);
}

static void put_limit(struct stoa__text *t, const struct stoa__node *n)
{
	if (n->limit != UINT64_MAX)
		stoa__text_put(t, "limit %llu", (unsigned long long)n->limit);
	if (n->offset)
		stoa__text_put(t, "%soffset %llu", n->limit != UINT64_MAX ? " " : "",
			       (unsigned long long)n->offset);
}

/* Each key is over its own side; what else must hold is over both. */
static void put_join(struct stoa__text *t, const struct stoa__node *n,
		     const struct stoa__node *const *in)
{
	static const char *const names[] = {
		[STOA__JOIN_INNER] = "inner", [STOA__JOIN_LEFT] = "left",
		[STOA__JOIN_RIGHT] = "right", [STOA__JOIN_FULL] = "full",
		[STOA__JOIN_SEMI] = "semi", [STOA__JOIN_ANTI] = "anti",
		[STOA__JOIN_RIGHT_SEMI] = "right semi", [STOA__JOIN_RIGHT_ANTI] = "right anti",
		[STOA__JOIN_MARK] = "mark", [STOA__JOIN_SINGLE] = "single",
	};
	bool known = n->join < sizeof names / sizeof *names && names[n->join];
	const struct stoa__node *right = n->shares ? n->shares->input[1] : in[1];

	stoa__text_put(t, "%s join", known ? names[n->join] : "?");
	for (size_t i = 0; i < n->n_keys; i++) {
		stoa__text_put(t, i ? " AND " : " on ");
		stoa__text_put_expr(t, n->left_keys[i], in, 1);
		stoa__text_put(t, " = ");
		stoa__text_put_expr(t, n->right_keys[i], &right, 1);
	}
	if (n->n_exprs)
		stoa__text_put(t, n->n_keys ? " AND " : " on ");
	stoa__text_put_exprs(t, n->exprs, n->n_exprs, " AND ", in, 2);
	if (n->shares)
		stoa__text_put(t, ", with the build side of the join above");
}

static void put_lookup(struct stoa__text *t, const struct stoa__node *n,
		       const struct stoa__node *const *in)
{
	size_t first = n->n_columns - n->n_looked;

	stoa__text_put(t, "look up %s (", n->table_name);
	for (size_t i = first; i < n->n_columns; i++) {
		const char *dot = strchr(n->columns[i].name, '.');
		stoa__text_put(t, "%s%s", i > first ? ", " : "", dot ? dot + 1 : n->columns[i].name);
	}
	stoa__text_put(t, ") by ");
	stoa__text_put_exprs(t, n->exprs, 1, "", in, 1);
}

static void put_windows(struct stoa__text *t, const struct stoa__node *n,
			const struct stoa__node *const *in)
{
	stoa__text_put(t, "window ");
	for (size_t i = 0; i < n->n_windows; i++) {
		stoa__text_put(t, i ? ", " : "");
		stoa__text_put_window(t, &n->windows[i], in[0]);
	}
}

static void put_node(struct stoa__text *t, const struct stoa__node *n,
		     const struct stoa__node_counts *counts)
{
	const struct stoa__node *in[2] = { n->input[0], n->input[1] };
	size_t n_in = in[1] ? 2 : in[0] ? 1 : 0;

	switch (n->kind) {
	case STOA__NODE_ONE: stoa__text_put(t, "one row"); return;
	case STOA__NODE_SCAN: put_scan(t, n, counts); return;
	case STOA__NODE_AGGREGATE: put_group(t, n, in); return;
	case STOA__NODE_SORT:
	case STOA__NODE_UNIQUE: put_sort(t, n); return;
	case STOA__NODE_LIMIT: put_limit(t, n); return;
	case STOA__NODE_JOIN: put_join(t, n, in); return;
	case STOA__NODE_APPEND: stoa__text_put(t, "append"); return;
	case STOA__NODE_VALUES: stoa__text_put(t, "%zu rows of values", n->n_rows); return;
	case STOA__NODE_REPEAT:
		stoa__text_put(t, "repeat ");
		stoa__text_put_exprs(t, n->exprs, n->n_exprs, ", ", in, n_in);
		return;
	case STOA__NODE_WINDOW: put_windows(t, n, in); return;
	case STOA__NODE_LOOKUP: put_lookup(t, n, in); return;
	case STOA__NODE_FILTER:
	case STOA__NODE_PROJECT:
		stoa__text_put(t, n->kind == STOA__NODE_FILTER ? "filter " : "project ");
		stoa__text_put_exprs(t, n->exprs, n->n_exprs,
				     n->kind == STOA__NODE_FILTER ? " AND " : ", ", in, n_in);
		return;
	default: stoa__text_put(t, "node %u", n->kind); return;
	}
}

/* ---- what it cost ---------------------------------------------------------------------------- */

static void put_bytes(struct stoa__text *t, uint64_t bytes)
{
	if (bytes < 10000)
		stoa__text_put(t, "%llu B", (unsigned long long)bytes);
	else if (bytes < 10000000)
		stoa__text_put(t, "%.1f kB", (double)bytes / 1e3);
	else
		stoa__text_put(t, "%.1f MB", (double)bytes / 1e6);
}

static uint64_t own_nanos(const struct stoa__node *n, const struct stoa__node_counts *counts)
{
	uint64_t all = counts[n->id].nanos, below = 0;

	for (int i = 0; i < 2; i++)
		if (n->input[i])
			below += counts[n->input[i]->id].nanos;
	return all > below ? all - below : 0;
}

static void put_counts(struct stoa__text *t, const struct stoa__node *n,
		       const struct stoa__node_counts *counts)
{
	const struct stoa__node_counts *c = &counts[n->id];

	stoa__text_put(t, "  [%llu %s, %.3f ms", (unsigned long long)c->n_rows,
		       c->n_rows == 1 ? "row" : "rows", (double)own_nanos(n, counts) / 1e6);
	if (n->kind == STOA__NODE_SCAN) {
		stoa__text_put(t, "; row groups: %llu read, %llu skipped",
			       (unsigned long long)c->n_groups, (unsigned long long)c->n_skipped);
		if (c->n_unmatched)
			stoa__text_put(t, ", %llu of them by a join above",
				       (unsigned long long)c->n_unmatched);
		stoa__text_put(t, "; ");
		put_bytes(t, c->n_bytes);
		stoa__text_put(t, " decoded");
	}
	if (n->kind == STOA__NODE_JOIN && n->n_keys)
		stoa__text_put(t, "; %llu rows dropped by their keys",
			       (unsigned long long)c->n_dropped);
	stoa__text_put(t, "]");
}

/* ---- the tree -------------------------------------------------------------------------------- */

/* Cuts what was put since @from at a character, should it be too long. */
static void cut(struct stoa__text *t, size_t from)
{
	size_t end = from + LINE_MAX_BYTES;

	if (t->buf.len <= end)
		return;
	while (end > from && (t->buf.p[end] & 0xc0) == 0x80)
		end--;
	t->buf.len = end;
	stoa__text_put(t, "...");
}

/* Names may hold anything: a line of the plan is one line. */
static void flatten(struct stoa__text *t, size_t from)
{
	for (size_t i = from; i < t->buf.len; i++)
		if (t->buf.p[i] < ' ')
			t->buf.p[i] = ' ';
}

static void put_line(struct stoa__text *t, const struct stoa__node *n, const char *indent,
		     const char *branch, const struct stoa__node_counts *counts, bool ran)
{
	stoa__text_put(t, "%s%s", indent, branch);
	size_t from = t->buf.len;
	put_node(t, n, &counts[n->id]);
	cut(t, from);
	flatten(t, from);
	if (ran)
		put_counts(t, n, counts);
	stoa__text_put(t, "\n");
}

#define INDENT_MAX 400

static void put_tree(struct stoa__text *t, const struct stoa__node *n, char *indent,
		     const char *branch, const struct stoa__node_counts *counts, bool ran)
{
	size_t len = strlen(indent);

	put_line(t, n, indent, branch, counts, ran);
	if (*branch && len + 8 < INDENT_MAX)
		strcat(indent, strncmp(branch, "├", 3) == 0 ? "│  " : "   ");
	for (int i = 0; i < 2; i++)
		if (n->input[i])
			put_tree(t, n->input[i], indent,
				 i == 0 && n->input[1] ? "├─ " : "└─ ", counts, ran);
	indent[len] = '\0';
}

void stoa__text_put_plan(struct stoa__text *t, const struct stoa__plan *plan, const char *head,
			 const struct stoa__node_counts *counts, bool ran)
{
	char indent[INDENT_MAX] = "";

	if (head)
		stoa__text_put(t, "%s\n", head);
	put_tree(t, plan->root, indent, head ? "└─ " : "", counts, ran);
}

/* ---- the cursor over its lines --------------------------------------------------------------- */

struct lines {
	struct stoa_cursor cursor;
	struct stoa__buf text;
	struct stoa_bytes *lines;
	size_t n, at;
	struct stoa_array array;
};

static struct lines *of(const stoa_cursor *cur)
{
	return (struct lines *)(uintptr_t)cur;
}

static const struct stoa_column *lines_columns(const stoa_cursor *cur, size_t *n)
{
	static const struct stoa_column column = { "plan", STOA_TEXT, 0, 0 };

	(void)cur;
	*n = 1;
	return &column;
}

static int lines_next(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct lines *l = of(cur);
	size_t n = l->n - l->at < STOA_BATCH_MAX ? l->n - l->at : STOA_BATCH_MAX;

	(void)err;
	if (!n)
		return STOA_END;
	l->array = (struct stoa_array){ .type = STOA_TEXT, .values = l->lines + l->at };
	l->at += n;
	*out = (struct stoa_batch){ n, 1, &l->array, NULL };
	return STOA_ROW;
}

static void lines_close(stoa_cursor *cur)
{
	struct lines *l = of(cur);

	stoa__buf_release(&l->text);
	stoa__free(l->lines);
	stoa__free(l);
}

/* Takes the text over, whatever is returned. */
static int open_lines(struct stoa__text *t, stoa_cursor **out, struct stoa_error *err)
{
	static const struct stoa__cursor_ops ops = {
		.columns = lines_columns, .next_batch = lines_next, .close = lines_close,
	};
	struct lines *l = t->rc < 0 ? NULL : stoa__calloc(1, sizeof *l);
	size_t n = 0;

	if (!l) {
		stoa__buf_release(&t->buf);
		return stoa__fail_memory(err);
	}
	stoa__cursor_init(&l->cursor, &ops);
	l->text = t->buf;
	for (size_t i = 0; i < l->text.len; i++)
		n += l->text.p[i] == '\n';
	l->lines = stoa__calloc(n + 1, sizeof *l->lines);
	if (!l->lines) {
		stoa_cursor_close(&l->cursor);
		return stoa__fail_memory(err);
	}
	const char *p = (const char *)l->text.p;
	for (; l->n < n; l->n++) {
		size_t len = (size_t)((const char *)memchr(p, '\n', SIZE_MAX / 2) - p);
		l->lines[l->n] = (struct stoa_bytes){ p, (uint32_t)len };
		p += len + 1;
	}
	*out = &l->cursor;
	return STOA_OK;
}

/* ---- statements ------------------------------------------------------------------------------ */

static double seconds(void)
{
	return (double)stoa__now_ns() * 1e-9;
}

/* Runs a query to its end; *@n: its rows. */
static int run_through(struct stoa__query_cursor *q, uint64_t *n, struct stoa_error *err)
{
	struct stoa_batch b;
	int rc;

	while ((rc = stoa_next_batch(&q->cursor, &b, err)) == STOA_ROW)
		*n += b.n_rows;
	return rc < 0 ? rc : STOA_OK;
}

static int explain_query(stoa_stmt *stmt, stoa_txn *txn, struct stoa__text *t, uint64_t *n,
			 struct stoa_error *err)
{
	struct stoa__txn_tables tables;
	struct stoa__query_cursor *q;

	STOA_TRY(stoa__query_cursor_new(stmt, &q, err));
	stoa__txn_tables_init(&tables, txn);
	q->counting = true;
	int rc = stoa__query_cursor_plan(q, stmt->tree->inner->query, &tables.tables, err);
	if (rc == STOA_OK)
		rc = stoa__query_cursor_start(q, &tables.tables, NULL, err);
	if (rc == STOA_OK && stmt->tree->analyze)
		rc = run_through(q, n, err);
	if (rc == STOA_OK)
		stoa__text_put_plan(t, q->plan, NULL, q->counts, stmt->tree->analyze);
	stoa_cursor_close(&q->cursor);
	stoa__txn_tables_release(&tables);
	return rc;
}

int stoa__explain_run(stoa_stmt *stmt, stoa_txn *txn, stoa_cursor **out, struct stoa_error *err)
{
	const struct stoa__statement *s = stmt->tree;
	struct stoa__text t = { .rc = STOA_OK };
	bool query = s->inner->kind == STOA__STATEMENT_QUERY;
	double start = seconds();
	uint64_t n = 0;
	int rc = query ? explain_query(stmt, txn, &t, &n, err) :
			 stoa__change_explain(stmt, txn, &t, &n, err);

	if (rc < 0) {
		stoa__buf_release(&t.buf);
		return rc;
	}
	if (s->analyze)
		stoa__text_put(&t, "%llu %s%s, %.3f ms in all\n", (unsigned long long)n,
			       n == 1 ? "row" : "rows", query ? "" : " changed",
			       (seconds() - start) * 1e3);
	STOA_TRY(open_lines(&t, out, err));
	if (!query)
		(*out)->changes = n;
	return STOA_OK;
}
