/* SPDX-License-Identifier: MIT */
/*
 * import.c - a CSV file into a table, all of it or nothing
 *
 * A table that is there gives the types; the file's columns are matched with its slots by name. A
 * table that is not is made with the types of a sample (head.c), and the import begins at once.
 * When a value turns up that its column's guessed type cannot hold, what was loaded is dropped,
 * nothing of it having been seen by anyone; then all of the file is looked at, and the import that
 * follows has types that fit. So a file is read at most three times, and nearly always once.
 *
 *	open -> head -> plan -> work (parse, encode | add in order) -> finish
 *	                 ^        | misfit
 *	                 +- infer all
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../bulk.h"
#include "../core/alloc.h"
#include "../core/type.h"
#include "head.h"
#include "parse.h"
#include "repair.h"
#include "work.h"

#define THREADS_MAX 64
#define MEMORY_BYTES ((size_t)224 << 20) /* of all threads, unless their number was asked for */
#define ENCODE_BYTES ((size_t)8 << 20)   /* of an encoded row group and the making of it, roughly */
#define REJECTS_MAX 100000	/* unless another number was asked for */
#define RECORD_SHOWN ((size_t)64 << 10)	/* bytes of a reject's record that are handed out */
#define BYTES_PER_THREAD ((uint64_t)1 << 20)	/* of file that make a thread worth its while */

struct import {
	stoa_txn *txn;
	const char *name;	/* of the table */
	stoa_table table;
	bool exists;		/* the table was there before us */
	bool inferred_all;	/* types fit every good record: what does not is a bad one's */
	uint32_t savepoint;	/* before the table we make */
	stoa_index unique;	/* settles conflicts, where options.unique */
	struct stoa_csv_options options;
	struct stoa__csv_input in;
	struct stoa__csv_head head;
	struct stoa__csv_plan plan;
	struct stoa__bulk *bulk;
	struct stoa__csv_rejects rejects;	/* of this attempt, in the order of the file */
};

static struct stoa__csv_repairer repairer_of(const struct import *im)
{
	return (struct stoa__csv_repairer){
		.in = &im->in,
		.dialect = &im->head.dialect,
		.n_columns = im->head.n_columns,
		.fill = im->options.ragged == STOA_CSV_FILL,
		.reject = im->options.reject != NULL,
	};
}

/* ---- a thread's part -------------------------------------------------------------------- */

struct loader {
	struct stoa__csv_parser *parser;
	struct stoa__csv_repairer repair;
	struct stoa__bulk_group *group;	/* encoded, not yet handed over */
	size_t n_rows;
};

static int loader_attempt(void *ctx, struct stoa__csv_block *piece, struct stoa__csv_fault *fault)
{
	const struct stoa__bulk_column *columns;
	struct loader *l = ctx;
	size_t n;

	return stoa__csv_parse(l->parser, piece, &columns, &n, fault);
}

static void *loader_begin(void *ctx)
{
	struct import *im = ctx;
	struct loader *l = stoa__calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->parser = stoa__csv_parser_new(&im->plan);
	if (!l->parser) {
		stoa__free(l);
		return NULL;
	}
	l->repair = repairer_of(im);
	l->repair.attempt = loader_attempt;
	l->repair.ctx = l;
	return l;
}

static void loader_end(void *ctx, void *state)
{
	struct loader *l = state;

	(void)ctx;
	if (l->group)
		stoa__bulk_group_free(l->group);
	stoa__csv_repairer_release(&l->repair);
	stoa__csv_parser_free(l->parser);
	stoa__free(l);
}

static int parse_repaired(struct loader *l, struct stoa__csv_block *block,
			  const struct stoa__bulk_column **columns, struct stoa__csv_fault *fault,
			  struct stoa_error *err)
{
	int rc;

	STOA_TRY(stoa__csv_repair(&l->repair, block, fault, err));
	rc = stoa__csv_parse(l->parser, block, columns, &l->n_rows, fault);
	if (rc < 0)
		fault->offset = stoa__csv_repair_place(&l->repair, fault->offset);
	return rc;
}

static int loader_block(void *ctx, void *state, struct stoa__csv_block *block,
			struct stoa__csv_fault *fault, struct stoa_error *err)
{
	const struct stoa__bulk_column *columns;
	struct import *im = ctx;
	struct loader *l = state;
	int rc = stoa__csv_parse(l->parser, block, &columns, &l->n_rows, fault);

