/* SPDX-License-Identifier: MIT */
/*
 * dump.c - stoa dump DB: all of a database as SQL statements; stoa restore DB FILE: and back
 *
 *     BEGIN;
 *     CREATE TABLE airports (...);
 *     INSERT INTO airports (...) VALUES
 *     ('ATL', 33.6),
 *     ...
 *     COMMIT;
 *
 * Tables come in the order of their names, rows in that of their rowids, a row a line: so two dumps
 * differ in the lines of the rows that differ. A dump is one snapshot. Rows get new rowids when they
 * are restored. A file whose name ends in .zst is compressed; restore knows it by its content.
 *
 * A restore makes the database, which must not be there yet, and runs the dump in it. The BEGIN of
 * the dump makes that all or nothing.
 */
#include "shell.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <zstd.h>

/* ---- a compressed file as a stream ------------------------------------------------------- */

struct packer {
	FILE *to;
	ZSTD_CStream *z;
};

/* Compresses @in and, with ZSTD_e_end, ends the frame. */
static bool pack(struct packer *p, ZSTD_inBuffer *in, ZSTD_EndDirective what)
{
	char room[65536];
	size_t left;

	do {
		ZSTD_outBuffer out = { room, sizeof(room), 0 };

		left = ZSTD_compressStream2(p->z, &out, in, what);
		if (ZSTD_isError(left) || fwrite(room, 1, out.pos, p->to) != out.pos)
			return false;
	} while (what == ZSTD_e_end ? left > 0 : in->pos < in->size);
	return true;
}

static ssize_t packer_write(void *cookie, const char *p, size_t len)
{
	ZSTD_inBuffer in = { p, len, 0 };

	return pack(cookie, &in, ZSTD_e_continue) ? (ssize_t)len : 0;
}

static int packer_close(void *cookie)
{
	struct packer *p = cookie;
	ZSTD_inBuffer nothing = { NULL, 0, 0 };
	bool good = pack(p, &nothing, ZSTD_e_end);

	good &= fflush(p->to) == 0 && fsync(fileno(p->to)) == 0;
	good &= fclose(p->to) == 0;
	ZSTD_freeCStream(p->z);
	free(p);
	return good ? 0 : -1;
}

/* Writing to it compresses into @to, which is closed with it. */
static FILE *packer_open(FILE *to)
{
	static const cookie_io_functions_t functions = { NULL, packer_write, NULL, packer_close };
	struct packer *p = xrealloc(NULL, sizeof(*p));

	p->to = to;
	p->z = ZSTD_createCStream();
	if (!p->z)
		xrealloc(NULL, SIZE_MAX);	/* which ends the command, saying why */
	return fopencookie(p, "w", functions);
}

/* ---- dump ------------------------------------------------------------------------------- */

struct table_entry {
	char *name;
	stoa_table table;
};

