/* SPDX-License-Identifier: MIT */
/*
 * import.c - stoa import DB FILE...: CSV, JSON and Arrow files into tables
 *
 * All files are one transaction: after Ctrl-C, a bad line or a power cut none of them is in the
 * database. Files are looked at before the database is made, so that a mistyped name leaves nothing
 * behind.
 */
#include "cli.h"
#include "options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

struct import {
	const char *table;	/* NULL: after the file */
	const char *schema;
	bool quiet;
	const char *encoding;
	int format;		/* 'c' CSV, 'j' JSON, 'a' Arrow; 0 after the file's first bytes or its name */
	struct stoa_csv_options csv;
	struct progress progress;
	struct text done;	/* what to say once it is true: after the commit */
	const char *rejects_path;
	FILE *rejects;
	const char *file;	/* at hand */
	const char *hint;	/* which option would have helped, where one would */
	uint64_t n_rejects;	/* of it */
};

/* "data/flights-2001.csv.txt" -> "flights_2001": a name that SQL takes without quotes. */
static char *table_of_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;
	struct text t = { 0 };

	if (isdigit((unsigned char)*base))
		text_puts(&t, "_");
	for (; *base && *base != '.' && t.len < STOA_NAME_MAX; base++) {
		bool word = isalnum((unsigned char)*base) || (unsigned char)*base >= 0x80;

		text_put(&t, word ? base : "_", 1);
	}
	if (t.len == 0)
		text_puts(&t, "data");
	return t.p;
}

static int on_progress(void *ctx, const struct stoa_progress *now)
{
	struct import *im = ctx;
	double part = now->total_bytes ? (double)now->bytes / (double)now->total_bytes : -1;

	progress_show(&im->progress, part, now->rows, now->bytes, now->seconds);
	return interrupted();
}

/* With --schema the table is made here; it must be new. */
static int make_table(struct session *s, const struct import *im)
{
	struct slot_list list;
	struct stoa_error err;
	stoa_table table;
	int code = slots_parse(im->schema, &list);

	if (code != CLI_OK)
		return code;
	if (stoa_table_create(s->txn, im->table, list.slots, list.n, &table, &err) < 0)
		code = report_error(s->path, &err);
	slots_release(&list);
	return code;
}

static void put_csv(FILE *out, const char *s, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			fputc('"', out);
		fputc(s[i], out);
	}
	fputc('"', out);
}

/* A line of --rejects: file,line,column,reason,record. */
static int on_reject(void *ctx, const struct stoa_csv_reject *r)
{
	struct import *im = ctx;

	put_csv(im->rejects, im->file, strlen(im->file));
	fprintf(im->rejects, ",%" PRIu64 ",%" PRIu64 ",", r->line, r->column);
	put_csv(im->rejects, r->reason, strlen(r->reason));
	fputc(',', im->rejects);
	put_csv(im->rejects, r->record.p, r->record.len);
	fputc('\n', im->rejects);
	im->n_rejects++;
	return interrupted();
}

static int open_rejects(struct import *im)
{
	if (!im->rejects_path)
		return CLI_OK;
	im->rejects = fopen(im->rejects_path, "we");
	if (!im->rejects) {
		report("%s: %m", im->rejects_path);
		return CLI_FAILURE;
	}
	fputs("file,line,column,reason,record\n", im->rejects);
	im->csv.reject = on_reject;
	return CLI_OK;
}

/* The rejects are on their way to the disk before the rest is committed. */
static int close_rejects(struct import *im, int code)
{
	bool bad;

	if (!im->rejects)
		return code;
	bad = ferror(im->rejects) != 0;
	bad |= fclose(im->rejects) != 0;
	im->rejects = NULL;
	if (!bad || code != CLI_OK)
		return code;
	report("%s: cannot be written", im->rejects_path);
	return CLI_FAILURE;
}