	if (rc < 0 && stoa__csv_repairable(&l->repair, fault))
		rc = parse_repaired(l, block, &columns, fault, err);
	if (rc < 0)
		return rc;
	if (l->n_rows == 0)
		return STOA_OK;
	return stoa__bulk_encode(im->bulk, columns, im->plan.n_columns, l->n_rows, &l->group, err);
}

/* Rejects are kept to the end: the attempt may yet be given up for one with other types. */
static int take_rejects(struct import *im, struct stoa__csv_rejects *from, struct stoa_error *err)
{
	uint64_t max = im->options.reject_max ? im->options.reject_max : REJECTS_MAX;
	const struct stoa__csv_reject *last;
	char text[400];

	if (stoa__csv_rejects_move(&im->rejects, from) < 0)
		return stoa__fail_memory(err);
	if (im->rejects.n <= max)
		return STOA_OK;
	last = &im->rejects.list[max];
	snprintf(text, sizeof text, "over %llu records are bad, this one too: %s",
		 (unsigned long long)max, last->reason);
	return stoa__csv_input_fail(&im->in, last->code, last->place, text, err);
}

static int loader_take(void *ctx, void *state, uint64_t *rows, struct stoa_error *err)
{
	struct import *im = ctx;
	struct loader *l = state;
	struct stoa__bulk_group *group = l->group;

	*rows = l->n_rows;
	STOA_TRY(take_rejects(im, &l->repair.rejects, err));
	l->group = NULL;
	return group ? stoa__bulk_add(im->bulk, group, err) : STOA_OK;
}

/* ---- looking at all of the file --------------------------------------------------------- */

struct inferrer {
	struct stoa__csv_infer infer;
	struct stoa__csv_repairer repair;
};

static void *inferrer_begin(void *ctx)
{
	struct import *im = ctx;
	struct inferrer *state = stoa__alloc(sizeof *state);

	if (!state)
		return NULL;
	if (stoa__csv_infer_init(&state->infer, &im->head.dialect, im->head.n_columns) < 0) {
		stoa__free(state);
		return NULL;
	}
	state->repair = repairer_of(im);
	return state;
}

static void inferrer_end(void *ctx, void *state)
{
	struct inferrer *s = state;

	(void)ctx;
	stoa__csv_repairer_release(&s->repair);
	stoa__csv_infer_release(&s->infer);
	stoa__free(s);
}

static int inferrer_block(void *ctx, void *state, struct stoa__csv_block *block,
			  struct stoa__csv_fault *fault, struct stoa_error *err)
{
	struct inferrer *s = state;

	(void)ctx;
	return stoa__csv_infer_block(&s->infer, &s->repair, block, fault, err);
}

/* A thread's findings are joined again after each block: what they share is no sum. */
static int inferrer_take(void *ctx, void *state, uint64_t *rows, struct stoa_error *err)
{
	struct inferrer *s = state;
	struct import *im = ctx;

	(void)err;
	*rows = 0;
	stoa__csv_infer_join(&im->head.infer, &s->infer);
	return STOA_OK;
}

/* ---- threads ---------------------------------------------------------------------------- */

/* As many as there are processors, and no more than the file and the memory they take are worth. */
static unsigned choose_threads(const struct import *im)
{
	size_t each = STOA__CSV_BLOCK_BYTES + ENCODE_BYTES +
		      stoa__csv_parser_bytes(&im->plan, STOA_GROUP_MAX);
	uint64_t useful = im->in.size / BYTES_PER_THREAD + 1;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n = im->options.n_threads;

	if (n == 0) {
		n = processors > 0 ? (uint64_t)processors : 1;
		n = n < MEMORY_BYTES / each ? n : MEMORY_BYTES / each;
	}
	n = n < useful ? n : useful;
	n = n < THREADS_MAX ? n : THREADS_MAX;
	return n > 0 ? (unsigned)n : 1;
}

static struct stoa__csv_job job_of(struct import *im)
{
	return (struct stoa__csv_job){
		.in = &im->in,
		.dialect = &im->head.dialect,
		.offset = im->head.offset,
		.records = STOA_GROUP_MAX,
		.n_threads = choose_threads(im),
		.ctx = im,
		.progress = im->options.progress,
		.progress_ctx = im->options.ctx,
	};
}

/* ---- the plan --------------------------------------------------------------------------- */

static int make_columns(struct import *im, size_t n, struct stoa_error *err)
{
	stoa__free(im->plan.columns);
	im->plan.columns = stoa__calloc(n, sizeof *im->plan.columns);
	im->plan.n_columns = n;
	im->plan.dialect = im->head.dialect;
	im->plan.n_sources = im->head.n_columns;
	return im->plan.columns ? STOA_OK : stoa__fail_memory(err);
}

