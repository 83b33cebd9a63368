/* SPDX-License-Identifier: MIT */
/*
 * blob.c - stoa blob ACTION DB ...: bytes between a slot of a row and a file, without holding them
 *
 * A slot has its bytes itself (blob, text, string), or refers to a row of a blob table: then they
 * are read and written in pieces, at any offset. A put is one transaction: the slot has all of the
 * new bytes, or the old ones.
 */
#include "cli.h"
#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STEP ((size_t)1 << 20)

struct place {
	struct session s;
	stoa_table table;
	uint32_t slot;
	uint8_t type;
	stoa_table target;	/* the blob table, where the slot refers to one */
	stoa_rowid row;
	struct stoa_value value;	/* what it has; borrows from the transaction */
};

struct work {
	const char *file;	/* NULL: standard input or output */
	uint64_t offset, length;
	bool append, at_offset;
};

static int find_slot(struct place *p, const char *name)
{
	struct stoa_table_info info;
	struct stoa_error err;

	if (stoa_table_info(p->s.txn, p->table, &info, &err) < 0)
		return report_error(p->s.path, &err);
	for (p->slot = 0; p->slot < info.n_slots; p->slot++)
		if (strcasecmp(info.slots[p->slot].name, name) == 0)
			break;
	if (p->slot == info.n_slots) {
		report("table %s has no slot %s", info.name, name);
		return CLI_FAILURE;
	}
	p->type = info.slots[p->slot].type;
	p->target = info.slots[p->slot].target;
	if (p->type == STOA_BLOB || p->type == STOA_TEXT || p->type == STOA_STRING ||
	    p->type == STOA_REF || p->type == STOA_WEAK_REF)
		return CLI_OK;
	report("slot %s is %s: it has no bytes", name, stoa_type_name((enum stoa_type)p->type));
	return CLI_FAILURE;
}

static int read_value(struct place *p)
{
	struct stoa_table_info info;
	struct stoa_value *values;
	struct stoa_error err;
	int code = CLI_OK;

	if (stoa_table_info(p->s.txn, p->table, &info, &err) < 0)
		return report_error(p->s.path, &err);
	values = xrealloc(NULL, info.n_slots * sizeof(*values));
	if (stoa_get(p->s.txn, p->table, p->row, values, info.n_slots, &err) < 0)
		code = report_error(p->s.path, &err);
	else
		p->value = values[p->slot];
	free(values);
	return code;
}

/* DB TABLE SLOT ROW */
static int place_open(struct place *p, char **argv, bool write)
{
	char *end;
	int code;

	p->row = strtoull(argv[3], &end, 10);
	if (*end || !p->row) {
		report("%s is no rowid: a number from 1", argv[3]);
		return CLI_USAGE;
	}
	code = session_begin(&p->s, argv[0],
			     write ? STOA_OPEN_NO_CREATE : STOA_OPEN_READ_ONLY | STOA_OPEN_NO_CREATE,
			     write ? STOA_WRITE : STOA_READ);
	if (code != CLI_OK)
		return code;
	code = session_table(&p->s, argv[1], &p->table);
	if (code == CLI_OK)
		code = find_slot(p, argv[2]);
	if (code == CLI_OK)
		code = read_value(p);
	return code == CLI_OK ? CLI_OK : session_end(&p->s, code);
}

static bool is_long(const struct place *p)
{
	return p->type == STOA_REF || p->type == STOA_WEAK_REF;
}

/* ---- get ---- */

static int put_out(FILE *out, const void *p, size_t n)
{
	if (fwrite(p, 1, n, out) == n)
		return CLI_OK;
	report("the bytes cannot be written: %s", strerror(errno));
	return CLI_FAILURE;
}

static int get_long(struct place *p, const struct work *work, FILE *out)
{
	uint64_t at = work->offset, left = work->length;
	char *buf = xrealloc(NULL, STEP);
	struct stoa_error err;
	stoa_blob *blob;
	size_t n = STEP;
	int code = CLI_OK;

	if (stoa_blob_open(p->s.txn, p->target, p->value.u, STOA_READ, &blob, &err) < 0) {
		free(buf);
		return report_error(p->s.path, &err);
	}
	while (left && n && code == CLI_OK) {
		size_t want = left < STEP ? (size_t)left : STEP;

		if (stoa_blob_read(blob, at, buf, want, &n, &err) < 0)
			code = report_error(p->s.path, &err);
		else
			code = interrupted() ? CLI_INTERRUPTED : put_out(out, buf, n);
		at += n;
		left -= n;
	}
	stoa_blob_close(blob, NULL);
	free(buf);
	return code;
}

