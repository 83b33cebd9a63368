/* SPDX-License-Identifier: MIT */
/*
 * ipc_read.c - see ipc.h
 *
 * A file is read through its footer, which says where dictionaries and batches lie; a stream
 * message by message. Of a body only those buffers are read that belong to columns somebody wants.
 *
 *     next place  ->  metadata (message.c, in bounds)  ->  buffers of each column, unpacked, verified
 *                                                          dictionary: kept, under its number
 *
 * (1) Every byte is hostile: no length is believed before it is compared with the file's, no offset
 *     before verify.c has seen it. After that the arrays are as sound as a good neighbour's, and
 *     are decoded in the same way.
 * (2) Memory is asked for by what is in the file, or by what compression can make of that.
 * (3) A batch borrows the dictionaries it uses from the reader; these change in get_next() alone,
 *     when the batch before has been released.
 * (4) A dictionary that a file never gives is an empty one, for columns that are all NULL.
 */
#include "ipc.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "../csv/input.h"
#include "array.h"
#include "codec.h"
#include "join.h"
#include "verify.h"

#define PAD 64				/* zeros behind a buffer that is read */
#define FILE_HEAD 8			/* the magic, padded */
#define FILE_TAIL (4 + STOA__ARROW_MAGIC_LEN)

/* The values behind the codes of one column or more. */
struct dictionary {
	int64_t id;
	struct stoa__arrow_type type;
	struct ArrowArray values;	/* release is NULL: not given yet */
};

struct stoa__arrow_reader {
	struct stoa__csv_input in;
	char *path;
	struct stoa__arrow_schema schema;
	uint32_t *wanted;		/* columns to be read; NULL: all */
	size_t n_wanted;
	struct dictionary *dictionaries;
	size_t n_dictionaries;
	struct stoa__buf footer;	/* of a file; empty: it is a stream */
	struct stoa__flat places;	/* over it */
	struct stoa__arrow_footer blocks;
	uint32_t next_block;
	uint64_t at;			/* of a stream: where the next message begins */
	struct stoa__buf metadata;	/* of the message at hand */
	struct stoa__flat flat;		/* over it */
	struct stoa__arrow_message message;
	uint64_t body;			/* where that begins */
	struct stoa_error err;
	int failed;			/* what the stream has ended with; 0: it goes on */
};

/* ---- words ----------------------------------------------------------------------------------- */

/* Puts the file's name in front of words that lack it. */
static int in_file(const struct stoa__arrow_reader *r, int rc, struct stoa_error *err)
{
	char text[STOA_ERROR_TEXT_MAX];

	if (rc >= 0 || rc == STOA_ENOMEM || !err)
		return rc;
	snprintf(text, sizeof text, "%s", err->text);
	return stoa__fail(err, rc, "%s: %.380s", r->path, text);
}

static int corrupt(const struct stoa__arrow_reader *r, uint64_t offset, const char *what,
		   struct stoa_error *err)
{
	stoa__fail(err, STOA_ECORRUPT, "%s: at byte %llu: %s", r->path, (unsigned long long)offset,
		   what);
	if (err)
		err->offset = offset;
	return STOA_ECORRUPT;
}

