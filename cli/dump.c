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
 * Tables come in the order of their names, but for those that others refer to; rows in that of
 * their rowids, or of the first deque of their table, a row a line: so two dumps differ in the
 * lines of the rows that differ. A dump is one snapshot. Rows get new rowids when they are
 * restored, and references are to those (dump.h). A file whose name ends in .zst is compressed;
 * restore knows it by its content.
 *
 * A restore makes the database, which must not be there yet, and runs the dump in it. The BEGIN of
 * the dump makes that all or nothing. What SQL has no words for are comments that restore obeys.
 * Leases are not in a dump, nor delays and counts of attempts: they are promises to processes that
 * work on the database at hand. Nor are holds, which end with their process.
 */
#include "dump.h"
#include "options.h"
#include "shell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
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

/* ---- tables ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
	const struct dumped *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int list_tables(struct dump *d)
{
	struct stoa_error err;
	stoa_table table = 0;
	int rc;

	while ((rc = stoa_table_next(d->s->txn, table, &table, &err)) == STOA_ROW) {
		struct dumped t = { .table = table };

		rc = stoa_table_info(d->s->txn, table, &t.info, &err);
		if (rc < 0)
			break;
		t.name = xstrdup(t.info.name);
		d->tables = xrealloc(d->tables, (d->n + 1) * sizeof(*d->tables));
		d->tables[d->n++] = t;
	}
	if (d->n)
		qsort(d->tables, d->n, sizeof(*d->tables), by_name);
	return rc < 0 ? report_error(d->s->path, &err) : CLI_OK;
}

size_t dump_position(const struct dump *d, stoa_table table)
{
	size_t i = 0;

	while (i < d->n && d->tables[i].table != table)
		i++;
	return i;
}

/* Does table @at refer, by slots with these flags, to one that has no place before @n yet? */
static bool waits(const struct dump *d, size_t at, size_t n, uint32_t flags)
{
	const struct stoa_table_info *info = &d->tables[at].info;

	for (size_t i = 0; i < info->n_slots; i++) {
		size_t target = info->slots[i].target ? dump_position(d, info->slots[i].target) : at;

		if ((info->slots[i].flags & flags) == flags && target != at && target >= n &&
		    target < d->n)
			return true;
	}
	return false;
}

/*
 * The table that comes next: the first by name that waits for no other, or for none by a slot that
 * is not null.
 */
static size_t choose(const struct dump *d, size_t n)
{
	for (size_t i = n; i < d->n; i++)
		if (!waits(d, i, n, 0))
			return i;
	for (size_t i = n; i < d->n; i++)
		if (!waits(d, i, n, STOA_NOT_NULL))
			return i;
	return n;
}

/* Tables that others refer to come before them where that is possible; else by name. */
static void order_tables(struct dump *d)
{
	for (size_t n = 0; n < d->n; n++) {
		size_t at = choose(d, n);
		struct dumped t = d->tables[at];

		memmove(&d->tables[n + 1], &d->tables[n], (at - n) * sizeof(t));
		d->tables[n] = t;
	}
}

/* Slots up to the first that refers to a table that comes later. */
static size_t early_slots(const struct dump *d, size_t at)
{
	const struct stoa_table_info *info = &d->tables[at].info;
	size_t i = 0;

	for (; i < info->n_slots; i++) {
		size_t target = info->slots[i].target ? dump_position(d, info->slots[i].target) : at;

		if (target > at && target < d->n)
			break;
	}
	return i;
}

/*
 * May two rows have the same key for a moment, as what is long or comes later has something else in
 * its place?
 */
static bool has_moving_keys(const struct dump *d, const struct dumped *t)
{
	struct stoa_index_info index;
	stoa_index at = 0;

	while (stoa_index_next(d->s->txn, t->table, at, &at, NULL) == STOA_ROW) {
		if (stoa_index_info(d->s->txn, t->table, at, &index, NULL) < 0)
			break;
		for (size_t i = 0; i < index.n_slots && index.flags & STOA_INDEX_UNIQUE; i++) {
			uint8_t type = t->info.slots[index.slots[i]].type;

			if (type >= STOA_TEXT || (type == STOA_STRING && index.slots[i] >= 4))
				return true;
		}
	}
	return false;
}

void dump_release(struct dump *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free(d->tables[i].name);
		free(d->tables[i].rows);
		free(d->tables[i].by_row);
		free(d->tables[i].kept);
	}
	free(d->tables);
}

static int dump_tables(struct session *s, FILE *out, struct progress *p)
{
	struct dump d = { .s = s, .out = out, .progress = p };
	int code = list_tables(&d);

	order_tables(&d);
	for (size_t i = 0; i < d.n; i++) {
		d.tables[i].n_early = early_slots(&d, i);
		d.tables[i].late_keys = d.tables[i].n_early < d.tables[i].info.n_slots ||
					has_moving_keys(&d, &d.tables[i]);
	}
	if (code == CLI_OK)
		code = dump_number(&d);
	if (code == CLI_OK)
		code = dump_write(&d);
	dump_release(&d);
	return code;
}

/* ---- dump ------------------------------------------------------------------------------- */

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
	const char *path = NULL;
	const struct option_rule rules[] = { OPTION_TEXT("output", 'o', &path) };
	struct session s;
	int code;

	if (!OPTIONS(self, argc, argv, rules, 1, 1, "one DB is wanted", &code))
		return code;
	code = session_read(&s, argv[optind]);
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

/* From a backup, which is a database: a backup of that, verified, where none was before. */
static int restore_backup(const char *db, const char *path)
{
	struct stat st;

	if (lstat(db, &st) == 0) {
		report("%s is there already: move it away, or restore under another name", db);
		return CLI_FAILURE;
	}
	return backup_make(path, db, STOA_BACKUP_VERIFY, true);
}

static int restore(const char *db, const char *path)
{
	struct stat st;
	struct input in;
	FILE *sql;
	int code;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return restore_backup(db, path);
	code = input_open(&in, path, NULL);

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

	if (!options_take(self, argc, argv, NULL, 0, 2, 2,
			     "a DB that is not there yet, and a FILE or DIR, are wanted", &code))
		return code;
	return restore(argv[optind], argv[optind + 1]);
}

const struct command command_restore = {
	"restore", "DB FILE|DIR", "Make a database from a dump or a backup",
	"DB must not be there yet. FILE is what dump wrote, compressed or not, or other SQL statements;\n"
	"- is standard input. All of it, or no DB. DIR is what backup made: each\n"
	"of its bytes is verified, and then it is DB; or there is none, and what was read is DB.partial.\n\n"
	"  -h, --help  this text\n",
	run_restore,
};