static int get_short(const struct place *p, const struct work *work, FILE *out)
{
	uint64_t from = work->offset < p->value.len ? work->offset : p->value.len;
	uint64_t n = p->value.len - from;

	return put_out(out, p->value.p + from, n < work->length ? n : work->length);
}

static int get(char **argv, const struct work *work)
{
	struct target target;
	struct place p;
	int code = place_open(&p, argv, false);

	if (code != CLI_OK)
		return code;
	if (p.value.type == STOA_NULL) {
		report("slot %s of row %s is NULL", argv[2], argv[3]);
		return session_end(&p.s, CLI_FAILURE);
	}
	interrupt_init();
	code = target_open(&target, work->file);
	if (code == CLI_OK)
		code = target_close(&target, is_long(&p) ? get_long(&p, work, target.out) :
							   get_short(&p, work, target.out));
	return session_end(&p.s, code);
}

/* ---- put ---- */

static int read_failed(const char *file)
{
	report("%s: %s", file ? file : "standard input", strerror(errno));
	return CLI_FAILURE;
}

/* Opens what the slot refers to, or makes it refer to a new blob. */
static int open_long(struct place *p, const struct work *work, stoa_blob **out)
{
	struct stoa_error err;
	struct stoa_value v;

	if ((work->append || work->at_offset) && p->value.type != STOA_NULL) {
		if (stoa_blob_open(p->s.txn, p->target, p->value.u, STOA_WRITE, out, &err) < 0)
			return report_error(p->s.path, &err);
		return CLI_OK;
	}
	if (stoa_blob_create(p->s.txn, p->target, out, &err) < 0)
		return report_error(p->s.path, &err);
	v = stoa_ref(stoa_blob_row(*out));
	if (stoa_update(p->s.txn, p->table, p->row, &p->slot, &v, 1, &err) == STOA_OK)
		return CLI_OK;
	stoa_blob_close(*out, NULL);
	return report_error(p->s.path, &err);
}

static int put_long(struct place *p, const struct work *work, FILE *in)
{
	char *buf = xrealloc(NULL, STEP);
	stoa_blob *blob = NULL;
	struct stoa_error err;
	uint64_t at;
	size_t n;
	int code = open_long(p, work, &blob);

	at = code == CLI_OK && work->append ? stoa_blob_size(blob) : work->offset;
	while (code == CLI_OK && (n = fread(buf, 1, STEP, in)) > 0) {
		if (stoa_blob_write(blob, at, buf, n, &err) < 0)
			code = report_error(p->s.path, &err);
		else if (interrupted())
			code = CLI_INTERRUPTED;
		at += n;
	}
	if (code == CLI_OK && ferror(in))
		code = read_failed(work->file);
	if (code != CLI_OK && blob)
		stoa_blob_close(blob, NULL);
	else if (code == CLI_OK && stoa_blob_close(blob, &err) < 0)
		code = report_error(p->s.path, &err);
	free(buf);
	return code;
}

static int put_short(struct place *p, const struct work *work, FILE *in)
{
	struct text t = { 0 };
	struct stoa_error err;
	struct stoa_value v;
	size_t n;
	int code = CLI_OK;

	if (work->append)
		text_put(&t, p->value.p, p->value.len);
	do {
		if (t.cap - t.len < STEP) {
			t.cap = t.cap * 2 + STEP;
			t.p = xrealloc(t.p, t.cap);
		}
		n = fread(t.p + t.len, 1, STEP, in);
		t.len += n;
	} while (n && t.len <= STOA_TEXT_MAX);
	v = stoa_bytes_value((enum stoa_type)p->type, t.p, (uint32_t)t.len);
	if (ferror(in)) {
		code = read_failed(work->file);
	} else if (t.len > STOA_TEXT_MAX) {
		report("a value has at most %d bytes: more go into a blob table (stoa blob --help)",
		       STOA_TEXT_MAX);
		code = CLI_FAILURE;
	} else if (stoa_update(p->s.txn, p->table, p->row, &p->slot, &v, 1, &err) < 0) {
		code = report_error(p->s.path, &err);
	}
	text_release(&t);
	return code;
}