static int unsound(const struct stoa__arrow_reader *r, const struct stoa__arrow_field *f,
		   const char *what, struct stoa_error *err)
{
	return stoa__fail(err, STOA_ECORRUPT, "%s: column \"%.*s\": %s", r->path, STOA_NAME_MAX,
			  f->name, what);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

/* @len bytes from @offset, all of them. */
static int read_at(const struct stoa__arrow_reader *r, uint64_t offset, void *p, size_t len,
		   struct stoa_error *err)
{
	size_t got;

	STOA_TRY(stoa__csv_input_read(&r->in, offset, p, len, &got, err));
	return got == len ? STOA_OK : corrupt(r, offset, "the file is cut short", err);
}

static int read_buf(const struct stoa__arrow_reader *r, uint64_t offset, uint64_t len,
		    struct stoa__buf *out, struct stoa_error *err)
{
	if (offset > r->in.size || len > r->in.size - offset)
		return corrupt(r, offset, "the file is cut short", err);
	stoa__buf_reset(out);
	if (stoa__buf_reserve(out, (size_t)len + 8) < 0)
		return stoa__fail_memory(err);
	STOA_TRY(read_at(r, offset, out->p, (size_t)len, err));
	out->len = (size_t)len;
	return STOA_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

/* The message of @len bytes of metadata from @offset. */
static int open_message(struct stoa__arrow_reader *r, uint64_t offset, uint32_t len,
			struct stoa_error *err)
{
	if (len > STOA__ARROW_METADATA_MAX)
		return corrupt(r, offset, "this is no message of Arrow's", err);
	STOA_TRY(read_buf(r, offset, len, &r->metadata, err));
	r->flat = (struct stoa__flat){ r->metadata.p, len, false };
	STOA_TRY(in_file(r, stoa__arrow_message_read(&r->flat, &r->message, err), err));
	r->body = offset + len;
	if ((uint64_t)r->message.body_len > r->in.size - r->body)
		return corrupt(r, offset, "the file is cut short", err);
	return STOA_OK;
}

/* The mark, or none of old, and the length: STOA_ROW; STOA_END at the end mark. */
static int read_prefix(struct stoa__arrow_reader *r, uint64_t *at, uint32_t *len,
		       struct stoa_error *err)
{
	uint32_t x;

	STOA_TRY(read_at(r, *at, &x, sizeof x, err));
	*at += sizeof x;
	if (x == STOA__ARROW_MARK) {
		STOA_TRY(read_at(r, *at, &x, sizeof x, err));
		*at += sizeof x;
	}
	*len = x;
	return x ? STOA_ROW : STOA_END;
}

/* The next message of a stream: STOA_ROW; STOA_END. */
static int next_in_stream(struct stoa__arrow_reader *r, struct stoa_error *err)
{
	uint32_t len;
	int rc;

	if (r->at >= r->in.size)
		return STOA_END;
	rc = read_prefix(r, &r->at, &len, err);
	if (rc != STOA_ROW)
		return rc;
	STOA_TRY(open_message(r, r->at, len, err));
	r->at = r->body + (uint64_t)r->message.body_len;
	return STOA_ROW;
}

/* The message at a place that the footer names. */
static int open_block(struct stoa__arrow_reader *r, uint32_t blocks, uint32_t i,
		      struct stoa_error *err)
{
	struct stoa__arrow_block b = stoa__arrow_block_at(&r->places, blocks, i);
	uint64_t at = (uint64_t)b.offset;
	uint32_t len;
	int rc;

	if (b.offset < 0 || at > r->in.size)
		return corrupt(r, r->in.size, "the footer points past the file's end", err);
	rc = read_prefix(r, &at, &len, err);
	if (rc == STOA_END)
		return corrupt(r, at, "the footer points to no message", err);
	return rc < 0 ? rc : open_message(r, at, len, err);
}

/* ---- columns of a message -------------------------------------------------------------------- */

/* Where one is among the nodes and buffers of a message. */
struct walk {
	uint32_t node, buffer, variadic;
};

static int load_buffer(struct stoa__arrow_reader *r, const struct stoa__arrow_buffer *b,
		       uint8_t **out, size_t *len, struct stoa_error *err)
{
	int64_t body_len = r->message.body_len;
	uint64_t at = r->body + (uint64_t)b->offset;
	int rc;

	*out = NULL;
	*len = 0;
	if (b->offset < 0 || b->len < 0 || b->offset > body_len || b->len > body_len - b->offset)
		return corrupt(r, r->body, "a buffer is outside of its message", err);
	if (!b->len)
		return STOA_OK;
	*out = stoa__alloc_aligned((size_t)b->len + PAD);
	if (!*out)
		return stoa__fail_memory(err);
	memset(*out + b->len, 0, PAD);
	*len = (size_t)b->len;
	rc = read_at(r, at, *out, *len, err);
	if (rc == STOA_OK && r->message.codec != STOA__ARROW_NO_CODEC) {
		uint8_t *packed = *out;
		rc = stoa__arrow_unpack(r->message.codec, packed, *len, out, len);
		stoa__free(packed);
		if (rc < 0)
			return rc == STOA_ENOMEM ? stoa__fail_memory(err) :
						   corrupt(r, at, "a compressed buffer is damaged", err);
	}
	return rc;
}

static int load_buffers(struct stoa__arrow_reader *r, const struct stoa__arrow_type *t,
			uint32_t first, int64_t n, struct ArrowArray *out, size_t *lens,
			struct stoa_error *err)
{
	int64_t *sizes;
	uint8_t *p;
	size_t len;

	for (int64_t i = 0; i < n; i++) {
		struct stoa__arrow_buffer b =
			stoa__arrow_buffer_at(&r->flat, &r->message, first + (uint32_t)i);
		int rc = load_buffer(r, &b, &p, &len, err);
		stoa__arrow_array_set(out, i, p, true);
		STOA_TRY(rc);
		if (i < 3)
			lens[i] = len;
		if (t->kind == STOA__ARROW_VIEW && i >= 2) {
			sizes = (int64_t *)(uintptr_t)out->buffers[n];
			sizes[i - 2] = (int64_t)len;
		}
	}
	return STOA_OK;
}

/* An empty buffer where a column without rows has none. */
static int fill_holes(struct ArrowArray *a, const struct stoa__arrow_type *t)
{
	for (int64_t i = 1; i < a->n_buffers && t->kind != STOA__ARROW_VIEW; i++) {
		void *p;
		if (a->buffers[i])
			continue;
		p = stoa__calloc(1, PAD);
		if (!p)
			return STOA_ENOMEM;
		stoa__arrow_array_set(a, i, p, true);
	}
	return STOA_OK;
}

/* The next column of the message as values of type @t; @out NULL: passes over it. */
static int load_column(struct stoa__arrow_reader *r, const struct stoa__arrow_field *f,
		       const struct stoa__arrow_type *t, struct walk *w, bool dictionary,
		       struct ArrowArray *out, struct stoa_error *err)
{
	const struct stoa__arrow_message *m = &r->message;
	int64_t n = stoa__arrow_n_buffers(t), more = 0;
	uint32_t first = w->buffer;
	struct stoa__arrow_node node;
	size_t lens[3] = { 0 };
	const char *why;

	if (t->kind == STOA__ARROW_VIEW) {
		if (w->variadic >= m->n_variadic)
			return unsound(r, f, "the number of its buffers is missing", err);
		more = stoa__arrow_variadic_at(&r->flat, m, w->variadic++);
	}
	if (w->node >= m->n_nodes || more < 0 || more > m->n_buffers ||
	    n + more > (int64_t)m->n_buffers - (int64_t)w->buffer)
		return unsound(r, f, "it is missing in a batch", err);
	node = stoa__arrow_node_at(&r->flat, m, w->node++);
	w->buffer += (uint32_t)(n + more);
	if (!out)
		return STOA_OK;
	if (node.n_rows != m->n_rows)
		return unsound(r, f, "it has another number of rows than its batch", err);
	if (stoa__arrow_array_new(n + more + (t->kind == STOA__ARROW_VIEW), 0, dictionary, out) < 0)
		return stoa__fail_memory(err);
	out->length = node.n_rows;
	out->null_count = node.n_null;
	if (t->kind == STOA__ARROW_VIEW) {
		void *sizes = stoa__calloc((size_t)more + 1, sizeof(int64_t));
		if (!sizes)
			return stoa__fail_memory(err);
		stoa__arrow_array_set(out, n + more, sizes, true);
	}
	STOA_TRY(load_buffers(r, t, first, n + more, out, lens, err));
	why = stoa__arrow_verify(t, out, lens);
	if (why)
		return unsound(r, f, why, err);
	return fill_holes(out, t) < 0 ? stoa__fail_memory(err) : STOA_OK;
}

/* ---- dictionaries ---------------------------------------------------------------------------- */

static struct dictionary *find_dictionary(const struct stoa__arrow_reader *r, int64_t id)
{
	for (size_t i = 0; i < r->n_dictionaries; i++)
		if (r->dictionaries[i].id == id)
			return &r->dictionaries[i];
	return NULL;
}

/* A place for each number that the schema names. */
static int make_dictionaries(struct stoa__arrow_reader *r, struct stoa_error *err)
{
	r->dictionaries = stoa__calloc(r->schema.n + 1, sizeof *r->dictionaries);
	if (!r->dictionaries)
		return stoa__fail_memory(err);
	for (size_t i = 0; i < r->schema.n; i++) {
		const struct stoa__arrow_field *f = &r->schema.fields[i];
		struct dictionary *d = f->dictionary ? find_dictionary(r, f->dictionary_id) : NULL;

		if (!f->dictionary)
			continue;
		if (d && (d->type.kind != f->type.kind || d->type.width != f->type.width))
			return unsound(r, f, "its dictionary has values of another type elsewhere", err);
		if (!d)
			r->dictionaries[r->n_dictionaries++] =
				(struct dictionary){ .id = f->dictionary_id, .type = f->type };
	}
	return STOA_OK;
}

/* More values behind those of a dictionary. */
static int extend(struct dictionary *d, const struct ArrowArray *delta)
{
	struct ArrowArray joined;

	STOA_TRY(stoa__arrow_join(&d->type, &d->values, delta, &joined));
	stoa__arrow_array_drop(&d->values);
	d->values = joined;
	return STOA_OK;
}

/* The dictionary of the message at hand is kept, or added to what there is. */
static int load_dictionary(struct stoa__arrow_reader *r, struct stoa_error *err)
{
	struct dictionary *d = find_dictionary(r, r->message.dictionary_id);
	struct stoa__arrow_field f = { .name = "(a dictionary)" };
	struct ArrowArray values = { 0 };
	struct walk w = { 0 };
	bool join;
	int rc;

	if (!d)		/* of no column */
		return STOA_OK;
	join = r->message.is_delta && d->values.release;
	if (join && !stoa__arrow_joins(&d->type))
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "%s: a dictionary of views or bits grows on the way", r->path);
	rc = load_column(r, &f, &d->type, &w, false, &values, err);
	if (rc == STOA_OK && join)
		rc = extend(d, &values) < 0 ? stoa__fail_memory(err) : STOA_OK;
	else if (rc == STOA_OK) {
		stoa__arrow_array_drop(&d->values);
		d->values = values;
		return STOA_OK;
	}
	stoa__arrow_array_drop(&values);
	return rc;
}

/* A column's codes borrow their values. */
static int lend_dictionary(const struct dictionary *d, struct ArrowArray *out)
{
	int64_t n = d->type.kind == STOA__ARROW_VIEW ? 3 : stoa__arrow_n_buffers(&d->type);

	if (d->values.release)
		n = d->values.n_buffers;
	STOA_TRY(stoa__arrow_array_new(n, 0, false, out));
	out->length = d->values.length;
	out->null_count = d->values.null_count;
	for (int64_t i = 0; i < n && d->values.release; i++)
		stoa__arrow_array_set(out, i, d->values.buffers[i], false);
	return d->values.release ? STOA_OK : fill_holes(out, &d->type);
}

/* ---- batches --------------------------------------------------------------------------------- */

/* Where column @i goes among those wanted; -1: nowhere. */
static int64_t place_of(const struct stoa__arrow_reader *r, size_t i)
{
	if (!r->wanted)
		return (int64_t)i;
	for (size_t k = 0; k < r->n_wanted; k++)
		if (r->wanted[k] == i)
			return (int64_t)k;
	return -1;
}

static int load_columns(struct stoa__arrow_reader *r, struct ArrowArray *out, struct stoa_error *err)
{
	struct walk w = { 0 };

	for (size_t i = 0; i < r->schema.n; i++) {
		const struct stoa__arrow_field *f = &r->schema.fields[i];
		int64_t place = place_of(r, i);
		struct ArrowArray *a = place < 0 ? NULL : out->children[place];

		STOA_TRY(load_column(r, f, f->dictionary ? &f->index : &f->type, &w, f->dictionary,
				     a, err));
		if (a && f->dictionary &&
		    lend_dictionary(find_dictionary(r, f->dictionary_id), a->dictionary) < 0)
			return stoa__fail_memory(err);
	}
	return STOA_OK;
}

static int load_batch(struct stoa__arrow_reader *r, struct ArrowArray *out, struct stoa_error *err)
{
	int rc;

	if (stoa__arrow_array_new(1, (int64_t)(r->wanted ? r->n_wanted : r->schema.n), false, out) < 0)
		return stoa__fail_memory(err);
	out->length = r->message.n_rows;
	rc = load_columns(r, out, err);
	if (rc < 0)
		out->release(out);
	return rc;
}

/* The next message that is there to be looked at: STOA_ROW; STOA_END. */
static int next_message(struct stoa__arrow_reader *r, struct stoa_error *err)
{
	if (!r->footer.len)
		return next_in_stream(r, err);
	if (r->next_block == r->blocks.n_batches)
		return STOA_END;
	STOA_TRY(open_block(r, r->blocks.batches, r->next_block++, err));
	return STOA_ROW;
}

static int next_batch(struct stoa__arrow_reader *r, struct ArrowArray *out, struct stoa_error *err)
{
	for (;;) {
		int rc = next_message(r, err);

		if (rc != STOA_ROW)
			return rc;
		if (r->message.codec != STOA__ARROW_NO_CODEC && r->message.header != STOA__ARROW_SCHEMA)
			STOA_TRY(in_file(r, stoa__arrow_codec_check(r->message.codec, err), err));
		if (r->message.header == STOA__ARROW_RECORDS)
			return load_batch(r, out, err);
		if (r->message.header == STOA__ARROW_DICTIONARY)
			STOA_TRY(load_dictionary(r, err));
		else if (r->message.header == STOA__ARROW_SCHEMA)
			return corrupt(r, r->body, "a second schema", err);
	}
}

/* ---- opening --------------------------------------------------------------------------------- */

static int load_schema(struct stoa__arrow_reader *r, struct stoa__flat *f, uint32_t schema,
		       struct stoa_error *err)
{
	STOA_TRY(in_file(r, stoa__arrow_schema_read(f, schema, &r->schema, err), err));
	return make_dictionaries(r, err);
}

static int open_file(struct stoa__arrow_reader *r, struct stoa_error *err)
{
	uint64_t size = r->in.size;
	char tail[FILE_TAIL];
	uint32_t len;

	if (size < FILE_HEAD + FILE_TAIL)
		return corrupt(r, size, "the file is cut short", err);
	STOA_TRY(read_at(r, size - FILE_TAIL, tail, sizeof tail, err));
	len = stoa__load_u32(tail);
	if (memcmp(tail + 4, STOA__ARROW_MAGIC, STOA__ARROW_MAGIC_LEN))
		return corrupt(r, size, "the file is cut short: its end is missing", err);
	if (!len || len > STOA__ARROW_METADATA_MAX || len > size - FILE_HEAD - FILE_TAIL)
		return corrupt(r, size - FILE_TAIL, "the footer is malformed", err);
	STOA_TRY(read_buf(r, size - FILE_TAIL - len, len, &r->footer, err));
	r->places = (struct stoa__flat){ r->footer.p, len, false };
	STOA_TRY(in_file(r, stoa__arrow_footer_read(&r->places, &r->blocks, err), err));
	STOA_TRY(load_schema(r, &r->places, r->blocks.schema, err));
	for (uint32_t i = 0; i < r->blocks.n_dictionaries; i++) {
		STOA_TRY(open_block(r, r->blocks.dictionaries, i, err));
		if (r->message.header != STOA__ARROW_DICTIONARY)
			return corrupt(r, r->body, "the footer takes this for a dictionary", err);
		if (r->message.codec != STOA__ARROW_NO_CODEC)
			STOA_TRY(in_file(r, stoa__arrow_codec_check(r->message.codec, err), err));
		STOA_TRY(load_dictionary(r, err));
	}
	return STOA_OK;
}

static int open_stream(struct stoa__arrow_reader *r, struct stoa_error *err)
{
	int rc = next_in_stream(r, err);

	if (rc == STOA_ROW && r->message.header == STOA__ARROW_SCHEMA)
		return load_schema(r, &r->flat, r->message.schema, err);
	return rc < 0 ? rc : corrupt(r, 0, "it begins with no schema: this is no Arrow stream", err);
}

static bool has_magic(const struct stoa__csv_input *in, bool *file)
{
	char head[8] = { 0 };
	size_t got;

	if (stoa__csv_input_read(in, 0, head, sizeof head, &got, NULL) < 0 || got < sizeof head)
		return false;
	*file = !memcmp(head, STOA__ARROW_MAGIC, STOA__ARROW_MAGIC_LEN);
	return *file || (stoa__load_u32(head) == STOA__ARROW_MARK &&
			 stoa__load_u32(head + 4) - 1 < STOA__ARROW_METADATA_MAX);
}

bool stoa__arrow_is_ipc(const char *path)
{
	struct stoa__csv_input in;
	struct stat st;
	bool is, file;

	/* What is read from a pipe is gone. */
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || stoa__csv_input_open(path, &in, NULL) < 0)
		return false;
	is = has_magic(&in, &file);
	stoa__csv_input_close(&in);
	return is;
}

