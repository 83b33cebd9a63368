/* SPDX-License-Identifier: MIT */
/*
 * message.c - Arrow's metadata, read; see message.h
 *
 * Fields of tables are called by the numbers that they have in Arrow's .fbs files.
 */
#include "message.h"

#include <string.h>

#include "../core/alloc.h"
#include "../core/error.h"
#include "../core/type.h"

/* Message */
enum { M_VERSION, M_HEADER_TYPE, M_HEADER, M_BODY_LEN };
/* Schema; Field */
enum { S_ENDIANNESS, S_FIELDS };
enum { F_NAME, F_NULLABLE, F_TYPE_TYPE, F_TYPE, F_DICTIONARY, F_CHILDREN, F_METADATA };
/* DictionaryEncoding; RecordBatch; DictionaryBatch; Footer */
enum { D_ID, D_INDEX };
enum { R_LENGTH, R_NODES, R_BUFFERS, R_COMPRESSION, R_VARIADIC };
enum { B_ID, B_DATA, B_IS_DELTA };
enum { T_VERSION, T_SCHEMA, T_DICTIONARIES, T_BATCHES };

#define VERSION_4 3	/* of 2017: bodies as today, but for unions */
#define VERSION_5 4
#define PAIRS_MAX 256	/* of a column's metadata are looked at */
#define BLOCK_SIZE 24	/* i64 offset, i32 length of metadata, 4 of nothing, i64 length of the body */

static int corrupt(struct stoa_error *err, const char *what)
{
	return stoa__fail(err, STOA_ECORRUPT, "%s", what);
}

/* ---- types ----------------------------------------------------------------------------------- */

/* The values of the union Type. */
enum {
	T_NULL = 1, T_INT, T_FLOAT, T_BINARY, T_UTF8, T_BOOL, T_DECIMAL, T_DATE, T_TIME,
	T_TIMESTAMP, T_INTERVAL, T_LIST, T_STRUCT, T_UNION, T_FIXED, T_FIXED_LIST, T_MAP,
	T_DURATION, T_LARGE_BINARY, T_LARGE_UTF8, T_LARGE_LIST, T_RUNS, T_BINARY_VIEW,
	T_UTF8_VIEW,
};

static int read_int_type(struct stoa__flat *f, uint32_t t, struct stoa__arrow_type *out)
{
	int64_t bits = stoa__flat_int(f, t, 0, 4, 0);

	*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_INT, .width = (uint32_t)bits / 8,
					  .is_signed = stoa__flat_int(f, t, 1, 1, 0) != 0 };
	return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? STOA_OK : STOA_ECORRUPT;
}

static int read_decimal_type(struct stoa__flat *f, uint32_t t, struct stoa__arrow_type *out)
{
	int64_t precision = stoa__flat_int(f, t, 0, 4, 0), scale = stoa__flat_int(f, t, 1, 4, 0);
	int64_t bits = stoa__flat_int(f, t, 2, 4, 128);

	if (precision < 1 || precision > 76 || scale < -76 || scale > 76 ||
	    (bits != 32 && bits != 64 && bits != 128 && bits != 256))
		return STOA_ECORRUPT;
	*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_DECIMAL, .width = (uint32_t)bits / 8,
					  .precision = (int32_t)precision,
					  .scale = (int32_t)scale };
	return STOA_OK;
}

static int read_time_type(struct stoa__flat *f, uint32_t t, struct stoa__arrow_type *out)
{
	int64_t unit = stoa__flat_int(f, t, 0, 2, STOA__ARROW_MILLI);
	int64_t bits = stoa__flat_int(f, t, 1, 4, 32);

	*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_TIME, .unit = (uint8_t)unit,
					  .width = (uint32_t)bits / 8 };
	return unit >= 0 && unit <= STOA__ARROW_NANO && bits == (unit <= STOA__ARROW_MILLI ? 32 : 64) ?
		       STOA_OK : STOA_ECORRUPT;
}

