/* SPDX-License-Identifier: MIT */
/*
 * import.c - an ArrowArrayStream as a cursor
 *
 *     array of the stream   | 2,048 rows | 2,048 rows | ... |   one at a time is held
 *                                 v
 *                              batch: columns in place, or decoded
 *
 * (1) An array is released before the next is asked for, and with the cursor.
 * (2) Between arrays, whatever the producer left behind is a failure, never an empty one: a
 *     release that is NULL is the end.
 */
#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "../cursor.h"
#include "array.h"
#include "decode.h"
#include "ipc.h"

struct importer {
	struct stoa_cursor cursor;
	struct ArrowArrayStream stream;
	const struct stoa_error *words;	/* of a stream of our own, when a call failed; NULL: of others */
	struct ArrowSchema schema;
	struct ArrowArray array;	/* release is NULL: none */
	int64_t at;			/* its row that comes next */
	size_t n_columns;
	struct stoa_column *columns;
	struct stoa_array *arrays;
	struct stoa__arrow_decoder *decoders;
};

static struct importer *of(const stoa_cursor *cur)
{
	return (struct importer *)(uintptr_t)cur;
}

static const struct stoa_column *import_columns(const stoa_cursor *cur, size_t *n)
{
	*n = of(cur)->n_columns;
	return of(cur)->columns;
}

/* What the producer says of a call of its own that failed. */
static int fail_stream(struct importer *im, int errno_value, struct stoa_error *err)
{
	const char *words;

	if (im->words) {
		if (err)
			*err = *im->words;
		return im->words->code;
	}
	words = im->stream.get_last_error ? im->stream.get_last_error(&im->stream) : NULL;
	return stoa__fail(err, STOA_EIO, "the Arrow stream failed: %.400s",
			  words && *words ? words : strerror(errno_value));
}

static int check_array(const struct importer *im, struct stoa_error *err)
{
	const struct ArrowArray *a = &im->array;

	if (a->length < 0 || a->offset < 0 || a->length > INT64_MAX / 64 - a->offset ||
	    a->n_children != (int64_t)im->n_columns || (a->n_children && !a->children))
		return stoa__fail(err, STOA_ECORRUPT,
				  "an array of the Arrow stream does not have the columns of its schema");
	if (a->null_count > 0 || (a->null_count < 0 && a->n_buffers && a->buffers[0]))
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "rows of the Arrow stream are NULL as a whole: a table has no such rows");
	for (size_t i = 0; i < im->n_columns; i++)
		STOA_TRY(stoa__arrow_decoder_check(&im->decoders[i], a->children[i],
						   a->offset + a->length, err));
	return STOA_OK;
}

/* The next array that has rows: STOA_ROW, STOA_END. */
static int next_array(struct importer *im, struct stoa_error *err)
{
	int rc;

	do {
		stoa__arrow_array_drop(&im->array);
		memset(&im->array, 0, sizeof im->array);
		im->at = 0;
		rc = im->stream.get_next(&im->stream, &im->array);
		if (rc) {
			im->array.release = NULL;
			return fail_stream(im, rc, err);
		}
		if (!im->array.release)
			return STOA_END;
		STOA_TRY(check_array(im, err));
	} while (!im->array.length);
	return STOA_ROW;
}

static int import_next_batch(stoa_cursor *cur, struct stoa_batch *out, struct stoa_error *err)
{
	struct importer *im = of(cur);
	int64_t left;
	size_t n;

	if (im->at >= im->array.length) {
		int rc = next_array(im, err);
		if (rc != STOA_ROW)
			return rc;
	}
	left = im->array.length - im->at;
	n = left < STOA_BATCH_MAX ? (size_t)left : STOA_BATCH_MAX;
	for (size_t i = 0; i < im->n_columns; i++)
		STOA_TRY(stoa__arrow_decode(&im->decoders[i], im->array.children[i],
					    im->array.offset + im->at, n, &im->arrays[i], err));
	im->at += (int64_t)n;
	*out = (struct stoa_batch){ n, im->n_columns, im->arrays, NULL };
	return STOA_ROW;
}

static void import_close(stoa_cursor *cur)
{
	struct importer *im = of(cur);

	stoa__arrow_array_drop(&im->array);
	stoa__arrow_schema_drop(&im->schema);
	if (im->stream.release)
		im->stream.release(&im->stream);
	for (size_t i = 0; im->decoders && i < im->n_columns; i++)
		stoa__arrow_decoder_release(&im->decoders[i]);
	stoa__free(im->decoders);
	stoa__free(im->columns);
	stoa__free(im->arrays);
	stoa__free(im);
}

static int make_columns(struct importer *im, const struct stoa__arrow_field *fields,
			struct stoa_error *err)
{
	im->columns = stoa__calloc(im->n_columns + 1, sizeof *im->columns);
	im->arrays = stoa__calloc(im->n_columns + 1, sizeof *im->arrays);
	im->decoders = stoa__calloc(im->n_columns + 1, sizeof *im->decoders);
	if (!im->columns || !im->arrays || !im->decoders)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < im->n_columns; i++) {
		STOA_TRY(stoa__arrow_column_of(&fields[i], &im->columns[i], err));
		if (stoa__arrow_decoder_init(&im->decoders[i], &fields[i], &im->columns[i]) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

static int open_stream(struct importer *im, struct stoa_error *err)
{
	struct stoa__arrow_field *fields;
	int rc = im->stream.get_schema(&im->stream, &im->schema);

	if (rc) {
		im->schema.release = NULL;
		return fail_stream(im, rc, err);
	}
	STOA_TRY(stoa__arrow_fields(&im->schema, &fields, &im->n_columns, err));
	rc = make_columns(im, fields, err);
	stoa__free(fields);
	return rc;
}

int stoa__arrow_import(struct ArrowArrayStream *in, const struct stoa_error *words,
		       stoa_cursor **out, struct stoa_error *err)
{
	static const struct stoa__cursor_ops ops = {
		.columns = import_columns, .next_batch = import_next_batch, .close = import_close,
	};
	struct importer *im;
	int rc;

	if (out)
		*out = NULL;
	if (!in || !in->release || !out) {
		if (in && in->release)
			in->release(in);
		return stoa__fail(err, STOA_EINVAL,
				  "an Arrow stream that is not released, and room for the cursor are "
				  "wanted");
	}
	im = stoa__calloc(1, sizeof *im);
	if (!im) {
		in->release(in);
		return stoa__fail_memory(err);
	}
	stoa__cursor_init(&im->cursor, &ops);
	im->stream = *in;
	im->words = words;
	in->release = NULL;
	rc = open_stream(im, err);
	if (rc < 0) {
		import_close(&im->cursor);
		return rc;
	}
	*out = &im->cursor;
	return STOA_OK;
}

int stoa_arrow_import(struct ArrowArrayStream *in, stoa_cursor **out, struct stoa_error *err)
{
	return stoa__arrow_import(in, NULL, out, err);
}
