/* SPDX-License-Identifier: MIT */
/* stat.c - stoa stat DB: what the database and its tables hold, and where the bytes are */
#include "cli.h"
#include "options.h"

#include <inttypes.h>
#include <string.h>

/* What is shown of a struct stoa_stat, in this order. */
struct field {
	const char *key;	/* in JSON, as in stoa.h */
	const char *label;
	size_t offset;
	bool is_bytes;
	bool of_table;		/* a table has it too */
};

#define FIELD(key, label, is_bytes, of_table) \
	{ #key, label, offsetof(struct stoa_stat, key), is_bytes, of_table }

static const struct field fields[] = {
	FIELD(n_tables, "tables", false, false),
	FIELD(n_rows, "rows", false, true),
	FIELD(n_groups, "row groups", false, true),
	FIELD(n_dead, "dead rows", false, true),
	FIELD(disk_bytes, "on disk", true, false),
	FIELD(segment_bytes, "segments", true, false),
	FIELD(catalog_bytes, "catalog", true, false),
	FIELD(log_bytes, "redo log", true, false),
	FIELD(memory_bytes, "in memory", true, true),
	FIELD(tail_bytes, "tails", true, true),
	FIELD(overlay_bytes, "overlays", true, true),
	FIELD(n_symbols, "strings", false, false),
	FIELD(symbol_bytes, "strings' bytes", true, false),
	FIELD(n_snapshots, "snapshots", false, false),
	FIELD(oldest_commit, "oldest shown", false, false),
	FIELD(pinned_bytes, "pinned memory", true, false),
	FIELD(pinned_disk_bytes, "pinned on disk", true, false),
	FIELD(pinned_groups, "pinned groups", false, false),
	FIELD(n_cursors, "cursors", false, false),
	FIELD(commit, "commit", false, false),
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

static uint64_t field_of(const struct stoa_stat *st, const struct field *f)
{
	uint64_t x;

	memcpy(&x, (const char *)st + f->offset, sizeof(x));
	return x;
}

static void put_bytes(struct text *t, uint64_t n)
{
	struct text one = { 0 };

	text_put_bytes(&one, (int64_t)n);
	/* Numbers line up, and " B" is a letter shorter than "kB". */
	text_printf(t, "%*s\n", one.p[one.len - 2] == ' ' ? 14 : 15, one.p);
	text_release(&one);
}

static void put_fields(struct text *t, const struct stoa_stat *st, bool table)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		const struct field *f = &fields[i];

		if (table && !f->of_table)
			continue;
		text_printf(t, "  %-16s", f->label);
		if (f->is_bytes)
			put_bytes(t, field_of(st, f));
		else
			text_printf(t, "%12" PRIu64 "\n", field_of(st, f));
	}
}

static void put_json_fields(struct text *t, const struct stoa_stat *st, bool table)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (!table || fields[i].of_table)
			text_printf(t, ",\"%s\":%" PRIu64, fields[i].key, field_of(st, &fields[i]));
}

/* ---- slots and indexes ---- */