/* @bytes: @len of them in memory, for which @path is a name; NULL: the file of that name. */
static int open_reader(const char *path, const void *bytes, size_t len,
		       struct stoa__arrow_reader **out, struct stoa_error *err)
{
	struct stoa__arrow_reader *r = stoa__calloc(1, sizeof *r);
	bool file = false;
	int rc;

	*out = NULL;
	if (!r)
		return stoa__fail_memory(err);
	r->in.fd = -1;
	r->path = stoa__strndup(path, strlen(path));
	rc = r->path ? STOA_OK : stoa__fail_memory(err);
	if (rc == STOA_OK && bytes)
		r->in = (struct stoa__csv_input){ -1, bytes, r->path, len };
	else if (rc == STOA_OK)
		rc = stoa__csv_input_open(r->path, &r->in, err);
	if (rc == STOA_OK) {
		(void)has_magic(&r->in, &file);	/* a stream of old begins with any bytes */
		rc = file ? open_file(r, err) : open_stream(r, err);
	}
	if (rc < 0) {
		stoa__arrow_reader_close(r);
		return rc;
	}
	*out = r;
	return STOA_OK;
}

int stoa__arrow_reader_open(const char *path, struct stoa__arrow_reader **out,
			    struct stoa_error *err)
{
	return open_reader(path, NULL, 0, out, err);
}