/* Every column of the file a slot, of the type that is known so far to fit. */
static int plan_new_table(struct import *im, struct stoa_error *err)
{
	STOA_TRY(make_columns(im, im->head.n_columns, err));
	for (size_t i = 0; i < im->head.n_columns; i++) {
		struct stoa__csv_column *c = &im->plan.columns[i];

		c->slot.name = im->head.names[i];
		stoa__csv_infer_slot(&im->head.infer, i, &c->slot);
		c->source = (int)i;
		c->inferred = !im->inferred_all;
	}
	return STOA_OK;
}

/* The slot that column @i of the file goes to. */
static int find_slot(const struct import *im, const struct stoa_table_info *info, size_t i,
		     size_t *slot, struct stoa_error *err)
{
	if (!im->head.header) {		/* no names: by position */
		*slot = i;
		return STOA_OK;
	}
	for (size_t k = 0; k < info->n_slots; k++) {
		if (stoa__name_equal(info->slots[k].name, im->head.names[i])) {
			*slot = k;
			return STOA_OK;
		}
	}
	return stoa__fail_at(err, STOA_ENOTFOUND, 1, 0,
			     "%s: column \"%.*s\" is no slot of table \"%.*s\"", im->in.path,
			     STOA_NAME_MAX, im->head.names[i], STOA_NAME_MAX, im->name);
}

static int check_missing(const struct import *im, const struct stoa__csv_column *c,
			 struct stoa_error *err)
{
	if (c->source >= 0 || !(c->slot.flags & STOA_NOT_NULL) || c->slot.value.type != STOA_NULL)
		return STOA_OK;
	return stoa__fail(err, STOA_ENULL,
			  "%s: no column for slot \"%.*s\", which is not null and has no default",
			  im->in.path, STOA_NAME_MAX, c->slot.name);
}

static int plan_existing_table(struct import *im, const struct stoa_table_info *info,
			       struct stoa_error *err)
{
	if (!im->head.header && im->head.n_columns != info->n_slots)
		return stoa__fail(
			err, STOA_EINVAL,
			"%s: %zu columns without names, for the %zu slots of table \"%.*s\": "
			"give them names in a header",
			im->in.path, im->head.n_columns, info->n_slots, STOA_NAME_MAX, im->name);
	STOA_TRY(make_columns(im, info->n_slots, err));
	for (size_t k = 0; k < info->n_slots; k++) {
		im->plan.columns[k].slot = info->slots[k];
		im->plan.columns[k].source = -1;
	}
	for (size_t i = 0; i < im->head.n_columns; i++) {
		size_t k = 0;

		STOA_TRY(find_slot(im, info, i, &k, err));
		im->plan.columns[k].source = (int)i;
	}
	for (size_t k = 0; k < info->n_slots; k++)
		STOA_TRY(check_missing(im, &im->plan.columns[k], err));
	return STOA_OK;
}

/* ---- one attempt ------------------------------------------------------------------------ */

static int create_table(struct import *im, struct stoa_error *err)
{
	size_t n = im->plan.n_columns;
	struct stoa_slot *slots = stoa__calloc(n, sizeof *slots);
	int rc;

	if (!slots)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < n; i++)
		slots[i] = im->plan.columns[i].slot;
	rc = stoa_table_create(im->txn, im->name, slots, n, &im->table, err);
	stoa__free(slots);
	return rc;
}

/* Takes back the table we made, if we did. */
static void undo(const struct import *im)
{
	if (!im->exists)
		(void)!stoa_rollback_to(im->txn, im->savepoint, NULL);
}

/* Hands the rejects out, in order, before the rows are in the table. */
static int give_rejects(struct import *im, struct stoa_error *err)
{
	struct stoa__csv_place place = STOA__CSV_PLACE_INIT;
	char *text;
	int rc = STOA_OK;

	if (im->rejects.n == 0)
		return STOA_OK;
	text = stoa__alloc(RECORD_SHOWN);
	if (!text)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < im->rejects.n && rc == STOA_OK; i++) {
		const struct stoa__csv_reject *r = &im->rejects.list[i];
		size_t len = r->len < RECORD_SHOWN ? r->len : RECORD_SHOWN, got;

		rc = stoa__csv_input_read(&im->in, r->offset, text, len, &got, err);
		if (rc < 0)
			break;
		stoa__csv_input_place(&im->in, &place, r->place);
		while (got > 0 && (text[got - 1] == '\n' || text[got - 1] == '\r'))
			got--;
		struct stoa_csv_reject out = { place.line, place.column, r->place, r->code,
					       r->reason, { text, (uint32_t)got } };
		if (im->options.reject(im->options.ctx, &out))
			rc = stoa__fail(err, STOA_ECANCELED, "%s: the import was canceled",
					im->in.path);
	}
	stoa__free(text);
	return rc;
}

