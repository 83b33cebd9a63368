/* SPDX-License-Identifier: MIT */
/*
 * ipc_write.c - a cursor as an IPC file or stream; see ipc.h
 *
 *     stream    schema | dictionaries of the batch, batch | ... | end mark
 *     file      "ARROW1" 00 | schema | batch | batch ... | dictionaries | end mark | footer
 *
 * In a stream each batch brings its own dictionaries, which replace those before, so that memory is
 * that of a batch. A file may have one dictionary for each column, for readers load them first: its
 * batches' codes are translated to a list that grows with the file, and that is written at the end,
 * where the footer points. Memory is then that of the distinct strings.
 *
 * (1) What export.c made is written as it lies: the length of each buffer follows from its type.
 * (2) All lengths are multiples of 8, buffers begin at multiples of 64 of the body.
 */
#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "array.h"
#include "codec.h"
#include "ipc.h"
#include "words.h"

#define ALIGN 64
#define ROWS 65536u		/* of a batch, unless asked for otherwise */

static const char zeros[ALIGN];

/* A buffer of a body: at @p, or, if that is NULL, in the writer's @packed. */
struct piece {
	const void *p;
	size_t at;		/* in @packed */
	size_t len;
};

struct places {
	struct stoa__arrow_block *p;
	size_t n, cap;
};

