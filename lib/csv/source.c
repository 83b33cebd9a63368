/* SPDX-License-Identifier: MIT */
/*
 * source.c - see source.h
 *
 *     splitter -> block of RECORDS records -> parser -> arrays of the slots' types
 *                                                       | 2,048 rows at a time
 *                                                       v
 *                                                     batch: widened to the engine's kinds
 *
 * Strings lie in the block, codes and lists in the parser: good until the next block, so longer
 * than a batch is. Each block has lists of its own, and ids for them that no other list has.
 */
#include "source.h"

#include <stdio.h>
#include <string.h>

#include "../core/alloc.h"
#include "../core/bitmap.h"
#include "../core/error.h"
#include "../core/limits.h"
#include "../core/type.h"
#include "parse.h"
#include "repair.h"
#include "split.h"

#define RECORDS 8192	/* of a block: some hundred kilobytes, so that the first row comes soon */

struct stoa__csv_file {
	uint32_t n_users;
	char *path;
	char *null_text;	/* what the dialect borrows */
	struct stoa__csv_input in;
	struct stoa__csv_head head;
	struct stoa_slot *slots;
	bool guessed;		/* types are those of the sample */
	uint64_t n_rows;
};

/*
 * ---- errors -------------------------------------------------------------------------------------
 */

/* The place in the file goes into the words: that of an error of a statement is in its text. */
static int fail_in_file(const struct stoa__csv_file *f, int code, uint64_t offset, const char *text,
			const char *advice, struct stoa_error *err)
{
	struct stoa__csv_place place = STOA__CSV_PLACE_INIT;

	stoa__csv_input_place(&f->in, &place, offset);
	return stoa__fail(err, code, "%s, line %llu, column %llu: %s%s", f->path,
			  (unsigned long long)place.line, (unsigned long long)place.column, text,
			  advice);
}

static int fail_fault(const struct stoa__csv_file *f, const struct stoa__csv_fault *fault,
		      uint64_t offset, struct stoa_error *err)
{
	if (fault->code == STOA_ENOMEM || fault->code == STOA_OK)
		return stoa__fail_memory(err);
	return fail_in_file(f, fault->code, offset, fault->text,
			    fault->misfit ? " (the sample had none such: read_csv(..., sample = 'all') "
					    "looks at all of the file first)" :
					    "",
			    err);
}

/* Errors made by others have the line and column of the file: put them into words. */
static int reword(int rc, struct stoa_error *err)
{
	char text[STOA_ERROR_TEXT_MAX];

	if (rc >= 0 || !err || !err->line)
		return rc;
	memcpy(text, err->text, sizeof text);
	return stoa__fail(err, rc, "line %llu, column %llu: %.400s", (unsigned long long)err->line,
			  (unsigned long long)err->column, text);
}

/*
 * ---- a file -------------------------------------------------------------------------------------
 */

void stoa__csv_file_drop(struct stoa__csv_file *f)
{
	if (!f || --f->n_users)
		return;
	stoa__csv_head_release(&f->head);
	if (f->in.path)
		stoa__csv_input_close(&f->in);
	stoa__free(f->slots);
	stoa__free(f->null_text);
	stoa__free(f->path);
	stoa__free(f);
}

/* Looks at every record, beyond the sample. */
static int infer_all(struct stoa__csv_file *f, struct stoa_error *err)
{
	struct stoa__csv_splitter split;
	struct stoa__csv_block block = { 0 };
	struct stoa__csv_fault fault = { 0 };
	int rc;

	stoa__csv_split_init(&split, &f->in, &f->head.dialect, f->head.offset, STOA_GROUP_MAX);
	while ((rc = stoa__csv_split_next(&split, &block, err)) == STOA_ROW) {
		rc = stoa__csv_infer_text(&f->head.infer, block.text, block.len, &fault);
		if (rc < 0)
			rc = fail_fault(f, &fault, block.offset + fault.offset, err);
		if (rc < 0)
			break;
	}
	stoa__csv_block_release(&block);
	return rc < 0 ? rc : STOA_OK;
}

static int make_slots(struct stoa__csv_file *f, bool text, struct stoa_error *err)
{
	f->slots = stoa__calloc(f->head.n_columns + 1, sizeof *f->slots);
	if (!f->slots)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < f->head.n_columns; i++) {
		f->slots[i].name = f->head.names[i];
		f->slots[i].type = STOA_TEXT;
		if (!text)
			stoa__csv_infer_slot(&f->head.infer, i, &f->slots[i]);
		f->slots[i].flags = 0;
	}
	return STOA_OK;
}