static int load(struct import *im, uint64_t *rows, struct stoa__csv_fault *fault,
		struct stoa_error *err)
{
	struct stoa__csv_job job = job_of(im);
	uint64_t lost;
	int rc;

	job.begin = loader_begin;
	job.end = loader_end;
	job.block = loader_block;
	job.take = loader_take;
	STOA_TRY(stoa__bulk_open(im->txn, im->table, &im->bulk, err));
	if (im->options.unique)
		stoa__bulk_on_conflict(im->bulk, im->unique, im->options.on_conflict);
	stoa__csv_rejects_release(&im->rejects);
	rc = stoa__csv_work(&job, rows, fault, err);
	if (rc == STOA_OK)
		rc = give_rejects(im, err);
	if (rc < 0) {
		stoa__bulk_abort(im->bulk);
		return rc;
	}
	STOA_TRY(stoa__bulk_finish(im->bulk, &lost, err));
	*rows -= lost;
	return STOA_OK;
}

/* Loads all of the file, or nothing. A misfit is told by @fault. */
static int attempt(struct import *im, uint64_t *rows, struct stoa__csv_fault *fault,
		   struct stoa_error *err)
{
	int rc = im->exists ? STOA_OK : create_table(im, err);

	if (rc == STOA_OK && im->options.unique)
		rc = stoa_index_ensure_unique(im->txn, im->table, im->options.unique,
					      &im->unique, err);
	if (rc == STOA_OK)
		rc = load(im, rows, fault, err);
	if (rc < 0)
		undo(im);
	return rc;
}

/* Finds types that fit every value of the file. */
static int infer_all(struct import *im, struct stoa_error *err)
{
	struct stoa__csv_job job = job_of(im);
	struct stoa__csv_fault fault;
	uint64_t rows;

	job.begin = inferrer_begin;
	job.end = inferrer_end;
	job.block = inferrer_block;
	job.take = inferrer_take;
	return stoa__csv_work(&job, &rows, &fault, err);
}

/* ---- all of it -------------------------------------------------------------------------- */

static int import_new(struct import *im, uint64_t *rows, struct stoa_error *err)
{
	struct stoa__csv_fault fault = { 0 };
	int rc;

	if (im->head.n_columns == 0)
		return stoa__fail_at(err, STOA_ESYNTAX, 1, 1,
				     "%s is empty: there are no columns to make a table of",
				     im->in.path);
	STOA_TRY(stoa_savepoint(im->txn, &im->savepoint, err));
	STOA_TRY(plan_new_table(im, err));
	rc = attempt(im, rows, &fault, err);
	if (rc == STOA_OK || !fault.misfit)
		return rc;
	STOA_TRY(infer_all(im, err));
	im->inferred_all = true;
	STOA_TRY(plan_new_table(im, err));
	return attempt(im, rows, &fault, err);
}

static int import_existing(struct import *im, const struct stoa_table_info *info, uint64_t *rows,
			   struct stoa_error *err)
{
	struct stoa__csv_fault fault = { 0 };

	if (im->head.n_columns == 0)
		return STOA_OK;		/* no rows in the file: none to add */
	STOA_TRY(plan_existing_table(im, info, err));
	return attempt(im, rows, &fault, err);
}

static int import(struct import *im, struct stoa__csv_wishes *wishes, uint64_t *rows,
		  struct stoa_error *err)
{
	struct stoa_table_info info;
	int rc = stoa_table_find(im->txn, im->name, &im->table, err);

	if (rc < 0 && rc != STOA_ENOTFOUND)
		return rc;
	im->exists = rc == STOA_OK;
	if (im->exists) {
		STOA_TRY(stoa_table_info(im->txn, im->table, &info, err));
		wishes->known = info.slots;
		wishes->n_known = info.n_slots;
	}
	STOA_TRY(stoa__csv_head_read(&im->in, wishes, &im->head, err));
	return im->exists ? import_existing(im, &info, rows, err) : import_new(im, rows, err);
}

static bool separates(char c)
{
	return c > 0 && c != '\n' && c != '\r';
}

/* The caller's options, with defaults filled in. */
static int check_options(const struct stoa_csv_options *given, struct stoa_csv_options *out,
			 struct stoa__csv_wishes *wishes, struct stoa_error *err)
{
	static const struct stoa_csv_options defaults = STOA_CSV_OPTIONS_INIT;
	char quote, delimiter;