/* Types that a number or two tell apart: by the format string, which has them all already. */
static int read_plain_type(struct stoa__flat *f, unsigned tag, uint32_t t,
			   struct stoa__arrow_type *out)
{
	static const char *const formats[] = {
		[T_NULL] = "n", [T_BINARY] = "z", [T_UTF8] = "u", [T_BOOL] = "b",
		[T_LARGE_BINARY] = "Z", [T_LARGE_UTF8] = "U", [T_BINARY_VIEW] = "vz",
		[T_UTF8_VIEW] = "vu",
	};
	static const char *const floats[] = { "e", "f", "g" }, *const dates[] = { "tdD", "tdm" };
	int64_t x = stoa__flat_int(f, t, 0, 2, tag == T_DATE);

	if (tag == T_FLOAT)
		return x >= 0 && x < 3 ? stoa__arrow_type_parse(floats[x], out) : STOA_ECORRUPT;
	if (tag == T_DATE)
		return x >= 0 && x < 2 ? stoa__arrow_type_parse(dates[x], out) : STOA_ECORRUPT;
	if (tag >= sizeof formats / sizeof *formats || !formats[tag])
		return STOA_EUNSUPPORTED;
	return stoa__arrow_type_parse(formats[tag], out);
}

static int read_type(struct stoa__flat *f, unsigned tag, uint32_t t, struct stoa__arrow_type *out)
{
	int64_t x;

	switch (tag) {
	case T_INT: return read_int_type(f, t, out);
	case T_DECIMAL: return read_decimal_type(f, t, out);
	case T_TIME: return read_time_type(f, t, out);
	case T_TIMESTAMP:
		x = stoa__flat_int(f, t, 0, 2, 0);
		*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_TIMESTAMP, .width = 8,
						  .unit = (uint8_t)x };
		return x >= 0 && x <= STOA__ARROW_NANO ? STOA_OK : STOA_ECORRUPT;
	case T_FIXED:
		x = stoa__flat_int(f, t, 0, 4, 0);
		*out = (struct stoa__arrow_type){ .kind = STOA__ARROW_FIXED, .width = (uint32_t)x };
		return x >= 0 && x <= STOA_TEXT_MAX ? STOA_OK : STOA_ECORRUPT;
	default: return read_plain_type(f, tag, t, out);
	}
}

/* ---- schemas --------------------------------------------------------------------------------- */

void stoa__arrow_schema_release(struct stoa__arrow_schema *s)
{
	stoa__free(s->fields);
	stoa__free(s->names);
	*s = (struct stoa__arrow_schema){ 0 };
}

static bool equals(struct stoa_bytes b, const char *s)
{
	return b.p && b.len == strlen(s) && !memcmp(b.p, s, b.len);
}

static bool is_uuid(struct stoa__flat *f, uint32_t field)
{
	uint32_t n, pairs = stoa__flat_vector(f, field, F_METADATA, 4, &n);

	for (uint32_t i = 0; i < n && i < PAIRS_MAX && !f->bad; i++) {
		uint32_t pair = stoa__flat_element(f, pairs, i);

		if (equals(stoa__flat_string(f, pair, 0), STOA__ARROW_EXTENSION))
			return equals(stoa__flat_string(f, pair, 1), STOA__ARROW_UUID);
	}
	return false;
}

static const char *nested_name(unsigned tag)
{
	static const char *const names[] = {
		[T_INTERVAL] = "an interval", [T_LIST] = "a list", [T_STRUCT] = "a struct",
		[T_UNION] = "a union", [T_FIXED_LIST] = "a list", [T_MAP] = "a map",
		[T_DURATION] = "a duration", [T_LARGE_LIST] = "a list",
		[T_RUNS] = "run-end encoded",
	};

	if (tag >= sizeof names / sizeof *names || !names[tag])
		return "of a type that stoa does not know";
	return names[tag];
}

static int read_field(struct stoa__flat *f, uint32_t field, struct stoa__arrow_field *out,
		      struct stoa_error *err)
{
	unsigned tag = (unsigned)stoa__flat_int(f, field, F_TYPE_TYPE, 1, 0) & 255;
	uint32_t dictionary = stoa__flat_table(f, field, F_DICTIONARY), index;
	int rc = read_type(f, tag, stoa__flat_table(f, field, F_TYPE), &out->type);

