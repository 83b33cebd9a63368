/* SPDX-License-Identifier: MIT */
/*
 * message.h - what Arrow's IPC format says of schemas, batches and dictionaries, read and written
 *
 *     stream    message ... message, end mark
 *     file      "ARROW1" 0 0, a stream, footer, u32 its length, "ARROW1"
 *     message   ff ff ff ff, u32 length of the metadata, metadata, body     (before 2019: without the ffs)
 *     metadata  a FlatBuffer: a schema; a batch: rows, NULLs of each column, place and length of each buffer
 *               in the body; or a dictionary's number and a batch of one column
 *     footer    a FlatBuffer: the schema again, and where dictionaries and batches lie
 *
 * Everything is a multiple of 8 bytes long. The tables are those of Apache Arrow's
 * format/Schema.fbs, Message.fbs and File.fbs.
 */
#ifndef STOA__ARROW_MESSAGE_H
#define STOA__ARROW_MESSAGE_H

#include "flat.h"
#include "type.h"

#define STOA__ARROW_MAGIC "ARROW1"
#define STOA__ARROW_MAGIC_LEN 6
#define STOA__ARROW_MARK 0xffffffffu		/* begins a message */
#define STOA__ARROW_METADATA_MAX (64u << 20)	/* bytes of a message's */
#define STOA__ARROW_NO_CODEC (-1)		/* else LZ4 frames 0, zstd 1 */

enum stoa__arrow_header {
	STOA__ARROW_SCHEMA = 1,
	STOA__ARROW_DICTIONARY = 2,
	STOA__ARROW_RECORDS = 3,
};

/* Columns of a schema; names are its own. */
struct stoa__arrow_schema {
	struct stoa__arrow_field *fields;
	size_t n;
	char *names;
};
void stoa__arrow_schema_release(struct stoa__arrow_schema *s);

/* A message; positions are in its metadata. */
struct stoa__arrow_message {
	uint8_t header;			/* enum stoa__arrow_header, or another that is passed over */
	int64_t body_len;
	uint32_t schema;
	int64_t dictionary_id;		/* of a dictionary */
	bool is_delta;
	int64_t n_rows;			/* of a batch, or a dictionary's */
	uint32_t nodes, n_nodes;
	uint32_t buffers, n_buffers;
	uint32_t variadic, n_variadic;
	int codec;
};
/* Where a buffer lies in a body, and what a column has. */
struct stoa__arrow_buffer { int64_t offset, len; };
struct stoa__arrow_node { int64_t n_rows, n_null; };
/* A place in a file. */
struct stoa__arrow_block { int64_t offset; int32_t metadata_len; int64_t body_len; };

/*
 * ---- reading: STOA_OK, or STOA_ECORRUPT or STOA_EUNSUPPORTED with words that do not name the file
 * ----
 */

int stoa__arrow_message_read(struct stoa__flat *f, struct stoa__arrow_message *out,
			     struct stoa_error *err);
/* @schema is the position of a Schema table. */
int stoa__arrow_schema_read(struct stoa__flat *f, uint32_t schema, struct stoa__arrow_schema *out,
			    struct stoa_error *err);
/* @i is below the number that the message has. */
struct stoa__arrow_node stoa__arrow_node_at(const struct stoa__flat *f,
					    const struct stoa__arrow_message *m, uint32_t i);
struct stoa__arrow_buffer stoa__arrow_buffer_at(const struct stoa__flat *f,
						const struct stoa__arrow_message *m, uint32_t i);
int64_t stoa__arrow_variadic_at(const struct stoa__flat *f, const struct stoa__arrow_message *m,
				uint32_t i);
/* The footer's schema, and its lists of places: positions, and how many. */
struct stoa__arrow_footer {
	uint32_t schema;
	uint32_t dictionaries, n_dictionaries;
	uint32_t batches, n_batches;
};
int stoa__arrow_footer_read(struct stoa__flat *f, struct stoa__arrow_footer *out,
			    struct stoa_error *err);
struct stoa__arrow_block stoa__arrow_block_at(const struct stoa__flat *f, uint32_t blocks,
					      uint32_t i);

/* ---- writing: metadata into an empty @b; STOA_OK or STOA_ENOMEM ---- */

int stoa__arrow_put_schema(struct stoa__buf *b, const struct stoa__arrow_field *fields, size_t n);
struct stoa__arrow_batch {
	int64_t n_rows;
	const struct stoa__arrow_node *nodes;
	size_t n_nodes;
	const struct stoa__arrow_buffer *buffers;
	size_t n_buffers;
	int64_t body_len;
	int codec;
};
/* A batch; with @dictionary_id not negative, as the values of that dictionary. */
int stoa__arrow_put_batch(struct stoa__buf *b, const struct stoa__arrow_batch *batch,
			  int64_t dictionary_id);
int stoa__arrow_put_footer(struct stoa__buf *b, const struct stoa__arrow_field *fields, size_t n,
			   const struct stoa__arrow_block *dictionaries, size_t n_dictionaries,
			   const struct stoa__arrow_block *batches, size_t n_batches);

#endif