	*out = given ? *given : defaults;
	if (out->size != sizeof *out)
		return stoa__fail(err, STOA_EINVAL,
				  "the options' size is %zu: start from STOA_CSV_OPTIONS_INIT",
				  out->size);
	quote = out->quote ? out->quote : '"';
	delimiter = out->delimiter ? out->delimiter : ',';
	if (!separates(delimiter) || !separates(quote) || delimiter == quote)
		return stoa__fail(err, STOA_EINVAL,
				  "delimiter and quote are two ASCII characters, and no newlines");
	if (out->header < -1 || out->header > 1)
		return stoa__fail(err, STOA_EINVAL, "header is 1, 0 or -1");
	if (out->ragged != STOA_CSV_EXACT && out->ragged != STOA_CSV_FILL)
		return stoa__fail(err, STOA_EINVAL, "ragged is STOA_CSV_EXACT or STOA_CSV_FILL");
	if (out->blobs != STOA_BLOBS_HEX && out->blobs != STOA_BLOBS_BASE64)
		return stoa__fail(err, STOA_EINVAL, "blobs is STOA_BLOBS_HEX or STOA_BLOBS_BASE64");
	*wishes = (struct stoa__csv_wishes){ .delimiter = out->delimiter,
					     .quote = out->quote,
					     .header = out->header,
					     .null_text = out->null_text ? out->null_text : "",
					     .base64 = out->blobs == STOA_BLOBS_BASE64,
					     .fill = out->ragged == STOA_CSV_FILL,
					     .reject = out->reject != NULL };
	return STOA_OK;
}

/* Where the bytes come from: one of the three. */
struct origin {
	const char *path;
	const char *bytes;
	size_t len;
	stoa_read_fn *read;
	void *ctx;
};

static int open_input(const struct origin *from, const char *name, struct stoa__csv_input *out,
		      struct stoa_error *err)
{
	if (from->path) {
		STOA_TRY(stoa__csv_input_open(from->path, out, err));
		out->path = name ? name : out->path;
		return STOA_OK;
	}
	if (!name)
		name = from->read ? "callback" : "memory";
	if (from->read)
		return stoa__csv_input_pull(from->read, from->ctx, name, out, err);
	*out = (struct stoa__csv_input){ -1, from->len ? from->bytes : "", name, from->len };
	return STOA_OK;
}

static int import_from(stoa_txn *txn, const char *table, const struct origin *from,
		       const struct stoa_csv_options *options, uint64_t *rows, struct stoa_error *err)
{
	struct stoa__csv_wishes wishes;
	struct import im;
	uint64_t n = 0;
	int rc;

	memset(&im, 0, sizeof im);
	if (!txn || !table)
		return stoa__fail(err, STOA_EINVAL, "transaction and table must be given");
	STOA_TRY(check_options(options, &im.options, &wishes, err));
	im.txn = txn;
	im.name = table;
	STOA_TRY(open_input(from, im.options.name, &im.in, err));
	rc = import(&im, &wishes, &n, err);
	stoa__free(im.plan.columns);
	stoa__csv_rejects_release(&im.rejects);
	stoa__csv_head_release(&im.head);
	stoa__csv_input_close(&im.in);
	if (rc == STOA_OK && rows)
		*rows = n;
	return rc;
}

int stoa_import_csv(stoa_txn *txn, const char *table, const char *path,
		    const struct stoa_csv_options *options, uint64_t *rows, struct stoa_error *err)
{
	if (!path)
		return stoa__fail(err, STOA_EINVAL, "the path is NULL");
	return import_from(txn, table, &(struct origin){ .path = path }, options, rows, err);
}

int stoa_import_csv_bytes(stoa_txn *txn, const char *table, const void *p, size_t len,
			  const struct stoa_csv_options *options, uint64_t *rows,
			  struct stoa_error *err)
{
	if (!p && len)
		return stoa__fail(err, STOA_EINVAL, "the bytes are NULL");
	return import_from(txn, table, &(struct origin){ .bytes = p, .len = len }, options, rows, err);
}

int stoa_import_csv_read(stoa_txn *txn, const char *table, stoa_read_fn *read, void *ctx,
			 const struct stoa_csv_options *options, uint64_t *rows,
			 struct stoa_error *err)
{
	if (!read)
		return stoa__fail(err, STOA_EINVAL, "there is nothing to read from");
	return import_from(txn, table, &(struct origin){ .read = read, .ctx = ctx }, options, rows,
			   err);
}