void stoa__arrow_reader_close(struct stoa__arrow_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_dictionaries; i++)
		stoa__arrow_array_drop(&r->dictionaries[i].values);
	stoa__free(r->dictionaries);
	stoa__arrow_schema_release(&r->schema);
	stoa__buf_release(&r->footer);
	stoa__buf_release(&r->metadata);
	stoa__free(r->wanted);
	stoa__csv_input_close(&r->in);
	stoa__free(r->path);
	stoa__free(r);
}

const struct stoa__arrow_schema *stoa__arrow_reader_schema(const struct stoa__arrow_reader *r)
{
	return &r->schema;
}

uint64_t stoa__arrow_reader_size(const struct stoa__arrow_reader *r)
{
	return r->in.size;
}

int stoa__arrow_reader_only(struct stoa__arrow_reader *r, const uint32_t *columns, size_t n)
{
	r->wanted = stoa__realloc_array(NULL, n + 1, sizeof *r->wanted);
	if (!r->wanted)
		return STOA_ENOMEM;
	memcpy(r->wanted, columns, n * sizeof *columns);
	r->n_wanted = n;
	return STOA_OK;
}

/* ---- the stream ------------------------------------------------------------------------------ */

static int errno_of(int rc)
{
	return rc == STOA_ENOMEM ? ENOMEM : rc < 0 ? EIO : 0;
}