static void note_done(struct import *im, const char *table, uint64_t rows, double seconds,
		      const char *path)
{
	struct stat st;

	text_printf(&im->done, "%s: %llu row%s in %.2f s", table, (unsigned long long)rows,
		    rows == 1 ? "" : "s", seconds);
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && seconds > 0)
		text_printf(&im->done, " (%.0f MB/s)", (double)st.st_size / 1e6 / seconds);
	if (im->n_rejects)
		text_printf(&im->done, ", %" PRIu64 " rejected", im->n_rejects);
	text_puts(&im->done, "\n");
}

/* By the ending of its name, those of packed files left out of account. */
static bool is_json(const struct import *im, const char *path)
{
	static const char *const packed[] = { ".gz", ".zst", ".json", ".jsonl", ".ndjson" };
	size_t len = strlen(path);

	if (im->format)
		return im->format == 'j';
	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++) {
		size_t n = strlen(packed[i]);

		if (len < n || strncasecmp(path + len - n, packed[i], n) != 0)
			continue;
		if (i >= 2)
			return true;
		len -= n;
	}
	return false;
}

/* What to try when a record could not be taken; NULL for what no option helps with. */
static const char *option_for(const struct import *im, int rc, const struct stoa_error *err)
{
	if (!im->encoding && strstr(err->text, "not valid UTF-8"))
		return "--encoding latin1, or another name that iconv knows, reads text that is not UTF-8";
	if (!im->rejects && err->line > 1 &&
	    (rc == STOA_ESYNTAX || rc == STOA_ETYPE || rc == STOA_ERANGE || rc == STOA_ENULL))
		return "--rejects FILE leaves such records out, and keeps them in FILE";
	return NULL;
}

static int import_csv(struct session *s, struct import *im, const char *table,
		      const struct input *in, uint64_t *rows)
{
	struct stoa_error err;
	int rc;

	im->csv.name = im->file = in->name;
	im->n_rejects = 0;
	rc = stoa_import_csv(s->txn, table, in->path, &im->csv, rows, &err);
	progress_end(&im->progress);
	if (rc >= 0)
		return CLI_OK;
	im->hint = option_for(im, rc, &err);
	return rc == STOA_ECANCELED ? CLI_INTERRUPTED : report_error(in->name, &err);
}

static int import_file(struct session *s, struct import *im, const char *path)
{
	char *name = im->table ? xstrdup(im->table) : table_of_file(path);
	double start = seconds_now();
	struct input in;
	uint64_t rows = 0;
	int code = input_open(&in, path, im->encoding);

	if (code == CLI_OK) {
		progress_init(&im->progress, in.name);
		code = im->format == 'a' || (!im->format && is_arrow(&in)) ?
			       import_arrow(s, name, &in, &im->csv, &im->progress, &rows) :
		       is_json(im, path) ? import_json(s, name, &in, &im->csv, &im->progress, &rows) :
					   import_csv(s, im, name, &in, &rows);
		progress_end(&im->progress);
		input_close(&in);
	}
	if (code == CLI_OK)
		note_done(im, name, rows, seconds_now() - start, path);
	free(name);
	return code;
}

static int import_files(struct import *im, const char *db, char **files, int n)
{
	struct session s;
	int code;

	for (int i = 0; i < n; i++) {
		if (strcmp(files[i], "-") == 0 || access(files[i], R_OK) == 0)
			continue;
		report("%s: %m", files[i]);
		return CLI_FAILURE;
	}
	code = session_begin(&s, db, 0, STOA_WRITE);
	if (code != CLI_OK)
		return code;
	interrupt_init();
	code = open_rejects(im);
	if (code == CLI_OK && im->schema)
		code = make_table(&s, im);
	for (int i = 0; i < n && code == CLI_OK; i++)
		code = import_file(&s, im, files[i]);
	code = close_rejects(im, code);
	code = session_end(&s, code);
	if (code != CLI_OK)
		report("nothing was imported%s%s", im->hint ? "; " : "", im->hint ? im->hint : "");
	else if (!im->quiet)
		fwrite(im->done.p, 1, im->done.len, stdout);
	text_release(&im->done);
	return code;
}