static int look_at(struct stoa__csv_file *f, const struct stoa__csv_wishes *wishes, bool all,
		   bool text, struct stoa_error *err)
{
	struct stoa__csv_wishes own = *wishes;

	own.null_text = f->null_text;
	STOA_TRY(reword(stoa__csv_input_open(f->path, &f->in, err), err));
	STOA_TRY(reword(stoa__csv_head_read(&f->in, &own, &f->head, err), err));
	if (!f->head.n_columns)
		return stoa__fail(err, STOA_ESYNTAX, "%s is empty: it has no columns", f->path);
	if (all && !text)
		STOA_TRY(reword(infer_all(f, err), err));
	f->guessed = !all && !text;
	f->n_rows = f->in.size / (f->head.n_columns * 6) + 1;
	return make_slots(f, text, err);
}

int stoa__csv_file_open(const char *path, const struct stoa__csv_wishes *wishes, bool all, bool text,
			struct stoa__csv_file **out, struct stoa_error *err)
{
	struct stoa__csv_file *f = stoa__calloc(1, sizeof *f);

	*out = NULL;
	if (!f)
		return stoa__fail_memory(err);
	f->n_users = 1;
	f->path = stoa__strndup(path, strlen(path));
	f->null_text = stoa__strndup(wishes->null_text, strlen(wishes->null_text));
	int rc = f->path && f->null_text ? look_at(f, wishes, all, text, err) : stoa__fail_memory(err);
	if (rc < 0) {
		stoa__csv_file_drop(f);
		return rc;
	}
	*out = f;
	return STOA_OK;
}

const struct stoa_slot *stoa__csv_file_slots(const struct stoa__csv_file *f, size_t *n)
{
	*n = f->head.n_columns;
	return f->slots;
}

uint64_t stoa__csv_file_rows(const struct stoa__csv_file *f)
{
	return f->n_rows;
}

/*
 * ---- a source -----------------------------------------------------------------------------------
 */

/* A column of a batch. */
struct column {
	bool ready;
	struct stoa__vec vec;
	void *wide;		/* room for a batch of the engine's kind */
	uint64_t validity[STOA__WORDS(STOA__BATCH_ROWS)];
	uint64_t dict_id;	/* of the block's list */
};

struct source {
	struct stoa__source source;
	struct stoa__csv_file *file;
	struct stoa__csv_plan plan;
	struct stoa__csv_splitter split;
	struct stoa__csv_block block;
	struct stoa__csv_parser *parser;
	const struct stoa__bulk_column *parsed;	/* the block's columns */
	size_t n_block;		/* its rows */
	size_t at, n;		/* the batch: rows [at, at + n) of them */
	struct stoa_column *names;
	size_t n_columns;
	struct column columns[];
};

static struct source *of(struct stoa__source *s)
{
	return (struct source *)(void *)s;
}

static const struct stoa_column *source_columns(struct stoa__source *source, size_t *n)
{
	*n = of(source)->n_columns;
	return of(source)->names;
}

/* The next block that has rows: STOA_ROW, STOA_END. */
static int next_block(struct source *s, struct stoa_error *err)
{
	struct stoa__csv_fault fault = { 0 };
	int rc;

	do {
		rc = stoa__csv_split_next(&s->split, &s->block, err);
		if (rc != STOA_ROW)
			return reword(rc, err);
		if (stoa__csv_parse(s->parser, &s->block, &s->parsed, &s->n_block, &fault) < 0)
			return fail_fault(s->file, &fault, s->block.offset + fault.offset, err);
	} while (!s->n_block);
	for (size_t i = 0; i < s->n_columns; i++)
		s->columns[i].dict_id = stoa__dict_ids_new();
	return STOA_ROW;
}

static int source_next(struct stoa__source *source, size_t *n, const stoa_rowid **rowids,
		       struct stoa_error *err)
{
	struct source *s = of(source);

	(void)rowids;
	s->at += s->n;
	s->n = 0;
	if (s->at >= s->n_block) {
		s->at = s->n_block = 0;
		int rc = next_block(s, err);
		if (rc != STOA_ROW)
			return rc;
	}
	s->n = s->n_block - s->at < STOA__BATCH_ROWS ? s->n_block - s->at : STOA__BATCH_ROWS;
	for (size_t i = 0; i < s->n_columns; i++)
		s->columns[i].ready = false;
	*n = s->n;
	return STOA_ROW;
}