static int get_schema(struct ArrowArrayStream *s, struct ArrowSchema *out)
{
	struct stoa__arrow_reader *r = s->private_data;
	size_t n = r->wanted ? r->n_wanted : r->schema.n;
	struct stoa__arrow_field *fields = stoa__calloc(n + 1, sizeof *fields);
	int rc;

	for (size_t i = 0; fields && i < n; i++)
		fields[i] = r->schema.fields[r->wanted ? r->wanted[i] : i];
	rc = fields ? stoa__arrow_schema_new(fields, n, out) : STOA_ENOMEM;
	stoa__free(fields);
	if (rc < 0)
		stoa__fail_memory(&r->err);
	return errno_of(rc);
}

static int get_next(struct ArrowArrayStream *s, struct ArrowArray *out)
{
	struct stoa__arrow_reader *r = s->private_data;

	memset(out, 0, sizeof *out);
	if (!r->failed) {
		int rc = next_batch(r, out, &r->err);
		r->failed = rc < 0 || rc == STOA_END ? rc : 0;
	}
	return errno_of(r->failed);
}

static const char *get_last_error(struct ArrowArrayStream *s)
{
	return ((struct stoa__arrow_reader *)s->private_data)->err.text;
}

static void release(struct ArrowArrayStream *s)
{
	stoa__arrow_reader_close(s->private_data);
	s->release = NULL;
}

int stoa__arrow_reader_cursor(struct stoa__arrow_reader *r, stoa_cursor **out,
			      struct stoa_error *err)
{
	struct ArrowArrayStream s = { get_schema, get_next, get_last_error, release, r };

	return stoa__arrow_import(&s, &r->err, out, err);
}

int stoa_arrow_read(const char *path, stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__arrow_reader *r;

	if (out)
		*out = NULL;
	if (!path || !out)
		return stoa__fail(err, STOA_EINVAL, "a file, and room for the cursor are wanted");
	STOA_TRY(stoa__arrow_reader_open(path, &r, err));
	return stoa__arrow_reader_cursor(r, out, err);
}

int stoa_arrow_read_bytes(const void *p, size_t len, stoa_cursor **out, struct stoa_error *err)
{
	struct stoa__arrow_reader *r;

	if (out)
		*out = NULL;
	if (!p || !out)
		return stoa__fail(err, STOA_EINVAL, "bytes, and room for the cursor are wanted");
	STOA_TRY(open_reader("memory", p, len, &r, err));
	return stoa__arrow_reader_cursor(r, out, err);
}