int import_one(struct session *s, const char *path, const char *table)
{
	struct import im = { .table = table, .csv = STOA_CSV_OPTIONS_INIT };
	struct stoa_error err;
	uint32_t savepoint;
	int code;

	if (strcmp(path, "-") == 0) {
		report("standard input is where the commands come from: name a file");
		return CLI_FAILURE;
	}
	if (stoa_savepoint(s->txn, &savepoint, &err) < 0)
		return report_error(s->path, &err);
	im.csv.progress = on_progress;
	im.csv.ctx = &im;
	code = import_file(s, &im, path);
	if (code == CLI_OK)
		fwrite(im.done.p, 1, im.done.len, stdout);
	else if (stoa_rollback_to(s->txn, savepoint, &err) < 0)
		report_error(s->path, &err);
	text_release(&im.done);
	return code;
}

static bool take_file_format(char *arg, void *to)
{
	struct import *im = to;

	if (strcmp(arg, "tsv") == 0)
		im->csv.delimiter = '\t';
	if (strcmp(arg, "csv") == 0 || strcmp(arg, "tsv") == 0)
		im->format = 'c';
	else if (strcmp(arg, "arrow") == 0 || strcmp(arg, "arrows") == 0)
		im->format = 'a';
	else if (strcmp(arg, "json") == 0 || strcmp(arg, "jsonl") == 0)
		im->format = 'j';
	else
		return false;
	return true;
}

static bool take_quote(char *arg, void *to)
{
	*(char *)to = *arg;
	return arg[0] >= ' ' && !arg[1];
}

/* The place of @arg among @n words into the int at @to. */
static bool take_word(const char *arg, const char *const *words, int n, int *to)
{
	for (*to = 0; *to < n; ++*to)
		if (strcmp(arg, words[*to]) == 0)
			return true;
	return false;
}

static bool take_ragged(char *arg, void *to)
{
	static const char *const words[] = { [STOA_CSV_EXACT] = "error", [STOA_CSV_FILL] = "fill" };

	return take_word(arg, words, 2, to);
}

static bool take_conflict(char *arg, void *to)
{
	static const char *const words[] = {
		[STOA_CONFLICT_ERROR] = "error",
		[STOA_CONFLICT_IGNORE] = "ignore",
		[STOA_CONFLICT_REPLACE] = "replace",
	};

	return take_word(arg, words, 3, to);
}

static bool take_blobs_as(char *arg, void *to)
{
	return (*(int *)to = parse_blobs(arg)) >= 0;
}

static bool take_header(char *none, void *to)
{
	(void)none;
	*(int *)to = 1;
	return true;
}

static bool take_no_header(char *none, void *to)
{
	(void)none;
	*(int *)to = 0;
	return true;
}

static bool parse_options(const struct command *self, int argc, char **argv, struct import *im, int *code)
{
	struct stoa_csv_options *csv = &im->csv;
	uint64_t threads = csv->n_threads;
	const struct option_rule rules[] = {
		OPTION_TEXT("table", 't', &im->table),
		OPTION_TEXT("schema", 's', &im->schema),
		OPTION_NUMBER("threads", 'j', &threads, 1, 1024),
		OPTION_TAKE("format", 'f', take_file_format, im, "csv, tsv, json, jsonl or arrow"),
		OPTION_TAKE("delimiter", 'd', take_delimiter, &csv->delimiter, "one character, or tab"),
		OPTION_TEXT("null", 'n', &csv->null_text),
		OPTION_TAKE("quote", 0, take_quote, &csv->quote, "one character"),
		OPTION_TEXT("encoding", 0, &im->encoding),
		OPTION_TAKE("ragged", 0, take_ragged, &csv->ragged, "error or fill"),
		OPTION_TEXT("rejects", 0, &im->rejects_path),
		OPTION_NUMBER("max-rejects", 0, &csv->reject_max, 1, UINT64_MAX),
		OPTION_TEXT("unique", 0, &csv->unique),
		OPTION_TAKE("on-conflict", 0, take_conflict, &csv->on_conflict,
			    "error, ignore or replace"),
		OPTION_TAKE("blobs", 0, take_blobs_as, &csv->blobs, "hex or base64"),
		OPTION_CALL("header", 0, take_header, &csv->header),
		OPTION_CALL("no-header", 0, take_no_header, &csv->header),
		OPTION_FLAG("quiet", 'q', &im->quiet),
	};

	if (!OPTIONS(self, argc, argv, rules, 2, ARGUMENTS_MAX, "a DB and at least one FILE are wanted",
		     code))
		return false;
	csv->n_threads = (unsigned)threads;
	return true;
}