static int put(char **argv, const struct work *work)
{
	FILE *in = stdin;
	struct place p;
	int code = place_open(&p, argv, true);

	if (code != CLI_OK)
		return code;
	interrupt_init();
	if (work->file && !(in = fopen(work->file, "re")))
		return session_end(&p.s, read_failed(work->file));
	if (work->at_offset && !is_long(&p)) {
		report("slot %s has its bytes itself, and gets them whole: --offset is for slots that "
		       "refer to a blob table", argv[2]);
		code = CLI_FAILURE;
	} else {
		code = is_long(&p) ? put_long(&p, work, in) : put_short(&p, work, in);
	}
	if (in != stdin)
		fclose(in);
	return session_end(&p.s, code);
}

/* ---- create ---- */

static int create(const char *db, const char *name)
{
	struct stoa_error err;
	struct session s;
	stoa_table table;
	int code = session_begin(&s, db, 0, STOA_WRITE);

	if (code != CLI_OK)
		return code;
	if (stoa_blob_table(s.txn, name, &table, &err) < 0)
		code = report_error(db, &err);
	return session_end(&s, code);
}

#define WANTED "create DB TABLE, get DB TABLE SLOT ROW, or put DB TABLE SLOT ROW [FILE] is wanted"

static int run(const struct command *self, int argc, char **argv)
{
	struct work work = { .offset = UINT64_MAX, .length = UINT64_MAX };
	const struct option_rule rules[] = {
		OPTION_TEXT("output", 'o', &work.file),
		OPTION_NUMBER("offset", 0, &work.offset, 0, INT64_MAX),
		OPTION_NUMBER("length", 0, &work.length, 0, UINT64_MAX),
		OPTION_FLAG("append", 'a', &work.append),
	};
	const char *action;
	int n, code;

	if (!OPTIONS(self, argc, argv, rules, 1, ARGUMENTS_MAX, WANTED, &code))
		return code;
	work.at_offset = work.offset != UINT64_MAX;
	if (!work.at_offset)
		work.offset = 0;
	n = argc - optind;
	argv += optind;
	action = argv[0];
	if (strcmp(action, "create") == 0 && n == 3)
		return create(argv[1], argv[2]);
	if (strcmp(action, "get") == 0 && n == 5)
		return get(argv + 1, &work);
	if (strcmp(action, "put") == 0 && (n == 5 || n == 6) && !work.file) {
		if (n == 6 && strcmp(argv[5], "-") != 0)
			work.file = argv[5];
		return put(argv + 1, &work);
	}
	return bad_usage(self, WANTED);
}

const struct command command_blob = {
	"blob", "ACTION DB ...", "Move bytes between a slot and a file",
	"  get DB TABLE SLOT ROW         write the bytes of a slot to standard output\n"
	"  put DB TABLE SLOT ROW [FILE]  make FILE, or standard input, the bytes of a slot\n"
	"  create DB TABLE               make a blob table, if it is missing\n\n"
	"A slot of type blob, text or string has its bytes itself, and they are read and written whole.\n"
	"A slot that is a reference to a blob table may have any number of them, in pieces.\n\n"
	"  -o, --output FILE  get: into FILE, which is replaced once all is written\n"
	"      --offset N     from byte N on; put: over what is there\n"
	"      --length N     get: so many bytes; otherwise to the end\n"
	"  -a, --append       put: behind what is there\n"
	"  -h, --help         this text\n\n"
	"  stoa blob create air.stoa files\n"
	"  stoa query air.stoa \"CREATE TABLE photo (name string, data ref(files))\"\n"
	"  stoa query air.stoa \"INSERT INTO photo (name) VALUES ('runway')\"\n"
	"  stoa blob put air.stoa photo data 1 runway.jpg\n"
	"  stoa blob get air.stoa photo data 1 --offset 0 --length 16 | xxd\n",
	run,
};