static void make_vec(struct source *s, size_t i, struct stoa__vec *v)
{
	const struct stoa__bulk_column *b = &s->parsed[i];
	struct column *c = &s->columns[i];
	unsigned type = b->array.type;

	*v = (struct stoa__vec){ .kind = STOA__VEC_FLAT, .phys = (uint8_t)stoa__phys_of(type),
				 .type = (uint8_t)type, .scale = b->array.scale, .n = s->n };
	if (b->array.validity) {
		stoa__bitmap_copy(c->validity, 0, b->array.validity, s->at, s->n);
		v->validity = c->validity;
	}
	if (b->codes && b->n_list) {
		v->kind = STOA__VEC_DICT;
		v->codes = b->codes + s->at;
		v->dict = b->list;
		v->n_dict = b->n_list;
		v->dict_id = c->dict_id;
		return;
	}
	v->values = c->wide;
	if (b->codes)	/* NULLs alone have no list */
		memset(c->wide, 0, s->n * sizeof(struct stoa_bytes));
	else
		stoa__widen(type, s->n,
			    (const char *)b->array.values + s->at * stoa__type_width(type), c->wide);
}

static int source_column(struct stoa__source *source, size_t i, struct stoa__vec *out,
			 struct stoa_error *err)
{
	struct column *c = &of(source)->columns[i];

	(void)err;
	if (!c->ready)
		make_vec(of(source), i, &c->vec);
	c->ready = true;
	*out = c->vec;
	return STOA_OK;
}

static uint64_t source_rows(struct stoa__source *source)
{
	return of(source)->file->n_rows;
}

static void source_close(struct stoa__source *source)
{
	struct source *s = of(source);

	for (size_t i = 0; i < s->n_columns; i++)
		stoa__free(s->columns[i].wide);
	stoa__csv_parser_free(s->parser);
	stoa__csv_block_release(&s->block);
	stoa__free(s->plan.columns);
	stoa__free(s->names);
	stoa__csv_file_drop(s->file);
	stoa__free(s);
}

/* What is read: without a column at all, the first is, as text, for the number of rows. */
static int make_plan(struct source *s, const uint32_t *slots, size_t n)
{
	const struct stoa__csv_file *f = s->file;
	size_t n_plan = n ? n : 1;

	s->plan = (struct stoa__csv_plan){
		.dialect = f->head.dialect, .n_sources = f->head.n_columns,
		.columns = stoa__calloc(n_plan, sizeof *s->plan.columns), .n_columns = n_plan };
	s->names = stoa__calloc(n + 1, sizeof *s->names);
	if (!s->plan.columns || !s->names)
		return STOA_ENOMEM;
	if (!n)
		s->plan.columns[0].slot = (struct stoa_slot){ .name = "", .type = STOA_TEXT };
	for (size_t i = 0; i < n; i++) {
		const struct stoa_slot *slot = &f->slots[slots[i]];
		s->plan.columns[i] = (struct stoa__csv_column){ *slot, (int)slots[i], f->guessed };
		s->names[i] = (struct stoa_column){ slot->name, slot->type, slot->precision,
						    slot->scale };
		s->columns[i].wide =
			stoa__alloc_aligned(STOA__BATCH_ROWS * sizeof(struct stoa_bytes));
		if (!s->columns[i].wide)
			return STOA_ENOMEM;
	}
	s->parser = stoa__csv_parser_new(&s->plan);
	return s->parser ? STOA_OK : STOA_ENOMEM;
}

int stoa__csv_file_source(struct stoa__csv_file *f, const uint32_t *slots, size_t n_slots,
			  struct stoa__source **out, struct stoa_error *err)
{
	static const struct stoa__source_ops ops = {
		.columns = source_columns, .next = source_next, .column = source_column,
		.n_rows = source_rows,
		.close = source_close,
	};
	struct source *s = stoa__calloc(1, sizeof *s + n_slots * sizeof s->columns[0]);

	*out = NULL;
	if (!s)
		return stoa__fail_memory(err);
	s->source.ops = &ops;
	s->file = f;
	f->n_users++;
	s->n_columns = n_slots;
	stoa__csv_split_init(&s->split, &f->in, &f->head.dialect, f->head.offset, RECORDS);
	if (make_plan(s, slots, n_slots) < 0) {
		source_close(&s->source);
		return stoa__fail_memory(err);
	}
	*out = &s->source;
	return STOA_OK;
}
