/* SPDX-License-Identifier: MIT */
/* stat.c - stoa stat DB: what the database and its tables hold, and where the bytes are */
#include "cli.h"

#include <getopt.h>
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
	FIELD(memory_bytes, "in memory", true, false),
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

static void print_bytes(uint64_t n)
{
	static const char units[] = "kMGTPE";
	double x = (double)n;
	int u = -1;

	while (x >= 1000 && units[u + 1]) {
		x /= 1000;
		u++;
	}
	if (u < 0)
		printf("%12" PRIu64 " B\n", n);
	else
		printf("%12.1f %cB\n", x, units[u]);
}

static void print_fields(const struct stoa_stat *st, bool table)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		const struct field *f = &fields[i];

		if (table && !f->of_table)
			continue;
		printf("  %-16s", f->label);
		if (f->is_bytes)
			print_bytes(field_of(st, f));
		else
			printf("%12" PRIu64 "\n", field_of(st, f));
	}
}

static void put_json_fields(struct text *t, const struct stoa_stat *st, bool table)
{
	for (size_t i = 0; i < N_FIELDS; i++)
		if (!table || fields[i].of_table)
			text_printf(t, ",\"%s\":%" PRIu64, fields[i].key, field_of(st, &fields[i]));
}

/* Calls @each for every table; CLI_OK or an exit code. */
static int each_table(struct session *s,
		      void (*each)(void *ctx, const char *name, const struct stoa_stat *st),
		      void *ctx)
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
		each(ctx, info.name, &st);
	}
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

static void print_table(void *ctx, const char *name, const struct stoa_stat *st)
{
	(void)ctx;
	printf("\ntable %s\n", name);
	print_fields(st, true);
}

static void put_json_table(void *ctx, const char *name, const struct stoa_stat *st)
{
	struct text *t = ctx;

	text_puts(t, t->p[t->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	text_put_json(t, name, strlen(name));
	put_json_fields(t, st, true);
	text_puts(t, "}");
}

static int show(struct session *s)
{
	struct stoa_stat st = STOA_STAT_INIT;
	struct stoa_error err;

	if (stoa_stat(s->txn, 0, &st, &err) < 0)
		return report_error(s->path, &err);
	printf("database %s\n", s->path);
	print_fields(&st, false);
	return each_table(s, print_table, NULL);
}

static int show_json(struct session *s)
{
	struct stoa_stat st = STOA_STAT_INIT;
	struct stoa_error err;
	struct text t = { 0 };
	int code;

	if (stoa_stat(s->txn, 0, &st, &err) < 0)
		return report_error(s->path, &err);
	text_puts(&t, "{\"path\":");
	text_put_json(&t, s->path, strlen(s->path));
	put_json_fields(&t, &st, false);
	text_puts(&t, ",\"tables\":[");
	code = each_table(s, put_json_table, &t);
	text_puts(&t, "]}\n");
	if (code == CLI_OK)
		fwrite(t.p, 1, t.len, stdout);
	text_release(&t);
	return code;
}

static int run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool json = false;
	struct session s;
	int option, code;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			return show_help(self);
		default:
			return bad_usage(self, NULL);
		}
	}
	if (argc - optind != 1)
		return bad_usage(self, "one DB is wanted");
	code = session_begin(&s, argv[optind], STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE,
			     STOA_READ);
	if (code == CLI_OK)
		code = session_end(&s, json ? show_json(&s) : show(&s));
	return code;
}

const struct command command_stat = {
	"stat", "DB", "Show how many rows there are and where the bytes are",
	"  --json      as one JSON object, sizes in bytes; its keys are those of stoa.h\n"
	"  -h, --help  this text\n",
	run,
};
