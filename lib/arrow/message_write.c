/* SPDX-License-Identifier: MIT */
/* message_write.c - Arrow's metadata, written; see message.h */
#include <string.h>

#include "../core/error.h"
#include "message.h"

#define VERSION_5 4
#define N(slots) (sizeof(slots) / sizeof *(slots))

/* ---- schemas --------------------------------------------------------------------------------- */

/* The union's tag, and the fields of its table. */
static unsigned describe(const struct stoa__arrow_type *t, struct stoa__flat_slot slots[3],
			 size_t *n)
{
	memset(slots, 0, 3 * sizeof *slots);
	*n = 0;
	switch ((enum stoa__arrow_kind)t->kind) {
	case STOA__ARROW_NULL: return 1;
	case STOA__ARROW_INT:
		slots[0] = (struct stoa__flat_slot){ 4, t->width * 8, 0 };
		slots[1] = (struct stoa__flat_slot){ 1, t->is_signed, 0 };
		*n = 2;
		return 2;
	case STOA__ARROW_FLOAT:
		slots[0] = (struct stoa__flat_slot){ 2, t->width == 2 ? 0 : t->width == 4 ? 1 : 2, 0 };
		*n = 1;
		return 3;
	case STOA__ARROW_BYTES: return t->width == 8 ? (t->utf8 ? 20 : 19) : (t->utf8 ? 5 : 4);
	case STOA__ARROW_BOOL: return 6;
	case STOA__ARROW_DECIMAL:
		slots[0] = (struct stoa__flat_slot){ 4, t->precision, 0 };
		slots[1] = (struct stoa__flat_slot){ 4, t->scale, 0 };
		slots[2] = (struct stoa__flat_slot){ 4, t->width * 8, 0 };
		*n = 3;
		return 7;
	case STOA__ARROW_DATE:
		slots[0] = (struct stoa__flat_slot){ 2, t->unit == STOA__ARROW_MILLI, 0 };
		*n = 1;
		return 8;
	case STOA__ARROW_TIME:
		slots[0] = (struct stoa__flat_slot){ 2, t->unit, 0 };
		slots[1] = (struct stoa__flat_slot){ 4, t->width * 8, 0 };
		*n = 2;
		return 9;
	case STOA__ARROW_TIMESTAMP:
		slots[0] = (struct stoa__flat_slot){ 2, t->unit, 0 };
		*n = 1;
		return 10;
	case STOA__ARROW_FIXED:
		slots[0] = (struct stoa__flat_slot){ 4, t->width, 0 };
		*n = 1;
		return 15;
	case STOA__ARROW_VIEW: break;
	}
	return t->utf8 ? 24 : 23;
}

static int put_type(struct stoa__buf *b, size_t ref, const struct stoa__arrow_type *t)
{
	struct stoa__flat_slot slots[3];
	size_t n;

	describe(t, slots, &n);
	return stoa__flat_put_table(b, ref, slots, n);
}

static int put_dictionary(struct stoa__buf *b, size_t ref, const struct stoa__arrow_field *f)
{
	struct stoa__flat_slot slots[] = { { 8, f->dictionary_id, 0 }, STOA__FLAT_REF };

	STOA_TRY(stoa__flat_put_table(b, ref, slots, N(slots)));
	return put_type(b, slots[1].at, &f->index);
}

/* One pair: the name of an extension. */
static int put_metadata(struct stoa__buf *b, size_t ref, const char *key, const char *value)
{
	struct stoa__flat_slot slots[] = { STOA__FLAT_REF, STOA__FLAT_REF };
	size_t first;

	STOA_TRY(stoa__flat_put_vector(b, ref, 1, 4));
	first = b->len;
	STOA_TRY(stoa__buf_put_u32(b, 0));
	STOA_TRY(stoa__flat_put_table(b, first, slots, N(slots)));
	STOA_TRY(stoa__flat_put_string(b, slots[0].at, key));
	return stoa__flat_put_string(b, slots[1].at, value);
}

static int put_field(struct stoa__buf *b, size_t ref, const struct stoa__arrow_field *f)
{
	struct stoa__flat_slot type[3];
	size_t n;
	unsigned tag = describe(&f->type, type, &n);
	/* name, nullable, type's tag, type, dictionary, children, metadata */
	struct stoa__flat_slot slots[] = {
		STOA__FLAT_REF, { 1, 1, 0 }, { 1, tag, 0 }, STOA__FLAT_REF,
		{ f->dictionary ? 4 : 0, 0, 0 }, STOA__FLAT_REF, { f->uuid ? 4 : 0, 0, 0 },
	};

	STOA_TRY(stoa__flat_put_table(b, ref, slots, N(slots)));
	STOA_TRY(stoa__flat_put_string(b, slots[0].at, f->name));
	STOA_TRY(put_type(b, slots[3].at, &f->type));
	STOA_TRY(stoa__flat_put_vector(b, slots[5].at, 0, 4));	/* some readers want it to be there */
	if (f->dictionary)
		STOA_TRY(put_dictionary(b, slots[4].at, f));
	if (f->uuid)
		STOA_TRY(put_metadata(b, slots[6].at, STOA__ARROW_EXTENSION, STOA__ARROW_UUID));
	return STOA_OK;
}