static int run(const struct command *self, int argc, char **argv)
{
	struct import im = { .csv = STOA_CSV_OPTIONS_INIT };
	int code;

	if (!parse_options(self, argc, argv, &im, &code))
		return code;
	for (int i = optind + 1; i < argc; i++)
		if (strcmp(argv[i], "-") == 0 && !im.table)
			return bad_usage(self, "standard input has no name: add --table NAME");
	if (im.schema && !im.table)
		return bad_usage(self, "--schema needs --table");
	if (im.csv.on_conflict != STOA_CONFLICT_ERROR && !im.csv.unique)
		return bad_usage(self, "--on-conflict needs --unique");
	im.csv.progress = on_progress;
	im.csv.ctx = &im;
	return import_files(&im, argv[optind], argv + optind + 1, argc - optind - 1);
}

const struct command command_import = {
	"import", "DB FILE...", "Load CSV, JSON and Arrow files",
	"Database and table are made where they are missing, the types inferred from all of the\n"
	"data. Into a table that is there, columns go by name. All files or none: they are one\n"
	"transaction. A FILE of - is standard input. gzip and zstd files are unpacked. JSON is an\n"
	"object per row, a line or an array of them; what is nested inside is kept as JSON text.\n\n"
	"  -t, --table NAME     into this table; otherwise each file has one of its own name\n"
	"  -s, --schema SLOTS   make that table first, with these slots: see 'stoa create --help'\n"
	"  -f, --format FORMAT  csv, tsv, json, jsonl or arrow; otherwise Arrow by its first bytes, JSON\n"
	"                       by the name's ending (.json, .jsonl, .ndjson, also before .gz or .zst),\n"
	"                       CSV without one\n"
	"  -j, --threads N      use N threads; otherwise one for each processor\n"
	"  -d, --delimiter C    the character between fields, or tab; otherwise found out\n"
	"  -n, --null TEXT      an unquoted field that is NULL; otherwise the empty one\n"
	"      --quote C        the character around fields; otherwise \" or ' is found out\n"
	"      --encoding NAME  of the text, as iconv knows it; otherwise UTF-8, or UTF-16 by its mark\n"
	"      --ragged POLICY  CSV records with too few fields: error, or fill them up with NULLs\n"
	"      --rejects FILE   leave bad CSV records out, and write them to FILE, with their lines\n"
	"                       and what is wrong with them; otherwise the first one is an error\n"
	"      --max-rejects N  but no more than N of them; otherwise 100000\n"
	"      --unique SLOTS   a row's values of these (a,b) are its key: the table gets a unique index\n"
	"                       on them unless it has one\n"
	"      --on-conflict P  where a key is there already: error, ignore (the first row stays) or\n"
	"                       replace (the last one does); otherwise error\n"
	"      --blobs HOW      what blobs are in: hex (\\x and digits) or base64; otherwise hex\n"
	"      --header         the first line names the columns\n"
	"      --no-header      it does not: they are c1, c2, ...; otherwise found out\n"
	"  -q, --quiet          say nothing when all is well\n"
	"  -h, --help           this text\n\n"
	"  stoa import air.stoa flights.csv airports.csv\n",
	run,
};