/* The node of a table below the root; NULL if there is none. */
static const struct stoa_trace_node *table_node(const stoa_trace *trace, const char *name,
						size_t *number)
{
	const struct stoa_trace_node *node;

	for (size_t i = 1; (node = stoa_trace_node(trace, i)); i = node->end) {
		*number = i;
		if (node->kind == STOA_TRACE_TABLE && strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

/* Calls @each with its slots, or its indexes. */
static void each_part(const stoa_trace *trace, const char *table, int kind,
		      void (*each)(struct text *t, const struct stoa_trace_node *node),
		      struct text *t)
{
	const struct stoa_trace_node *above, *node;
	size_t i;

	above = table_node(trace, table, &i);
	if (!above)
		return;
	for (i++; i < above->end; i = node->end) {
		node = stoa_trace_node(trace, i);
		if (node->kind == kind)
			each(t, node);
	}
}

static void put_amount(struct text *t, int64_t bytes, const char *what)
{
	struct text one = { 0 };

	text_put_bytes(&one, bytes);
	text_printf(t, "%10s %s", one.p, what);
	text_release(&one);
}

static void put_part(struct text *t, const struct stoa_trace_node *node)
{
	size_t before = t->len, width;
	int64_t garbage = node->memory_garbage + node->disk_garbage;

	text_puts(t, node->kind == STOA_TRACE_SLOT ? "  slot " : "  index ");
	text_put_visible(t, node->name, strlen(node->name));
	width = display_width(t->p + before, t->len - before);
	text_printf(t, "%*s", width < 26 ? (int)(26 - width) : 1, "");
	put_amount(t, node->memory, "in memory");
	put_amount(t, node->disk, "on disk");
	if (garbage)
		put_amount(t, garbage, "garbage");
	text_puts(t, "\n");
}

static void put_json_part(struct text *t, const struct stoa_trace_node *node)
{
	text_puts(t, t->p[t->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	text_put_json(t, node->name, strlen(node->name));
	text_printf(t,
		    ",\"memory_bytes\":%" PRId64 ",\"disk_bytes\":%" PRId64
		    ",\"garbage_bytes\":%" PRId64 "}",
		    node->memory, node->disk, node->memory_garbage + node->disk_garbage);
}

/* ---- tables ---- */

typedef void each_fn(struct text *t, const stoa_trace *trace, const char *name,
		     const struct stoa_stat *st);

/* Calls @each for every table; CLI_OK or an exit code. */
static int each_table(struct session *s, const stoa_trace *trace, each_fn *each, struct text *t)
{
	struct stoa_table_info info;
	struct stoa_error err;
	stoa_table table = 0;
	int rc;

	while ((rc = stoa_table_next(s->txn, table, &table, &err)) == STOA_ROW) {
		struct stoa_stat st = STOA_STAT_INIT;

		rc = stoa_table_info(s->txn, table, &info, &err);
		if (rc == STOA_OK)
			rc = stoa_stat(s->txn, table, &st, &err);
		if (rc < 0)
			break;
		each(t, trace, info.name, &st);
	}
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

static void put_table(struct text *t, const stoa_trace *trace, const char *name,
		      const struct stoa_stat *st)
{
	text_puts(t, "\ntable ");
	text_put_visible(t, name, strlen(name));
	text_puts(t, "\n");
	put_fields(t, st, true);
	each_part(trace, name, STOA_TRACE_SLOT, put_part, t);
	each_part(trace, name, STOA_TRACE_INDEX, put_part, t);
}

static void put_json_table(struct text *t, const stoa_trace *trace, const char *name,
			   const struct stoa_stat *st)
{
	text_puts(t, t->p[t->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	text_put_json(t, name, strlen(name));
	put_json_fields(t, st, true);
	text_puts(t, ",\"slots\":[");
	each_part(trace, name, STOA_TRACE_SLOT, put_json_part, t);
	text_puts(t, "],\"indexes\":[");
	each_part(trace, name, STOA_TRACE_INDEX, put_json_part, t);
	text_puts(t, "]}");
}

static int put_database(struct session *s, const stoa_trace *trace, bool json, struct text *t)
{
	struct stoa_stat st = STOA_STAT_INIT;
	struct stoa_error err;
	int code;

	if (stoa_stat(s->txn, 0, &st, &err) < 0)
		return report_error(s->path, &err);
	if (!json) {
		text_printf(t, "database %s\n", s->path);
		put_fields(t, &st, false);
		return each_table(s, trace, put_table, t);
	}
	text_puts(t, "{\"path\":");
	text_put_json(t, s->path, strlen(s->path));
	put_json_fields(t, &st, false);
	text_puts(t, ",\"tables\":[");
	code = each_table(s, trace, put_json_table, t);
	text_puts(t, "]}\n");
	return code;
}

static int show(struct session *s, bool json)
{
	stoa_trace *trace;
	struct stoa_error err;
	struct text t = { 0 };
	int code;

	if (stoa_trace_take(s->db, &trace, &err) < 0)
		return report_error(s->path, &err);
	code = put_database(s, trace, json, &t);
	stoa_trace_free(trace);
	if (code == CLI_OK)
		fwrite(t.p, 1, t.len, stdout);
	text_release(&t);
	return code;
}

static int run(const struct command *self, int argc, char **argv)
{
	bool json = false;
	const struct option_rule rules[] = { OPTION_FLAG("json", 0, &json) };
	struct session s;
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
	return code == CLI_OK ? session_end(&s, show(&s, json)) : code;
}

const struct command command_stat = {
	"stat", "DB", "Show how many rows there are and where the bytes are",
	"Of the database, its tables, their slots and indexes; stoa trace shows more.\n\n"
	"  --json      as one JSON object, sizes in bytes; its keys are those of stoa.h\n"
	"  -h, --help  this text\n",
	run,
};