	if (rc == STOA_EUNSUPPORTED && !f->bad)
		return stoa__fail(err, rc, "column \"%.*s\" is %s, which no slot can hold",
				  STOA_NAME_MAX, out->name, nested_name(tag));
	if (rc < 0 || f->bad)
		return corrupt(err, "the type of a column is malformed");
	out->uuid = is_uuid(f, field);
	out->dictionary = dictionary != 0;
	if (!dictionary)
		return STOA_OK;
	out->dictionary_id = stoa__flat_int(f, dictionary, D_ID, 8, 0);
	index = stoa__flat_table(f, dictionary, D_INDEX);
	if (!index)	/* left out: i32 */
		return stoa__arrow_type_parse("i", &out->index);
	if (read_int_type(f, index, &out->index) < 0)
		return corrupt(err, "the codes of a column are malformed");
	return STOA_OK;
}

/* Names with a NUL behind each, in one piece: two passes over the fields. */
static int read_names(struct stoa__flat *f, uint32_t fields, struct stoa__arrow_schema *out,
		      struct stoa_error *err)
{
	size_t size = 1;
	char *at;

	for (uint32_t i = 0; i < out->n; i++) {
		struct stoa_bytes name =
			stoa__flat_string(f, stoa__flat_element(f, fields, i), F_NAME);
		size += (size_t)name.len + 1;
	}
	if (f->bad || size > STOA__ARROW_METADATA_MAX)
		return corrupt(err, "the schema is malformed");
	out->names = at = stoa__alloc(size);
	if (!out->names)
		return stoa__fail_memory(err);
	for (uint32_t i = 0; i < out->n; i++) {
		struct stoa_bytes name =
			stoa__flat_string(f, stoa__flat_element(f, fields, i), F_NAME);
		if (name.len)
			memcpy(at, name.p, name.len);
		at[name.len] = '\0';
		if (!stoa__utf8_valid(at, name.len) || strlen(at) != name.len)
			return corrupt(err, "the name of a column is no text");
		out->fields[i].name = at;
		at += name.len + 1;
	}
	return STOA_OK;
}

int stoa__arrow_schema_read(struct stoa__flat *f, uint32_t schema, struct stoa__arrow_schema *out,
			    struct stoa_error *err)
{
	uint32_t n, fields = stoa__flat_vector(f, schema, S_FIELDS, 4, &n);

	if (!schema || f->bad)
		return corrupt(err, "the schema is malformed");
	if (stoa__flat_int(f, schema, S_ENDIANNESS, 2, 0))
		return stoa__fail(err, STOA_EUNSUPPORTED, "its numbers are big-endian");
	if (n > STOA_SLOTS_MAX)
		return stoa__fail(err, STOA_EFULL, "%u columns: stoa has room for %d", n,
				  STOA_SLOTS_MAX);
	out->n = n;
	out->fields = stoa__calloc((size_t)n + 1, sizeof *out->fields);
	if (!out->fields)
		return stoa__fail_memory(err);
	STOA_TRY(read_names(f, fields, out, err));
	for (uint32_t i = 0; i < n; i++)
		STOA_TRY(read_field(f, stoa__flat_element(f, fields, i), &out->fields[i], err));
	return STOA_OK;
}

/* ---- messages -------------------------------------------------------------------------------- */

static int read_batch(struct stoa__flat *f, uint32_t batch, struct stoa__arrow_message *out,
		      struct stoa_error *err)
{
	uint32_t compression = stoa__flat_table(f, batch, R_COMPRESSION);