static int put_schema_table(struct stoa__buf *b, size_t ref, const struct stoa__arrow_field *fields,
			    size_t n)
{
	struct stoa__flat_slot slots[] = { { 2, 0, 0 }, STOA__FLAT_REF };
	size_t first;

	STOA_TRY(stoa__flat_put_table(b, ref, slots, N(slots)));
	STOA_TRY(stoa__flat_put_vector(b, slots[1].at, n, 4));
	first = b->len;
	STOA_TRY(stoa__buf_put_zeros(b, 4 * n));
	for (size_t i = 0; i < n; i++)
		STOA_TRY(put_field(b, first + 4 * i, &fields[i]));
	return STOA_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* Where the header's reference lies goes to @header. */
static int put_message(struct stoa__buf *b, unsigned type, int64_t body_len, size_t *header)
{
	struct stoa__flat_slot slots[] = { { 2, VERSION_5, 0 }, { 1, type, 0 }, STOA__FLAT_REF,
					   { 8, body_len, 0 } };

	STOA_TRY(stoa__flat_put_root(b));
	STOA_TRY(stoa__flat_put_table(b, 0, slots, N(slots)));
	*header = slots[2].at;
	return STOA_OK;
}

int stoa__arrow_put_schema(struct stoa__buf *b, const struct stoa__arrow_field *fields, size_t n)
{
	size_t header;

	STOA_TRY(put_message(b, STOA__ARROW_SCHEMA, 0, &header));
	return put_schema_table(b, header, fields, n);
}

/* Pairs of i64, as nodes and buffers are. */
static int put_pairs(struct stoa__buf *b, size_t ref, const void *pairs, size_t n)
{
	STOA_TRY(stoa__flat_put_vector(b, ref, n, 8));
	return stoa__buf_put(b, n ? pairs : "", 16 * n);
}

_Static_assert(sizeof(struct stoa__arrow_node) == 16 && sizeof(struct stoa__arrow_buffer) == 16,
	       "both are as in the format");

static int put_batch_table(struct stoa__buf *b, size_t ref, const struct stoa__arrow_batch *batch)
{
	bool packed = batch->codec != STOA__ARROW_NO_CODEC;
	struct stoa__flat_slot slots[] = { { 8, batch->n_rows, 0 }, STOA__FLAT_REF, STOA__FLAT_REF,
					   { packed ? 4 : 0, 0, 0 } };
	struct stoa__flat_slot compression[] = { { 1, batch->codec, 0 }, { 1, 0, 0 } };

	STOA_TRY(stoa__flat_put_table(b, ref, slots, N(slots)));
	STOA_TRY(put_pairs(b, slots[1].at, batch->nodes, batch->n_nodes));
	STOA_TRY(put_pairs(b, slots[2].at, batch->buffers, batch->n_buffers));
	return packed ? stoa__flat_put_table(b, slots[3].at, compression, N(compression)) : STOA_OK;
}

int stoa__arrow_put_batch(struct stoa__buf *b, const struct stoa__arrow_batch *batch,
			  int64_t dictionary_id)
{
	struct stoa__flat_slot slots[] = { { 8, dictionary_id, 0 }, STOA__FLAT_REF };
	size_t header;

	if (dictionary_id < 0) {
		STOA_TRY(put_message(b, STOA__ARROW_RECORDS, batch->body_len, &header));
		return put_batch_table(b, header, batch);
	}
	STOA_TRY(put_message(b, STOA__ARROW_DICTIONARY, batch->body_len, &header));
	STOA_TRY(stoa__flat_put_table(b, header, slots, N(slots)));
	return put_batch_table(b, slots[1].at, batch);
}

static int put_blocks(struct stoa__buf *b, size_t ref, const struct stoa__arrow_block *blocks,
		      size_t n)
{
	STOA_TRY(stoa__flat_put_vector(b, ref, n, 8));
	for (size_t i = 0; i < n; i++) {
		STOA_TRY(stoa__buf_put_u64(b, (uint64_t)blocks[i].offset));
		STOA_TRY(stoa__buf_put_u32(b, (uint32_t)blocks[i].metadata_len));
		STOA_TRY(stoa__buf_put_u32(b, 0));
		STOA_TRY(stoa__buf_put_u64(b, (uint64_t)blocks[i].body_len));
	}
	return STOA_OK;
}

int stoa__arrow_put_footer(struct stoa__buf *b, const struct stoa__arrow_field *fields, size_t n,
			   const struct stoa__arrow_block *dictionaries, size_t n_dictionaries,
			   const struct stoa__arrow_block *batches, size_t n_batches)
{
	struct stoa__flat_slot slots[] = { { 2, VERSION_5, 0 }, STOA__FLAT_REF, STOA__FLAT_REF,
					   STOA__FLAT_REF };

	STOA_TRY(stoa__flat_put_root(b));
	STOA_TRY(stoa__flat_put_table(b, 0, slots, N(slots)));
	STOA_TRY(put_schema_table(b, slots[1].at, fields, n));
	STOA_TRY(put_blocks(b, slots[2].at, dictionaries, n_dictionaries));
	return put_blocks(b, slots[3].at, batches, n_batches);
}