static int by_name(const void *a, const void *b)
{
	const struct table_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int list_tables(struct session *s, struct table_entry **out, size_t *n)
{
	struct stoa_table_info info;
	struct stoa_error err;
	stoa_table table = 0;
	int rc;

	*out = NULL;
	*n = 0;
	while ((rc = stoa_table_next(s->txn, table, &table, &err)) == STOA_ROW) {
		rc = stoa_table_info(s->txn, table, &info, &err);
		if (rc < 0)
			break;
		*out = xrealloc(*out, (*n + 1) * sizeof(**out));
		(*out)[(*n)++] = (struct table_entry){ xstrdup(info.name), table };
	}
	if (*n > 0)
		qsort(*out, *n, sizeof(**out), by_name);
	return rc < 0 ? report_error(s->path, &err) : CLI_OK;
}

/*
 * A reference is a rowid, which SQL can neither give a row nor, when rows get new ones, translate: a
 * dump that pretended would be worse than none.
 */
static int check_slots(struct session *s, const struct table_entry *e)
{
	struct stoa_table_info info;
	struct stoa_error err;

	if (stoa_table_info(s->txn, e->table, &info, &err) < 0)
		return report_error(s->path, &err);
	for (size_t i = 0; i < info.n_slots; i++) {
		if (info.slots[i].type != STOA_REF && info.slots[i].type != STOA_WEAK_REF)
			continue;
		report("%s: table %s has references (%s), which SQL text cannot carry", s->path,
		       info.name, info.slots[i].name);
		return CLI_FAILURE;
	}
	return CLI_OK;
}

static int dump_rows(struct session *s, const struct table_entry *e, FILE *out, struct progress *p)
{
	struct writer_options options = { .format = FORMAT_INSERT, .table = e->name };
	const struct stoa_column *columns;
	struct stoa_error err;
	stoa_cursor *cur;
	struct writer *w;
	size_t n;
	int code;

	if (stoa_scan(s->txn, e->table, NULL, 0, &cur, &err) < 0)
		return report_error(s->path, &err);
	columns = stoa_columns(cur, &n);
	w = writer_new(out, &options, columns, n);
	code = write_cursor(w, cur, NULL, p);
	if (code == CLI_OK)
		return writer_finish(w);
	writer_discard(w);
	return code;
}

static int dump_tables(struct session *s, FILE *out, struct progress *p)
{
	struct table_entry *tables;
	struct text t = { 0 };
	size_t n;
	int code = list_tables(s, &tables, &n);

	fputs("BEGIN;\n", out);
	for (size_t i = 0; i < n; i++) {
		t.len = 0;
		if (code == CLI_OK)
			code = check_slots(s, &tables[i]);
		if (code == CLI_OK)
			code = text_put_table(&t, s, tables[i].table);
		if (code == CLI_OK) {
			fwrite(t.p, 1, t.len, out);
			code = dump_rows(s, &tables[i], out, p);
		}
		free(tables[i].name);
	}
	fputs("COMMIT;\n", out);
	free(tables);
	text_release(&t);
	return code;
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcasecmp(s + n - m, end) == 0;
}

int dump_to(struct session *s, const char *path, FILE *out)
{
	struct target target;
	struct progress progress;
	int code;

	progress_init(&progress, path ? path : "");
	progress.on = progress.on && path;
	if (!path)
		return dump_tables(s, out, &progress);
	code = target_open(&target, path);
	if (code != CLI_OK)
		return code;
	if (ends_in(path, ".zst"))
		target.out = packer_open(target.out);
	return target_close(&target, dump_tables(s, target.out, &progress));
}

static int run_dump(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *path = NULL;
	struct session s;
	int option, code;

	while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
		if (option != 'o')
			return option == 'h' ? show_help(self) : bad_usage(self, NULL);
		path = optarg;
	}
	if (argc - optind != 1)
		return bad_usage(self, "one DB is wanted");
	code = session_begin(&s, argv[optind], STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE,
			     STOA_READ);
	if (code != CLI_OK)
		return code;
	if (path)
		interrupt_init();
	return session_end(&s, dump_to(&s, path, stdout));
}

const struct command command_dump = {
	"dump", "DB", "Write all of a database as SQL statements",
	"Tables in the order of their names, a row a line: two dumps are easy to compare. Other\n"
	"programs may be writing meanwhile: a dump is one snapshot.\n\n"
	"  -o, --output FILE  into FILE, which is replaced once all is written, and compressed if\n"
	"                     its name ends in .zst; otherwise on standard output\n"
	"  -h, --help         this text\n\n"
	"  stoa dump air.stoa -o air.sql.zst && stoa restore copy.stoa air.sql.zst\n",
	run_dump,
};

/* ---- restore ---------------------------------------------------------------------------- */

static int restore(const char *db, const char *path)
{
	struct input in;
	FILE *sql;
	int code = input_open(&in, path, NULL);

	if (code != CLI_OK)
		return code;
	sql = fopen(in.path, "re");
	if (!sql) {
		report("%s: %s", in.name, strerror(errno));
		code = CLI_FAILURE;
	} else {
		code = shell_restore(db, sql);
		fclose(sql);
	}
	input_close(&in);
	return code;
}

static int run_restore(const struct command *self, int argc, char **argv)
{
	int code;

	if (!plain_arguments(self, argc, argv, 2, 2,
			     "a DB that is not there yet, and a FILE, are wanted", &code))
		return code;
	return restore(argv[optind], argv[optind + 1]);
}

const struct command command_restore = {
	"restore", "DB FILE", "Make a database from a dump",
	"DB must not be there yet. FILE is what dump wrote, compressed or not, or other SQL statements;\n"
	"- is standard input. All of it, or nothing but an empty database.\n\n"
	"  -h, --help  this text\n",
	run_restore,
};