	out->n_rows = stoa__flat_int(f, batch, R_LENGTH, 8, 0);
	out->nodes = stoa__flat_vector(f, batch, R_NODES, 16, &out->n_nodes);
	out->buffers = stoa__flat_vector(f, batch, R_BUFFERS, 16, &out->n_buffers);
	out->variadic = stoa__flat_vector(f, batch, R_VARIADIC, 8, &out->n_variadic);
	out->codec = compression ? (int)stoa__flat_int(f, compression, 0, 1, 0) :
				   STOA__ARROW_NO_CODEC;
	if (f->bad || !batch || out->n_rows < 0 || out->n_rows > INT32_MAX)
		return corrupt(err, "a batch is malformed");
	if (compression && (out->codec < 0 || out->codec > 1 ||
			    stoa__flat_int(f, compression, 1, 1, 0)))
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "it is compressed by a method that stoa does not know");
	return STOA_OK;
}

int stoa__arrow_message_read(struct stoa__flat *f, struct stoa__arrow_message *out,
			     struct stoa_error *err)
{
	uint32_t m = stoa__flat_root(f), header = stoa__flat_table(f, m, M_HEADER);
	int64_t version = stoa__flat_int(f, m, M_VERSION, 2, 0);

	memset(out, 0, sizeof *out);
	out->header = (uint8_t)stoa__flat_int(f, m, M_HEADER_TYPE, 1, 0);
	out->body_len = stoa__flat_int(f, m, M_BODY_LEN, 8, 0);
	if (f->bad || !m || !header || out->body_len < 0)
		return corrupt(err, "a message is malformed");
	if (version != VERSION_4 && version != VERSION_5)
		return stoa__fail(err, STOA_EUNSUPPORTED,
				  "it has a version of the format that stoa does not read");
	if (out->header == STOA__ARROW_SCHEMA)
		out->schema = header;
	if (out->header == STOA__ARROW_RECORDS)
		return read_batch(f, header, out, err);
	if (out->header != STOA__ARROW_DICTIONARY)
		return STOA_OK;
	out->dictionary_id = stoa__flat_int(f, header, B_ID, 8, 0);
	out->is_delta = stoa__flat_int(f, header, B_IS_DELTA, 1, 0) != 0;
	return read_batch(f, stoa__flat_table(f, header, B_DATA), out, err);
}

struct stoa__arrow_node stoa__arrow_node_at(const struct stoa__flat *f,
					    const struct stoa__arrow_message *m, uint32_t i)
{
	return (struct stoa__arrow_node){ stoa__flat_load(f, m->nodes + 16 * i, 8),
					  stoa__flat_load(f, m->nodes + 16 * i + 8, 8) };
}

struct stoa__arrow_buffer stoa__arrow_buffer_at(const struct stoa__flat *f,
						const struct stoa__arrow_message *m, uint32_t i)
{
	return (struct stoa__arrow_buffer){ stoa__flat_load(f, m->buffers + 16 * i, 8),
					    stoa__flat_load(f, m->buffers + 16 * i + 8, 8) };
}

int64_t stoa__arrow_variadic_at(const struct stoa__flat *f, const struct stoa__arrow_message *m,
				uint32_t i)
{
	return stoa__flat_load(f, m->variadic + 8 * i, 8);
}

int stoa__arrow_footer_read(struct stoa__flat *f, struct stoa__arrow_footer *out,
			    struct stoa_error *err)
{
	uint32_t root = stoa__flat_root(f);

	out->schema = stoa__flat_table(f, root, T_SCHEMA);
	out->dictionaries = stoa__flat_vector(f, root, T_DICTIONARIES, BLOCK_SIZE,
					      &out->n_dictionaries);
	out->batches = stoa__flat_vector(f, root, T_BATCHES, BLOCK_SIZE, &out->n_batches);
	return f->bad || !out->schema ? corrupt(err, "the footer is malformed") : STOA_OK;
}

struct stoa__arrow_block stoa__arrow_block_at(const struct stoa__flat *f, uint32_t blocks,
					      uint32_t i)
{
	uint32_t at = blocks + BLOCK_SIZE * i;

	return (struct stoa__arrow_block){ stoa__flat_load(f, at, 8),
					   (int32_t)stoa__flat_load(f, at + 8, 4),
					   stoa__flat_load(f, at + 16, 8) };
}