struct writer {
	stoa_write_fn *write;
	void *ctx;
	uint64_t at;			/* bytes written */
	bool file;
	int codec;			/* as in the format */
	struct stoa_error *err;
	struct stoa__arrow_field *fields;	/* borrow from @schema */
	size_t n_fields;
	struct ArrowSchema schema;
	struct stoa__arrow_words *words;	/* of a file's columns */
	uint32_t *codes;		/* room for those of a batch */
	size_t cap_codes;
	struct stoa__buf metadata;
	struct stoa__buf packed;	/* compressed pieces */
	struct piece *pieces;		/* three for each column, at most */
	struct stoa__arrow_buffer *buffers;
	struct stoa__arrow_node *nodes;
	size_t n_pieces, n_nodes;
	struct places batches, dictionaries;
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static int put(struct writer *w, const void *p, size_t len)
{
	int rc = len ? w->write(w->ctx, p, len, w->err) : STOA_OK;

	if (rc < 0 && w->err && w->err->code != rc)	/* it left no words */
		return stoa__fail(w->err, rc, "the application's writer returned %s",
				  stoa_result_name(rc));
	w->at += len;
	return rc;
}

static int pad(struct writer *w, size_t align)
{
	size_t over = w->at % align;

	return over ? put(w, zeros, align - over) : STOA_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Mark, length and the metadata; bytes of all that. */
static int put_metadata(struct writer *w, int32_t *len)
{
	uint32_t head[2] = { STOA__ARROW_MARK, 0 };

	if (stoa__buf_pad(&w->metadata, 8) < 0)
		return stoa__fail_memory(w->err);
	head[1] = (uint32_t)w->metadata.len;
	*len = (int32_t)(sizeof head + w->metadata.len);
	STOA_TRY(put(w, head, sizeof head));
	return put(w, w->metadata.p, w->metadata.len);
}

static int note_place(struct writer *w, struct places *list, const struct stoa__arrow_block *b)
{
	if (list->n == list->cap) {
		size_t cap = list->cap ? 2 * list->cap : 64;
		void *p = stoa__realloc_array(list->p, cap, sizeof *list->p);

		if (!p)
			return stoa__fail_memory(w->err);
		list->p = p;
		list->cap = cap;
	}
	list->p[list->n++] = *b;
	return STOA_OK;
}

static int put_body(struct writer *w)
{
	for (size_t i = 0; i < w->n_pieces; i++) {
		const struct piece *piece = &w->pieces[i];
		const void *p = piece->p ? piece->p : w->packed.p + piece->at;

		STOA_TRY(put(w, p, piece->len));
		if (piece->len % ALIGN)
			STOA_TRY(put(w, zeros, ALIGN - piece->len % ALIGN));
	}
	return STOA_OK;
}

static void begin_body(struct writer *w)
{
	w->n_pieces = w->n_nodes = 0;
	stoa__buf_reset(&w->packed);
}

/* Writes the columns that were added as a batch, or as dictionary @id. */
static int put_batch(struct writer *w, int64_t n_rows, int64_t id)
{
	struct stoa__arrow_batch batch = { .n_rows = n_rows, .nodes = w->nodes,
					   .n_nodes = w->n_nodes, .buffers = w->buffers,
					   .n_buffers = w->n_pieces, .codec = w->codec };
	struct stoa__arrow_block place = { .offset = (int64_t)w->at };

	for (size_t i = 0; i < w->n_pieces; i++) {
		w->buffers[i] = (struct stoa__arrow_buffer){ batch.body_len,
							     (int64_t)w->pieces[i].len };
		batch.body_len += (int64_t)((w->pieces[i].len + ALIGN - 1) / ALIGN * ALIGN);
	}
	stoa__buf_reset(&w->metadata);
	if (stoa__arrow_put_batch(&w->metadata, &batch, id) < 0)
		return stoa__fail_memory(w->err);
	STOA_TRY(put_metadata(w, &place.metadata_len));
	STOA_TRY(put_body(w));
	place.body_len = batch.body_len;
	return w->file ? note_place(w, id < 0 ? &w->batches : &w->dictionaries, &place) : STOA_OK;
}

/* ---- columns --------------------------------------------------------------------------------- */

static int add_piece(struct writer *w, const void *p, size_t len)
{
	struct piece *piece = &w->pieces[w->n_pieces];

	*piece = (struct piece){ p ? p : zeros, w->packed.len, p ? len : 0 };
	if (w->codec != STOA__ARROW_NO_CODEC && piece->len) {
		int rc = stoa__arrow_pack(w->codec, p, len, &w->packed);
		if (rc < 0)
			return stoa__fail_memory(w->err);
		piece->p = NULL;
		piece->len = w->packed.len - piece->at;
	}
	w->n_pieces++;
	return STOA_OK;
}

/* An array as export.c makes them: without an offset. */
static int add_column(struct writer *w, const struct stoa__arrow_type *t, const struct ArrowArray *a,
		      const void *values)
{
	size_t n = (size_t)a->length;

	w->nodes[w->n_nodes++] = (struct stoa__arrow_node){ a->length, a->null_count };
	if (t->kind == STOA__ARROW_NULL)
		return STOA_OK;
	STOA_TRY(add_piece(w, a->buffers[0], (n + 7) / 8));
	if (t->kind == STOA__ARROW_BOOL)
		return add_piece(w, values, (n + 7) / 8);
	if (t->kind != STOA__ARROW_BYTES)
		return add_piece(w, values, n * t->width);
	STOA_TRY(add_piece(w, values, (n + 1) * 4));
	return add_piece(w, a->buffers[2], (size_t)((const int32_t *)values)[n]);
}

/* Codes of a batch's own dictionary as codes of the file's. */
static int translate(struct writer *w, const struct ArrowArray *a, struct stoa__arrow_words *words)
{
	const struct ArrowArray *d = a->dictionary;
	const int32_t *offsets = d->buffers[1], *codes = a->buffers[1];
	size_t n = (size_t)a->length, n_words = (size_t)d->length;
	uint32_t *map;

	if (n + n_words > w->cap_codes) {
		uint32_t *room = stoa__realloc_array(w->codes, n + n_words, sizeof *room);
		if (!room)
			return stoa__fail_memory(w->err);
		w->codes = room;
		w->cap_codes = n + n_words;
	}
	map = w->codes + n;
	for (size_t i = 0; i < n_words; i++) {
		struct stoa_bytes s = { (const char *)d->buffers[2] + offsets[i],
					(uint32_t)(offsets[i + 1] - offsets[i]) };
		if (words->bytes.len + s.len > INT32_MAX)
			return stoa__fail(w->err, STOA_EFULL,
					  "a dictionary of more than 2 GiB: write a stream, or strings as "
					  "they are");
		if (stoa__arrow_words_add(words, &s, &map[i]) < 0)
			return stoa__fail_memory(w->err);
	}
	for (size_t i = 0; i < n; i++)
		w->codes[i] = n_words ? map[codes[i]] : 0;
	return STOA_OK;
}

static int put_dictionary(struct writer *w, const struct stoa__arrow_field *f,
			  const struct ArrowArray *values)
{
	begin_body(w);
	STOA_TRY(add_column(w, &f->type, values, values->buffers[1]));
	return put_batch(w, values->length, f->dictionary_id);
}

static int put_rows(struct writer *w, const struct ArrowArray *a)
{
	for (size_t i = 0; !w->file && i < w->n_fields; i++)
		if (w->fields[i].dictionary)
			STOA_TRY(put_dictionary(w, &w->fields[i], a->children[i]->dictionary));
	begin_body(w);
	for (size_t i = 0; i < w->n_fields; i++) {
		const struct stoa__arrow_field *f = &w->fields[i];
		const struct ArrowArray *c = a->children[i];
		const void *values = c->n_buffers ? c->buffers[1] : NULL;

		if (f->dictionary && w->file) {
			STOA_TRY(translate(w, c, &w->words[i]));
			/* One room for all columns: compressed at once, or copied. */
			size_t at = w->packed.len;
			if (w->codec == STOA__ARROW_NO_CODEC &&
			    stoa__buf_put(&w->packed, w->codes, 4 * (size_t)c->length) < 0)
				return stoa__fail_memory(w->err);
			STOA_TRY(add_column(w, &f->index, c, w->codes));
			if (w->codec == STOA__ARROW_NO_CODEC) {
				w->pieces[w->n_pieces - 1].p = NULL;
				w->pieces[w->n_pieces - 1].at = at;
			}
			continue;
		}
		STOA_TRY(add_column(w, f->dictionary ? &f->index : &f->type, c, values));
	}
	return put_batch(w, a->length, -1);
}

/* ---- beginning and end ----------------------------------------------------------------------- */

static int put_schema(struct writer *w)
{
	char magic[8] = STOA__ARROW_MAGIC;
	int32_t len;

	if (w->file)
		STOA_TRY(put(w, magic, sizeof magic));
	if (stoa__arrow_put_schema(&w->metadata, w->fields, w->n_fields) < 0)
		return stoa__fail_memory(w->err);
	return put_metadata(w, &len);
}

static int put_words(struct writer *w)
{
	for (size_t i = 0; i < w->n_fields; i++) {
		struct ArrowArray values;
		int rc;

		if (!w->fields[i].dictionary)
			continue;
		rc = stoa__arrow_words_array(&w->words[i], &values);
		if (rc == STOA_OK)
			rc = put_dictionary(w, &w->fields[i], &values);
		else
			stoa__fail_memory(w->err);
		stoa__arrow_array_drop(&values);
		STOA_TRY(rc);
	}
	return STOA_OK;
}

static int put_footer(struct writer *w)
{
	uint32_t len;

	stoa__buf_reset(&w->metadata);
	if (stoa__arrow_put_footer(&w->metadata, w->fields, w->n_fields, w->dictionaries.p,
				   w->dictionaries.n, w->batches.p, w->batches.n) < 0)
		return stoa__fail_memory(w->err);
	len = (uint32_t)w->metadata.len;
	STOA_TRY(put(w, w->metadata.p, len));
	STOA_TRY(put(w, &len, sizeof len));
	return put(w, STOA__ARROW_MAGIC, STOA__ARROW_MAGIC_LEN);
}

static int put_end(struct writer *w)
{
	uint32_t end[2] = { STOA__ARROW_MARK, 0 };

	if (w->file)
		STOA_TRY(put_words(w));
	STOA_TRY(pad(w, 8));
	STOA_TRY(put(w, end, sizeof end));
	return w->file ? put_footer(w) : STOA_OK;
}

static int writer_init(struct writer *w, const struct ArrowSchema *schema)
{
	STOA_TRY(stoa__arrow_fields(schema, &w->fields, &w->n_fields, w->err));
	for (size_t i = 0; i < w->n_fields; i++)
		w->fields[i].dictionary_id = (int64_t)i;
	w->words = stoa__calloc(w->n_fields + 1, sizeof *w->words);
	w->pieces = stoa__calloc(w->n_fields + 1, 3 * sizeof *w->pieces);
	w->buffers = stoa__calloc(w->n_fields + 1, 3 * sizeof *w->buffers);
	w->nodes = stoa__calloc(w->n_fields + 1, sizeof *w->nodes);
	return w->words && w->pieces && w->buffers && w->nodes ? STOA_OK :
								 stoa__fail_memory(w->err);
}

static void writer_release(struct writer *w)
{
	for (size_t i = 0; w->words && i < w->n_fields; i++)
		stoa__arrow_words_release(&w->words[i]);
	stoa__free(w->words);
	stoa__free(w->fields);
	stoa__free(w->codes);
	stoa__free(w->pieces);
	stoa__free(w->buffers);
	stoa__free(w->nodes);
	stoa__free(w->batches.p);
	stoa__free(w->dictionaries.p);
	stoa__buf_release(&w->metadata);
	stoa__buf_release(&w->packed);
	stoa__arrow_schema_drop(&w->schema);
}

/* A stream of our own, whose errors have codes. */
static int next_array(struct ArrowArrayStream *s, struct ArrowArray *a, struct stoa_error *err)
{
	if (s->get_next(s, a) == 0)
		return a->release ? STOA_ROW : STOA_END;
	const struct stoa_error *words = stoa__arrow_export_error(s);
	if (err)
		*err = *words;
	return words->code;
}

static int write_all(struct writer *w, struct ArrowArrayStream *s, uint64_t *rows)
{
	struct ArrowArray a;
	int rc;

	if (s->get_schema(s, &w->schema))
		return stoa__fail_memory(w->err);
	STOA_TRY(writer_init(w, &w->schema));
	STOA_TRY(put_schema(w));
	while ((rc = next_array(s, &a, w->err)) == STOA_ROW) {
		*rows += (uint64_t)a.length;
		rc = put_rows(w, &a);
		a.release(&a);
		STOA_TRY(rc);
	}
	return rc < 0 ? rc : put_end(w);
}

static int format_codec(int codec, int *out, struct stoa_error *err)
{
	*out = codec == STOA_ARROW_ZSTD ? STOA__ARROW_CODEC_ZSTD :
	       codec == STOA_ARROW_LZ4	? STOA__ARROW_CODEC_LZ4 : STOA__ARROW_NO_CODEC;
	if (codec < STOA_ARROW_PLAIN || codec > STOA_ARROW_LZ4)
		return stoa__fail(err, STOA_EINVAL, "there is no codec number %d", codec);
	return stoa__arrow_codec_check(*out, err);
}

int stoa_arrow_write(stoa_cursor *cur, const struct stoa_arrow_options *options,
		     stoa_write_fn *write, void *ctx, uint64_t *rows, struct stoa_error *err)
{
	struct stoa_arrow_options o = STOA_ARROW_OPTIONS_INIT;
	struct stoa_error own = { 0 };
	struct writer w = { .write = write, .ctx = ctx, .err = &own };
	struct ArrowArrayStream s;
	uint64_t n = 0;
	int rc = STOA_OK;

	if (options)
		o = *options;
	if (!o.batch_rows)
		o.batch_rows = ROWS;
	w.file = o.format == STOA_ARROW_FILE;
	if (!cur || !write || (!w.file && o.format != STOA_ARROW_STREAM))
		rc = stoa__fail(err, STOA_EINVAL, "a cursor, a writer and a format are wanted");
	if (rc == STOA_OK)
		rc = format_codec(o.codec, &w.codec, err);
	if (rc < 0) {
		stoa_cursor_close(cur);
		return rc;
	}
	STOA_TRY(stoa_arrow_export(cur, &o, &s, err));
	rc = write_all(&w, &s, &n);
	writer_release(&w);
	s.release(&s);
	if (rc < 0 && err)
		*err = own;
	if (rows)
		*rows = n;
	return rc;
}
